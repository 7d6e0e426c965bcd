//! A client that writes its requests byte by byte.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::server::Server;

/// The text that the server sent until it closed the socket.
#[derive(Debug)]
pub(crate) struct Ending {
    pub(crate) text: String,
    pub(crate) after: Duration,
}

impl Ending {
    /// Returns the status of the last answer.
    pub(crate) fn status(&self) -> u16 {
        let head = self.text.rsplit("HTTP/1.1 ").next().unwrap_or_default();
        head.get(..3)
            .and_then(|status| status.parse().ok())
            .unwrap_or_default()
    }
}

pub(crate) struct Raw(TcpStream);

impl Raw {
    pub(crate) async fn open(server: &Server) -> Self {
        Self(TcpStream::connect(&server.address).await.unwrap())
    }

    /// Sends a text. It ignores errors: they mean that the server has closed the socket, which the
    /// answer will show.
    pub(crate) async fn send(&mut self, text: &str) {
        let _ = self.0.write_all(text.as_bytes()).await;
    }

    /// Reads the answer to a request, up to its content length.
    pub(crate) async fn answer(&mut self) -> String {
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\n") {
            answer.push(self.0.read_u8().await.unwrap());
        }
        let head = String::from_utf8(answer).unwrap().to_lowercase();
        let length = head
            .split("content-length: ")
            .nth(1)
            .and_then(|rest| rest.split('\r').next()?.parse().ok());
        let mut body = vec![0; length.unwrap_or(0)];
        self.0.read_exact(&mut body).await.unwrap();
        head + std::str::from_utf8(&body).unwrap()
    }

    /// Sends the text piece by piece, with a pause after each, and reads until the server has
    /// closed the socket.
    pub(crate) async fn ending_while_sending(
        mut self,
        pieces: impl Iterator<Item = String>,
        pause: Duration,
    ) -> Ending {
        let start = Instant::now();
        let (mut reader, mut writer) = self.0.split();
        let mut bytes = Vec::new();
        let send = async {
            for piece in pieces {
                if writer.write_all(piece.as_bytes()).await.is_err() {
                    break;
                }
                tokio::time::sleep(pause).await;
            }
            std::future::pending::<()>().await;
        };
        let read = tokio::time::timeout(Duration::from_secs(30), reader.read_to_end(&mut bytes));
        tokio::select! {
            read = read => drop(read.expect("the socket stays open")),
            () = send => {}
        }
        Ending {
            text: String::from_utf8_lossy(&bytes).into_owned(),
            after: start.elapsed(),
        }
    }

    /// Reads until the server has closed the socket.
    pub(crate) async fn ending(self) -> Ending {
        self.ending_while_sending(std::iter::empty(), Duration::ZERO)
            .await
    }
}
