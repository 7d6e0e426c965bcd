//! A connection to Redis.

use std::time::Duration;

use bytes::Bytes;
use redis::aio::{ConnectionLike, MultiplexedConnection};
use redis::{Client, InfoDict, RedisResult, Value};
use tokio::sync::watch;

use crate::core::cluster::answer::Answer;
use crate::core::cluster::call::{Call, FeedId, NodeId, Record, Term};
use crate::core::cluster::lane::Numbered;
use crate::limits;
use crate::position::Epoch;
use crate::store::redis::decoding;
use crate::store::redis::encoding::{Limits, Sender};
use crate::store::redis::resolver::{self, ANSWER_TIMEOUT, Primary, Servers};
use crate::store::redis::scripts::{LAYOUT, Scripts, fence};

/// The longest time for which replicas may take to confirm what was written. It is shorter than
/// [`ANSWER_TIMEOUT`], so that a missing replica does not look like a broken connection.
const REPLICAS_TIMEOUT: Duration = Duration::from_millis(500);

/// Where a cluster keeps its state.
#[derive(Clone, Debug)]
pub struct Place {
    /// The servers, of which one is the primary.
    pub servers: Servers,
    /// The beginning of all keys. It has the hash tag, so all keys are in one slot.
    pub keys: String,
    /// The limits that the scripts keep to.
    pub limits: Limits,
    /// The number of replicas that must confirm a change before its caller is answered.
    pub replicas: usize,
    /// The primary to which the lane has connected last. The reader follows it. `None` before the
    /// first connection.
    pub primary: watch::Sender<Option<Client>>,
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
    client: Client,
    replicas: usize,
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

/// Returns why this version cannot use the keys: they have another layout. `None` if it can.
async fn other_layout(
    connection: &mut impl ConnectionLike,
    keys: &str,
) -> RedisResult<Option<String>> {
    let mut command = redis::cmd("HGET");
    command.arg(format!("{keys}gen")).arg("layout");
    let found: Option<u32> = command.query_async(connection).await?;
    Ok(found.filter(|found| *found != LAYOUT).map(|found| {
        format!(
            "the keys that begin with {keys} belong to another version (their layout is {found}, \
             and this version uses {LAYOUT}); set another redis_prefix, or start that version"
        )
    }))
}

/// Returns the id of a new node.
pub fn random_id() -> NodeId {
    NodeId(uuid::Uuid::new_v4().as_u64_pair().1 >> 1)
}

impl Place {
    /// Creates the place for servers and the beginning of all keys.
    pub fn new(servers: Servers, prefix: &str, limits: &limits::Limits, replicas: usize) -> Self {
        Self {
            servers,
            keys: format!("{prefix}{{cs}}"),
            limits: limits.into(),
            replicas,
            primary: watch::Sender::new(None),
        }
    }

    /// Finds the primary.
    ///
    /// # Errors
    /// Returns the error of the last server that was asked.
    async fn find(&self) -> RedisResult<Primary> {
        let last = self.primary.borrow().clone();
        self.servers.find(&self.keys, last.as_ref()).await
    }

    /// Checks that the primary can keep the state of a cluster. Returns warnings, such as one that
    /// it cannot be reached now.
    ///
    /// # Errors
    /// Fails when the server is too old, may drop keys when its memory is full, or has keys of
    /// another layout.
    pub async fn check(&self) -> Result<Vec<String>, String> {
        let Primary { info, client } = match self.find().await {
            Ok(primary) => primary,
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
        // A Redis that does not answer this yet, since it still loads its data, is asked again when
        // the lane connects.
        if let Ok(mut connection) = resolver::connect(&client, ANSWER_TIMEOUT).await
            && let Ok(Some(reason)) = other_layout(&mut connection, &self.keys).await
        {
            return Err(reason);
        }
        let keeps_file = value("aof_enabled") == "1";
        let warning = "Redis keeps no append-only file, so it loses everything when it stops; set \
                       appendonly to yes";
        Ok((!keeps_file)
            .then(|| warning.to_owned())
            .into_iter()
            .collect())
    }
}

/// What a batch of calls has brought.
#[derive(Debug)]
pub struct Made {
    /// The answer to each call, or why Redis did not execute it.
    pub answers: Vec<RedisResult<Value>>,
    /// Whether as many replicas as asked for have what was written.
    pub is_confirmed: bool,
}

impl Link {
    /// Opens a connection to the primary for the calls of a node. Begins a term if no node has
    /// written to this process of Redis yet.
    ///
    /// # Errors
    /// Returns the error of Redis or of the connection.
    pub async fn open(place: &Place, node: NodeId, known: Known) -> RedisResult<Self> {
        let client = place.find().await?.client;
        let mut connection = resolver::connect(&client, ANSWER_TIMEOUT).await?;
        // Another process may have taken the place of the one that was found.
        let info: InfoDict = redis::cmd("INFO").query_async(&mut connection).await?;
        let process: String = info.get("run_id").unwrap_or_default();
        if let Some(reason) = other_layout(&mut connection, &place.keys).await? {
            return Err(resolver::error(&reason));
        }
        let scripts = Scripts::load(&mut connection, &place.limits).await?;
        let known = [known.term.0, known.turn, known.epoch, known.version];
        let term = fence(&mut connection, &place.keys, &process, known).await?;
        let sender = Sender {
            node,
            term: Term(term),
            keys: place.keys.clone(),
        };
        Ok(Self {
            connection,
            client,
            replicas: place.replicas,
            scripts,
            sender,
        })
    }

    /// Returns the server.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Checks that the server is still the primary. Returns the last entry of its feed.
    ///
    /// # Errors
    /// Fails when another server is the primary now. Returns `None` if it is not known, or if the
    /// feed cannot be read.
    pub async fn check(mut self, place: &Place) -> RedisResult<Option<FeedId>> {
        let Ok(primary) = place.find().await else {
            return Ok(None);
        };
        let primary = resolver::addr(&primary.client);
        if primary != resolver::addr(&self.client) {
            return Err(resolver::error(&format!("the primary is {primary} now")));
        }
        let last: RedisResult<Vec<(String, Value)>> = redis::cmd("XREVRANGE")
            .arg(format!("{}f", place.keys))
            .arg("+")
            .arg("-")
            .arg("COUNT")
            .arg(1)
            .query_async(&mut self.connection)
            .await;
        let last = last.ok().and_then(|last| last.into_iter().next());
        Ok(last.and_then(|(id, _)| decoding::feed_id(&id).ok()))
    }

    /// Returns the term in which the calls are made.
    pub fn term(&self) -> Term {
        self.sender.term
    }

    /// Makes calls, all in one write.
    ///
    /// # Errors
    /// Returns the error of the connection. The calls may have been executed.
    pub async fn make<'a>(
        &mut self,
        calls: impl Iterator<Item = Numbered<&'a Call<Bytes>>>,
    ) -> RedisResult<Made> {
        let mut pipe = redis::pipe();
        for Numbered { number, call } in calls {
            pipe.add_command(self.sender.command(&self.scripts, number, call));
        }
        if self.replicas > 0 {
            let timeout = REPLICAS_TIMEOUT.as_millis() as u64;
            pipe.cmd("WAIT").arg(self.replicas).arg(timeout);
        }
        let count = pipe.len();
        let mut values = self.connection.req_packed_commands(&pipe, 0, count).await?;
        let is_confirmed = self.replicas == 0
            || values.pop().is_some_and(|confirmed| match confirmed {
                Value::Int(count) => usize::try_from(count).is_ok_and(|it| it >= self.replicas),
                _ => false,
            });
        let answers = values.into_iter().map(|value| match value {
            Value::ServerError(error) => Err(error.into()),
            value => Ok(value),
        });
        Ok(Made {
            answers: answers.collect(),
            is_confirmed,
        })
    }
}
