//! A minimal HTTP/1.1 client for a load tool: it sends a request and reads an answer, on a
//! connection that stays open.

use anyhow::{Context, Result, bail, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A connection.
pub(crate) struct Http {
    stream: TcpStream,
    buffer: Vec<u8>,
}

/// An answer.
pub(crate) struct Answer {
    /// The status, such as 200.
    pub(crate) status: u16,
    /// The body.
    pub(crate) body: Vec<u8>,
}

impl Http {
    /// Uses an open stream.
    pub(crate) fn over(stream: TcpStream) -> Self {
        Self {
            stream,
            buffer: Vec::with_capacity(1024),
        }
    }

    /// Sends a whole request, and waits for its answer.
    pub(crate) async fn call(&mut self, request: &[u8]) -> Result<Answer> {
        self.stream.write_all(request).await?;
        let head = self.read_head().await?;
        while self.buffer.len() < head.end + head.content_length {
            self.read_more().await?;
        }
        let rest = self.buffer.split_off(head.end + head.content_length);
        let body = self.buffer.split_off(head.end);
        self.buffer = rest;
        Ok(Answer {
            status: head.status,
            body,
        })
    }

    /// Sends a request to upgrade to a websocket. Returns the stream, and the bytes of the
    /// websocket that were already read.
    pub(crate) async fn upgrade(mut self, request: &[u8]) -> Result<(TcpStream, Vec<u8>)> {
        self.stream.write_all(request).await?;
        let head = self.read_head().await?;
        if head.status != 101 {
            bail!(
                "the websocket was refused: status {}, {}",
                head.status,
                String::from_utf8_lossy(&self.buffer)
            );
        }
        Ok((self.stream, self.buffer.split_off(head.end)))
    }

    async fn read_head(&mut self) -> Result<Head> {
        loop {
            if let Some(head) = Head::parse(&self.buffer)? {
                return Ok(head);
            }
            self.read_more().await?;
        }
    }

    async fn read_more(&mut self) -> Result<()> {
        let read = self.stream.read_buf(&mut self.buffer).await?;
        ensure!(
            read > 0,
            "the server closed the connection instead of answering"
        );
        Ok(())
    }
}

struct Head {
    status: u16,
    end: usize,
    content_length: usize,
}

impl Head {
    fn parse(bytes: &[u8]) -> Result<Option<Self>> {
        let mut headers = [httparse::EMPTY_HEADER; 32];
        let mut response = httparse::Response::new(&mut headers);
        let httparse::Status::Complete(end) =
            response.parse(bytes).context("the answer is no HTTP")?
        else {
            return Ok(None);
        };
        let length = response
            .headers
            .iter()
            .find(|header| header.name.eq_ignore_ascii_case("content-length"));
        let length =
            length.and_then(|header| str::from_utf8(header.value).ok()?.trim().parse().ok());
        Ok(Some(Self {
            status: response.code.unwrap_or_default(),
            end,
            content_length: length.unwrap_or_default(),
        }))
    }
}
