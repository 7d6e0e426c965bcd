//! A connection to Redis.

use std::time::Duration;

use bytes::Bytes;
use redis::aio::{ConnectionLike, MultiplexedConnection};
use redis::{AsyncConnectionConfig, Client, InfoDict, RedisError, RedisResult, Value};

use crate::core::cluster::call::{Answer, Call, NodeId, Term};
use crate::core::cluster::lane::Numbered;
use crate::position::Epoch;
use crate::store::redis::encoding::Sender;
use crate::store::redis::scripts::{Scripts, fence};

/// The longest time that a connection may take to open.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// The longest time that Redis may take to answer. A connection that is silent for longer is
/// replaced.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);

/// Where a cluster keeps its state.
#[derive(Clone, Debug)]
pub struct Place {
    /// The server.
    pub client: Client,
    /// The beginning of all keys. It has the hash tag, so all keys are in one slot.
    pub keys: String,
}

/// The highest numbers that a node has seen. A process of Redis that has lost data goes on above
/// them.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Known {
    /// The highest term.
    pub term: Term,
    /// The highest turn.
    pub turn: u64,
    /// The highest epoch of a log.
    pub epoch: u64,
}

impl Known {
    /// Notes the numbers in an answer.
    pub fn note<E>(&mut self, answer: &Answer<E>) {
        match answer {
            Answer::Connected { record, .. } | Answer::Taken { record, .. } => {
                self.turn = self.turn.max(record.turn.0);
                self.note_epochs(record.read.values().map(|(epoch, _)| *epoch));
            }
            Answer::Renewed { read, .. } => {
                self.note_epochs(read.values().map(|(epoch, _)| *epoch));
            }
            Answer::Loaded(loaded) => self.note_epochs([loaded.log.epoch]),
            _ => {}
        }
    }

    fn note_epochs(&mut self, epochs: impl IntoIterator<Item = Epoch>) {
        let highest = epochs.into_iter().map(u64::from).max();
        self.epoch = self.epoch.max(highest.unwrap_or_default());
    }
}

/// A connection to Redis, whose scripts are loaded and whose term has begun.
#[derive(Clone)]
pub struct Link {
    connection: MultiplexedConnection,
    scripts: Scripts,
    sender: Sender,
}

impl Place {
    /// Opens a connection on which answers may take any time.
    ///
    /// # Errors
    /// Returns the error of Redis or of the connection.
    pub async fn connect(&self) -> RedisResult<MultiplexedConnection> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT_TIMEOUT))
            .set_response_timeout(None);
        let client = &self.client;
        client
            .get_multiplexed_async_connection_with_config(&config)
            .await
    }
}

impl Link {
    /// Opens a connection for the calls of a node. Begins a term if no node has written to this
    /// process of Redis yet.
    ///
    /// # Errors
    /// Returns the error of Redis or of the connection.
    pub async fn open(place: &Place, node: NodeId, known: Known) -> RedisResult<Self> {
        let mut connection = place.connect().await?;
        connection.set_response_timeout(ANSWER_TIMEOUT);
        let info: InfoDict = redis::cmd("INFO").query_async(&mut connection).await?;
        let process: String = info.get("run_id").unwrap_or_default();
        let scripts = Scripts::load(&mut connection).await?;
        let known = [known.term.0, known.turn, known.epoch];
        let term = fence(&mut connection, &place.keys, &process, known).await?;
        let sender = Sender {
            node,
            term: Term(term),
            keys: place.keys.clone(),
        };
        Ok(Self {
            connection,
            scripts,
            sender,
        })
    }

    /// Returns the term in which the calls are made.
    pub fn term(&self) -> Term {
        self.sender.term
    }

    /// Makes calls, all in one write. Returns the answer to each of them, or why Redis did not
    /// execute it.
    ///
    /// # Errors
    /// Returns the error of the connection. The calls may have been executed.
    pub async fn make<'a>(
        &mut self,
        calls: impl Iterator<Item = Numbered<&'a Call<Bytes>>>,
    ) -> RedisResult<Vec<Result<Value, RedisError>>> {
        let mut pipe = redis::pipe();
        for Numbered { number, call } in calls {
            pipe.add_command(self.sender.command(&self.scripts, number, call));
        }
        let count = pipe.len();
        let values = self.connection.req_packed_commands(&pipe, 0, count).await?;
        let results = values.into_iter().map(|value| match value {
            Value::ServerError(error) => Err(error.into()),
            value => Ok(value),
        });
        Ok(results.collect())
    }
}
