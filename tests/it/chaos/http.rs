//! HTTP by hand, so that a client controls its socket: it can reset it, leave it unread, or abandon
//! it.

use std::io;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The head of an answer.
#[derive(Debug, Default)]
pub(super) struct Head {
    pub(super) status: u16,
    /// The length of the body, if it is known.
    length: usize,
    /// The position that the client has read once it has read the body: `X-Channelstream-Position`.
    pub(super) position: Option<String>,
}

/// A connection to the server.
pub(super) struct Http {
    pub(super) stream: TcpStream,
    /// The bytes that were read and not yet used. They stay here when a read is cancelled.
    buffer: Vec<u8>,
    /// The head of an answer whose body has not arrived yet.
    begun: Option<Head>,
}

impl Http {
    /// Sends the head of a GET request.
    pub(super) async fn get(stream: TcpStream, path: &str) -> io::Result<Self> {
        let mut http = Self {
            stream,
            buffer: Vec::new(),
            begun: None,
        };
        http.ask(path).await?;
        Ok(http)
    }

    /// Sends another GET request on the same connection.
    pub(super) async fn ask(&mut self, path: &str) -> io::Result<()> {
        let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n");
        self.stream.write_all(request.as_bytes()).await
    }

    /// Reads the head of the answer.
    pub(super) async fn head(&mut self) -> io::Result<Head> {
        let text = self.until("\r\n\r\n").await?;
        let mut head = Head::default();
        let mut lines = text.lines();
        let status = lines.next().and_then(|line| line.split(' ').nth(1));
        head.status = status.and_then(|status| status.parse().ok()).unwrap();
        for (name, value) in lines.filter_map(|line| line.split_once(": ")) {
            match name.to_ascii_lowercase().as_str() {
                "content-length" => head.length = value.parse().unwrap(),
                "x-channelstream-position" => head.position = Some(value.to_owned()),
                _ => {}
            }
        }
        Ok(head)
    }

    /// Reads a whole answer.
    pub(super) async fn answer(&mut self) -> io::Result<(Head, String)> {
        let head = match self.begun.take() {
            Some(head) => head,
            None => self.head().await?,
        };
        // If the read is cancelled, the next call continues here.
        let length = head.length;
        self.begun = Some(head);
        while self.buffer.len() < length {
            self.more().await?;
        }
        let body = self.buffer.drain(..length).collect();
        let head = self.begun.take().unwrap();
        Ok((head, String::from_utf8(body).unwrap()))
    }

    /// Reads the next chunk of a chunked body. Returns `None` at its end.
    pub(super) async fn chunk(&mut self) -> io::Result<Option<Vec<u8>>> {
        loop {
            if let Some(line) = find(&self.buffer, b"\r\n") {
                let size = str::from_utf8(&self.buffer[..line]).unwrap();
                let size = usize::from_str_radix(size, 16).unwrap();
                if self.buffer.len() >= line + size + 4 {
                    let chunk = self.buffer[line + 2..line + 2 + size].to_vec();
                    self.buffer.drain(..line + size + 4);
                    return Ok((size > 0).then_some(chunk));
                }
            }
            self.more().await?;
        }
    }

    /// Reads up to and including this text, and removes it from the buffer.
    async fn until(&mut self, end: &str) -> io::Result<String> {
        loop {
            if let Some(at) = find(&self.buffer, end.as_bytes()) {
                let text = self.buffer.drain(..at + end.len()).collect();
                return Ok(String::from_utf8(text).unwrap());
            }
            self.more().await?;
        }
    }

    async fn more(&mut self) -> io::Result<()> {
        match self.stream.read_buf(&mut self.buffer).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }
}

fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).position(|window| window == part)
}
