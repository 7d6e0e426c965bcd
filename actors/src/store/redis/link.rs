//! A connection to Redis.

use std::time::Duration;

use bytes::Bytes;
use redis::aio::{ConnectionLike, MultiplexedConnection};
use redis::{AsyncConnectionConfig, Client, InfoDict, RedisError, RedisResult, Value};

use crate::core::cluster::answer::Answer;
use crate::core::cluster::call::{Call, NodeId, Record, Term};
use crate::core::cluster::lane::Numbered;
use crate::limits;
use crate::position::Epoch;
use crate::store::redis::encoding::{Limits, Sender};
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
    /// The limits that the scripts keep to.
    pub limits: Limits,
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
    /// The highest version of the state of a user.
    pub version: u64,
}

impl Known {
    /// Notes the numbers in an answer.
    pub fn note<E>(&mut self, answer: &Answer<E>) {
        match answer {
            Answer::Connected { record, .. }
            | Answer::Known(record)
            | Answer::Taken { record, .. } => self.note_record(record),
            Answer::Renewed { read, .. } => {
                self.note_epochs(read.values().map(|(epoch, _)| *epoch));
            }
            Answer::Loaded(loaded) => {
                self.note_epochs([loaded.log.epoch]);
                let version = loaded.user.as_ref().map(|user| user.version);
                self.version = self.version.max(version.unwrap_or_default());
            }
            Answer::User(user) => self.version = self.version.max(user.version),
            _ => {}
        }
    }

    fn note_record(&mut self, record: &Record) {
        self.turn = self.turn.max(record.turn.0);
        self.note_epochs(record.read.values().map(|(epoch, _)| *epoch));
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

/// Checks the version of a server: that of Valkey, or else that of Redis.
fn check_version(valkey: &str, redis: &str) -> Result<(), String> {
    let (name, version, least) = match valkey {
        "" => ("Redis", redis, (7, 0)),
        valkey => ("Valkey", valkey, (7, 2)),
    };
    let mut numbers = version.split('.').map(|number| number.parse::<u32>());
    let (Some(Ok(major)), Some(Ok(minor))) = (numbers.next(), numbers.next()) else {
        return Err(format!("{name} does not say which version it is"));
    };
    if (major, minor) < least {
        let (least_major, least_minor) = least;
        return Err(format!(
            "{name} {version} is too old; use {name} {least_major}.{least_minor} or later"
        ));
    }
    Ok(())
}

/// Returns the id of a new node.
pub fn random_id() -> NodeId {
    NodeId(uuid::Uuid::new_v4().as_u64_pair().1 >> 1)
}

impl Place {
    /// Creates the place for a server and the beginning of all keys.
    ///
    /// # Errors
    /// Fails when the address of the server is not one. The error does not say what the address is,
    /// since it may have a password in it.
    pub fn new(url: &str, prefix: &str, limits: &limits::Limits) -> Result<Self, String> {
        let client = Client::open(url).map_err(|error| {
            format!("redis_url is not the address of a Redis (redis://host:6379): {error}")
        })?;
        Ok(Self {
            client,
            keys: format!("{prefix}{{cs}}"),
            limits: limits.into(),
        })
    }

    /// Checks that the server can keep the state of a cluster. Returns warnings, such as one that
    /// the server cannot be reached now.
    ///
    /// # Errors
    /// Fails when the server is too old, or may drop keys when its memory is full.
    pub async fn check(&self) -> Result<Vec<String>, String> {
        let info: RedisResult<InfoDict> = async {
            let mut connection = self.connect().await?;
            connection.set_response_timeout(ANSWER_TIMEOUT);
            redis::cmd("INFO").query_async(&mut connection).await
        }
        .await;
        let info = match info {
            Ok(info) => info,
            Err(error) => {
                return Ok(vec![format!(
                    "Redis cannot be reached now, so calls get 503 until it can: {error}"
                )]);
            }
        };
        let value = |key| info.get::<String>(key).unwrap_or_default();
        check_version(&value("valkey_version"), &value("redis_version"))?;
        let policy = value("maxmemory_policy");
        if !policy.is_empty() && policy != "noeviction" {
            return Err(format!(
                "Redis drops keys when its memory is full (maxmemory-policy is {policy}); set \
                 maxmemory-policy to noeviction"
            ));
        }
        let keeps_file = value("aof_enabled") == "1";
        let warning = "Redis keeps no append-only file, so it loses everything when it stops; set \
                       appendonly to yes";
        Ok((!keeps_file)
            .then(|| warning.to_owned())
            .into_iter()
            .collect())
    }

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
        let known = [known.term.0, known.turn, known.epoch, known.version];
        let term = fence(&mut connection, &place.keys, &process, known).await?;
        let sender = Sender {
            node,
            term: Term(term),
            keys: place.keys.clone(),
            limits: place.limits.clone(),
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
