//! One of the two brokers, with its clients.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use channelstream_actors::broker::Broker;
use channelstream_actors::limits::Limits;
use channelstream_actors::name::{ChannelName, ConnId, UserName};
use channelstream_actors::outlet::Batch;
use channelstream_actors::position::Epoch;
use channelstream_actors::protocol::info::InfoOptions;
use serde_json::{Value, json};
use tokio::task::yield_now;
use tokio::time::sleep;
use uuid::Uuid;

use crate::client::{Client, is_gap};
use crate::normal::Ids;
use crate::operation::{CHANNELS, CONNECTIONS, Setup, USERS};

/// The number of times that all tasks of the thread run, after which no message is pending.
const TURNS: usize = 64;

/// The time after which a timer without delay has fired.
const TIMER: Duration = Duration::from_millis(2);

/// The number of times that a test waits for such a timer. The machine may be busy.
const MAX_TIMER_WAITS: usize = 1000;

/// A log. The number of former logs with its name tells it from those.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Log {
    /// The name of the channel, or `@` and the name of the user.
    pub(crate) name: String,
    pub(crate) former: usize,
}

/// A broker and its clients.
pub(crate) struct Side {
    pub(crate) broker: Broker,
    pub(crate) clients: Vec<Client>,
    pub(crate) ids: Ids,
    /// The owners of the connections, where they are known.
    pub(crate) users: [Option<usize>; CONNECTIONS],
    /// The id of the present log of each name, and the number of former logs of that name.
    pub(crate) logs: BTreeMap<String, (Uuid, usize)>,
    pub(crate) epochs: HashMap<Epoch, Log>,
    /// The present epochs of logs, where they are known.
    present: HashMap<Log, Epoch>,
}

/// A batch that a client was sent.
#[derive(Clone, Debug)]
pub(crate) struct Delivered {
    pub(crate) log: String,
    pub(crate) epoch: Epoch,
    pub(crate) after: Option<u64>,
    pub(crate) last: u64,
    pub(crate) is_gap: bool,
    /// Each event without random ids and times.
    pub(crate) events: Vec<String>,
    /// The events, unchanged.
    pub(crate) raw: Vec<Value>,
}

/// The information that a broker shows.
pub(crate) struct Shown {
    /// The information without random ids and times.
    pub(crate) normal: String,
    /// The information with everything that a restart must not change.
    pub(crate) exact: String,
    pub(crate) info: Value,
}

pub(crate) fn user_name(index: usize) -> UserName {
    UserName::new(format!("user-{index}"))
}

pub(crate) fn channel_name(index: usize) -> ChannelName {
    ChannelName::new(format!("channel-{index}"))
}

pub(crate) fn conn_id(index: usize) -> ConnId {
    Uuid::from_u128(index as u128 + 1).into()
}

/// Returns limits whose deadlines never come, except for the one of absence.
pub(crate) fn limits(setup: Setup) -> Limits {
    let hour = Duration::from_secs(3600);
    let limits = Limits {
        idle: hour,
        presence_grace: if setup.parts_at_once {
            Duration::ZERO
        } else {
            hour
        },
        user_lifetime: hour,
        channel_lifetime: hour,
        sweep: hour,
        restart_grace: hour,
        ..Limits::default()
    };
    if !setup.is_short {
        return limits;
    }
    Limits {
        channel_frames: 3,
        private_frames: 2,
        log_length: 4,
        history_bytes: 1500,
        ..limits
    }
}

impl Side {
    pub(crate) fn new(broker: Broker) -> Self {
        broker.start_on(&[actix::Arbiter::current()]);
        Self::of(broker)
    }

    /// Creates the side of a broker that has started.
    pub(crate) fn of(broker: Broker) -> Self {
        Self {
            broker,
            clients: (0..CONNECTIONS).map(|_| Client::default()).collect(),
            ids: Ids::default(),
            users: [None; CONNECTIONS],
            logs: BTreeMap::new(),
            epochs: HashMap::new(),
            present: HashMap::new(),
        }
    }

    /// Continues with another broker and the same clients. Logs may begin new epochs.
    pub(crate) fn start(&mut self, broker: Broker, has_new_epochs: bool) {
        broker.start_on(&[actix::Arbiter::current()]);
        self.broker = broker;
        if has_new_epochs {
            self.present.clear();
        }
    }

    /// Waits until no message is pending any more.
    pub(crate) async fn settle(&self, setup: Setup) {
        turn().await;
        for _ in 0..MAX_TIMER_WAITS {
            if !setup.parts_at_once || !self.has_unnoticed_loss().await {
                break;
            }
            sleep(TIMER).await;
            turn().await;
        }
    }

    /// Returns whether a client that has just lost its transport still counts as present.
    async fn has_unnoticed_loss(&self) -> bool {
        let clients = self.clients.iter().enumerate();
        let lost = clients.filter(|(_, client)| client.is_lost() && client.listens().is_none());
        let lost: Vec<_> = lost.map(|(connection, _)| conn_id(connection)).collect();
        for user in (0..USERS).filter(|_| !lost.is_empty()) {
            let detail = self.broker.inspect_user(user_name(user)).await.unwrap();
            let mut connections = detail.into_iter().flat_map(|detail| detail.connections);
            if connections.any(|its| its.is_present && lost.contains(&its.conn_id)) {
                return true;
            }
        }
        false
    }

    /// Returns the information that the broker shows, and records the logs that exist.
    pub(crate) async fn read_shown(&mut self) -> Shown {
        let info = self.broker.info(None, &InfoOptions::default()).await;
        let info = json!(info.unwrap());
        let (mut channels, mut users) = (Vec::new(), Vec::new());
        for channel in 0..CHANNELS {
            if let Some(detail) = self
                .broker
                .inspect_channel(channel_name(channel))
                .await
                .unwrap()
            {
                self.note_log(detail.name.to_string(), detail.uuid);
                channels.push(json!(detail));
            }
        }
        for user in 0..USERS {
            let detail = self.broker.inspect_user(user_name(user)).await;
            if let Some(mut detail) = detail.unwrap() {
                self.note_log(format!("@{}", detail.user), detail.uuid);
                detail
                    .connections
                    .sort_by_key(|connection| connection.conn_id);
                users.push(json!(detail));
            }
        }
        let mut shown = json!({"info": info, "channels": channels, "users": users});
        let normal = self.ids.normal_value(shown.clone()).to_string();
        for user in shown["users"].as_array_mut().into_iter().flatten() {
            // The store does not note all that a user does, and no client is attached after a
            // restart.
            user["last_active"].take();
            for connection in user["connections"].as_array_mut().into_iter().flatten() {
                connection["transport"].take();
                connection["silent_secs"].take();
            }
        }
        Shown {
            normal,
            exact: shown.to_string(),
            info,
        }
    }

    fn note_log(&mut self, name: String, id: Uuid) {
        let before = self.logs.get(&name).copied();
        if before.is_none_or(|(present, _)| present != id) {
            let former = before.map_or(0, |(_, former)| former + 1);
            self.logs.insert(name, (id, former));
        }
    }

    /// Returns the present log of a name.
    pub(crate) fn log(&self, name: &str) -> Option<Log> {
        let (_, former) = self.logs.get(name)?;
        Some(Log {
            name: name.to_owned(),
            former: *former,
        })
    }

    /// Returns the present epoch of a log, if it is known from what clients were sent.
    pub(crate) fn epoch(&self, log: &Log) -> Option<Epoch> {
        self.present.get(log).copied()
    }

    /// Returns what a client has been sent since the last call, and records the epochs of the logs.
    pub(crate) fn take_delivered(&mut self, connection: usize) -> Vec<Delivered> {
        let batches = self.clients[connection].take_arrived();
        let deliver = |batch| self.delivered(connection, &batch);
        batches.into_iter().map(deliver).collect()
    }

    fn delivered(&mut self, connection: usize, batch: &Batch) -> Delivered {
        let raw: Vec<Value> = serde_json::from_str(batch.list.text()).unwrap();
        let user = || format!("@{}", user_name(self.users[connection].unwrap()));
        let channel = raw.first().unwrap()["channel"].as_str();
        let name = channel.map_or_else(user, str::to_owned);
        let normal = |event: &Value| self.ids.normal_value(event.clone()).to_string();
        let events = raw.iter().map(normal).collect();
        if !self.epochs.contains_key(&batch.epoch)
            && let Some(log) = self.log(&name)
        {
            self.present.insert(log.clone(), batch.epoch);
            self.epochs.insert(batch.epoch, log);
        }
        Delivered {
            log: name,
            epoch: batch.epoch,
            after: batch.after,
            last: batch.last,
            is_gap: is_gap(batch),
            events,
            raw,
        }
    }

    /// Returns the connections that have a place in a log, with the name of the log.
    pub(crate) async fn occupied_places(&self) -> BTreeSet<(usize, String)> {
        let mut places = BTreeSet::new();
        for user in 0..USERS {
            let detail = self.broker.inspect_user(user_name(user)).await.unwrap();
            for connection in detail.into_iter().flat_map(|detail| detail.connections) {
                let index = (0..CONNECTIONS).find(|index| conn_id(*index) == connection.conn_id);
                let index = index.unwrap();
                places.insert((index, format!("@{}", user_name(user))));
                let channels = connection.channels.iter();
                places.extend(channels.map(|channel| (index, channel.to_string())));
            }
        }
        places
    }
}

/// Lets all tasks of this thread run until none has anything to do.
async fn turn() {
    for _ in 0..TURNS {
        yield_now().await;
    }
}
