//! A node that makes one call after the other, and nothing else.

use bytes::Bytes;
use channelstream_actors::core::cluster::answer::Answer;
use channelstream_actors::core::cluster::call::{Call, NodeId, Term};
use channelstream_actors::store::redis::decoding;
use channelstream_actors::store::redis::encoding::{Limits, Sender};
use channelstream_actors::store::redis::scripts::{Scripts, fence};
use redis::Value;
use redis::aio::MultiplexedConnection;

use super::server::RedisServer;

/// A node that makes one call after the other.
pub(crate) struct Caller {
    pub(crate) connection: MultiplexedConnection,
    scripts: Scripts,
    pub(crate) sender: Sender,
    number: u64,
}

impl Caller {
    /// Begins the first term of a server.
    pub(crate) async fn start(server: &RedisServer, limits: Limits) -> Self {
        let mut connection = server.connect().await;
        Self::begin(&mut connection, "{cs}", "1", [0; 4], limits).await
    }

    /// Begins a term for a process of Redis. `known` has the highest numbers that the node knows.
    pub(crate) async fn begin(
        connection: &mut MultiplexedConnection,
        keys: &str,
        process: &str,
        known: [u64; 4],
        limits: Limits,
    ) -> Self {
        let scripts = Scripts::load(connection, &limits).await.unwrap();
        let term = fence(connection, keys, process, known).await.unwrap();
        let sender = Sender {
            node: NodeId(1),
            term: Term(term),
            keys: keys.to_owned(),
        };
        Self {
            connection: connection.clone(),
            scripts,
            sender,
            number: 0,
        }
    }

    /// Goes on with other limits.
    pub(crate) async fn limit(&mut self, limits: &Limits) {
        self.scripts = Scripts::load(&mut self.connection, limits).await.unwrap();
    }

    pub(crate) async fn call(&mut self, call: Call<Bytes>) -> Answer<Bytes> {
        self.number += 1;
        let command = self.sender.command(&self.scripts, self.number, &call);
        let value: Value = command.query_async(&mut self.connection).await.unwrap();
        decoding::answer(&call, &value).unwrap()
    }
}
