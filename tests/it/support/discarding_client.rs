//! Clients that read and count bytes, for tests in which nobody looks at the events.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use super::server::Server;

/// A websocket that is read until it ends. It answers no pings.
pub(crate) struct DiscardingClient {
    reading: JoinHandle<()>,
    bytes: Arc<AtomicUsize>,
}

impl DiscardingClient {
    /// Opens the websocket, and waits for the answer to its handshake.
    pub(crate) async fn open(server: &Server, conn_id: &str) -> Self {
        let mut stream = TcpStream::connect(&server.address).await.unwrap();
        let upgrade = format!(
            "GET /ws?conn_id={conn_id} HTTP/1.1\r\nHost: x\r\n\
             Connection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        stream.write_all(upgrade.as_bytes()).await.unwrap();
        let mut head = [0; 12];
        stream.read_exact(&mut head).await.unwrap();
        assert_eq!(&head, b"HTTP/1.1 101");
        let bytes = Arc::new(AtomicUsize::new(0));
        let counter = bytes.clone();
        let reading = tokio::spawn(async move {
            let mut buffer = vec![0; 64 << 10];
            while let Ok(length @ 1..) = stream.read(&mut buffer).await {
                counter.fetch_add(length, Ordering::Relaxed);
            }
        });
        Self { reading, bytes }
    }

    /// Returns the number of bytes that have arrived.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }
}

impl Drop for DiscardingClient {
    fn drop(&mut self) {
        self.reading.abort();
    }
}
