//! Publishes messages. Over HTTP, each publisher has a connection and waits for its answer. If the
//! protocol has no answer (NATS), all publishers share one connection and do not wait, as NATS' own
//! clients do.

use std::cell::RefCell;
use std::rc::Rc;

use anyhow::{Context, Result, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::Notify;

use crate::http::Http;
use crate::target::{Target, connect};

/// Makes publishers for one target.
pub(crate) struct PublisherPool {
    target: Target,
    /// The shared connection of a protocol without answers.
    shared: Option<Rc<Outbox>>,
}

/// A publisher.
pub(crate) struct Publisher {
    target: Target,
    /// A connection to each node.
    connections: Vec<Connection>,
}

enum Connection {
    Http(Http),
    Stream(Rc<Outbox>),
}

/// The bytes to write to the shared connection.
#[derive(Default)]
struct Outbox {
    bytes: RefCell<Vec<u8>>,
    filled: Notify,
}

impl PublisherPool {
    /// Makes a pool for a target. Must run within a `LocalSet`.
    pub(crate) async fn new(target: &Target) -> Result<Self> {
        let shared = match target.kind.answers() {
            true => None,
            false => {
                let outbox = Rc::new(Outbox::default());
                outbox
                    .bytes
                    .borrow_mut()
                    .extend_from_slice(b"CONNECT {\"verbose\":false}\r\n");
                let (reader, writer) = connect(target.publish_address, false).await?.into_split();
                tokio::task::spawn_local(write(outbox.clone(), writer));
                tokio::task::spawn_local(answer_pings(outbox.clone(), reader));
                Some(outbox)
            }
        };
        Ok(Self {
            target: target.clone(),
            shared,
        })
    }

    /// Returns another publisher.
    pub(crate) async fn publisher(&self) -> Result<Publisher> {
        let mut connections = Vec::new();
        for node in 0..self.target.nodes() {
            connections.push(match &self.shared {
                Some(outbox) => Connection::Stream(outbox.clone()),
                None => Connection::Http(self.target.node(node).backend().await?),
            });
        }
        Ok(Publisher {
            target: self.target.clone(),
            connections,
        })
    }
}

impl Publisher {
    /// Publishes a message at the first node.
    pub(crate) async fn publish(&mut self, channel: usize, message: &[u8]) -> Result<()> {
        self.publish_at(0, channel, message).await
    }

    /// Publishes a message at a node. Returns when the server has accepted it, if its protocol has
    /// an answer.
    pub(crate) async fn publish_at(
        &mut self,
        node: usize,
        channel: usize,
        message: &[u8],
    ) -> Result<()> {
        let request = self.target.publication(channel, message)?;
        let connection = self.connections.get_mut(node);
        match connection.with_context(|| format!("there is no node {node}"))? {
            Connection::Http(http) => {
                let answer = http.call(&request).await?;
                let text = String::from_utf8_lossy(&answer.body);
                ensure!(
                    (200..300).contains(&answer.status),
                    "a message was refused with {}: {text}",
                    answer.status
                );
            }
            Connection::Stream(outbox) => outbox.put(&request),
        }
        Ok(())
    }
}

impl Outbox {
    fn put(&self, bytes: &[u8]) {
        self.bytes.borrow_mut().extend_from_slice(bytes);
        self.filled.notify_one();
    }
}

/// Writes to the shared connection. It ends when the server closes it. Then deliveries are missing,
/// which the run reports.
async fn write(outbox: Rc<Outbox>, mut writer: OwnedWriteHalf) {
    loop {
        let bytes = outbox.bytes.take();
        if bytes.is_empty() {
            outbox.filled.notified().await;
        } else if writer.write_all(&bytes).await.is_err() {
            return;
        }
    }
}

async fn answer_pings(outbox: Rc<Outbox>, mut reader: OwnedReadHalf) {
    let mut buffer = vec![0; 4096];
    while let Ok(read @ 1..) = reader.read(&mut buffer).await {
        if buffer
            .get(..read)
            .is_some_and(|text| text.windows(6).any(|window| window == b"PING\r\n"))
        {
            outbox.put(b"PONG\r\n");
        }
    }
}
