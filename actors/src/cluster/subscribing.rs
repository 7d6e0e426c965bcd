//! The operations on connections, users and settings when Redis decides.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use futures_util::future::{join, join_all};

use crate::cluster::Cluster;
use crate::cluster::connection::Begin;
use crate::copies;
use crate::core::cluster::answer::{Answer, User};
use crate::core::cluster::call::{Call, Record};
use crate::core::connection::{Subscriptions, check_channels};
use crate::core::user::{ConnectState, StateChanged};
use crate::core::visible_state::{Values, VisibleState};
use crate::directory::IfAbsent;
use crate::error::{InUse, NotConnected, NotDone, Outcome, Refused, Unknown};
use crate::limits::LimitKind;
use crate::memory::{CONNECTION_BYTES, HeldBytes};
use crate::name::{ChannelName, ConnId, LogName, UserName};
use crate::protocol::config::ChannelConfig;
use crate::protocol::state::Change;
use crate::room::Reserved;
use crate::store::redis::content;
use crate::store::redis::node::Answered;
use crate::user::{Configs, Connected};

/// The number of attempts to change something that others change at the same time.
pub(super) const ATTEMPTS: usize = 16;

impl Cluster {
    /// Opens a connection, or keeps it if it already belongs to the user.
    pub(crate) async fn connect(
        &self,
        user: UserName,
        conn_id: ConnId,
        set: ConnectState,
        channels: Vec<ChannelName>,
        configs: Configs,
    ) -> Result<Connected, NotConnected> {
        let (known, found) = join(self.record(conn_id), self.user(&user)).await;
        let known = known.map_err(NotConnected::Refused)?;
        let found = found.map_err(NotConnected::Refused)?;
        check_owner(known.as_ref(), &user)?;
        let present = known.as_ref().map(channels_of);
        let bound = self.common.limits().channels_of_connection();
        check_channels(present.as_ref(), &channels, bound).map_err(NotConnected::Limit)?;
        let state = self.set_connect_state(&user, conn_id, set, found).await?;
        let made = self.make_record(conn_id, &user, known, channels, configs);
        made.await?;
        Ok(Connected {
            state: state.state().clone(),
            public_state: state.public_state().clone(),
        })
    }

    /// Reserves room for a connection on this node.
    ///
    /// # Errors
    /// Fails when this node has too many connections, or too little memory.
    pub(crate) async fn room_to_connect(
        &self,
        conn_id: ConnId,
    ) -> Result<(HeldBytes, Reserved), Refused> {
        let memory = self.common.memory().reserve(CONNECTION_BYTES)?;
        let most = self.common.limits().connections;
        let room = self.connections.reserve(&[conn_id], most).await;
        let room = room.ok_or_else(|| Refused::full(LimitKind::Connections))?;
        Ok((memory, room))
    }

    /// Sets the state that a call to connect gives. Returns the whole state.
    async fn set_connect_state(
        &self,
        user: &UserName,
        conn_id: ConnId,
        set: ConnectState,
        mut found: Option<User<Bytes>>,
    ) -> Result<VisibleState, NotConnected> {
        let limits = self.common.limits();
        for _ in 0..ATTEMPTS {
            let known = found.as_ref();
            if known.is_none_or(|user| !user.connections.contains_key(&conn_id)) {
                let count = known.map_or(0, |user| user.connections.len());
                let bound = limits.connections_of_user();
                bound.check(count + 1).map_err(NotConnected::Limit)?;
            }
            let state = known.map(state_to_set).transpose();
            let mut state = state.map_err(NotConnected::Refused)?.unwrap_or_default();
            let bounds = limits.state();
            let values = match known {
                Some(_) => vec![&set.state],
                None => vec![&set.fresh_state, &set.state],
            };
            state.check(&values, bounds).map_err(NotConnected::Limit)?;
            if known.is_none() {
                state.set(set.fresh_state.clone(), None);
            }
            let (changed, has_new_keys) = state.set(set.state.clone(), set.public_keys.clone());
            if known.is_some() && changed.is_empty() && !has_new_keys {
                return Ok(state);
            }
            let seen = known.map_or(0, |user| user.version);
            let is_set = self.set_user(user, seen, &state, &[]);
            if is_set.await.map_err(NotConnected::Refused)? {
                return Ok(state);
            }
            found = self.user(user).await.map_err(NotConnected::Refused)?;
        }
        Err(NotConnected::Refused(Refused::TRY_AGAIN))
    }

    /// Makes the record of a connection, or adds the channels to the one that there is.
    async fn make_record(
        &self,
        conn_id: ConnId,
        user: &UserName,
        known: Option<Record>,
        channels: Vec<ChannelName>,
        configs: Configs,
    ) -> Result<(), NotConnected> {
        let _configured = self.configure_new(&channels, configs);
        let known = match known {
            Some(record) => record,
            None => {
                let private = LogName::User(user.clone());
                let logs = channels.iter().cloned().map(LogName::Channel);
                let call = Call::Connect {
                    conn_id,
                    user: user.clone(),
                    logs: logs.chain([private]).collect(),
                };
                match self.node.make(call).await.map_err(NotConnected::Refused)? {
                    Answer::Connected { record, fed } => {
                        let begin = Begin { record, since: fed };
                        (self.connections).tell(conn_id, IfAbsent::Create, begin);
                        self.common.counters().count_connection();
                        let caught_up = self.node.catch_up();
                        return caught_up.await.map_err(NotConnected::Refused);
                    }
                    Answer::Known(record) => record,
                    _ => return Err(NotConnected::Refused(UNKNOWN)),
                }
            }
        };
        check_owner(Some(&known), user)?;
        let added = self.add_channels(conn_id, &known, channels);
        let heard = self.node.make(Call::Heard { conn_id });
        let (added, heard) = join(added, heard).await;
        added.and(heard).map_err(NotConnected::Refused)?;
        self.node.catch_up().await.map_err(NotConnected::Refused)
    }

    /// Subscribes a connection to channels.
    pub(crate) async fn subscribe(
        &self,
        conn_id: ConnId,
        channels: Vec<ChannelName>,
        configs: Configs,
    ) -> Result<Subscriptions, NotDone> {
        let known = self.record(conn_id).await?.ok_or(Unknown)?;
        let mut all = channels_of(&known);
        let bound = self.common.limits().channels_of_connection();
        check_channels(Some(&all), &channels, bound)?;
        let mut changed = channels.clone();
        changed.retain(|channel| all.insert(channel.clone()));
        let _configured = self.configure_new(&channels, configs);
        self.add_channels(conn_id, &known, channels).await?;
        self.node.catch_up().await?;
        Ok(subscriptions(all, changed))
    }

    /// Unsubscribes a connection from channels.
    pub(crate) async fn unsubscribe(
        &self,
        conn_id: ConnId,
        channels: Vec<ChannelName>,
    ) -> Result<Subscriptions, NotDone> {
        let known = self.record(conn_id).await?.ok_or(Unknown)?;
        let mut all = channels_of(&known);
        let mut changed = channels;
        changed.retain(|channel| all.remove(channel));
        let remove = |channel: &ChannelName| {
            let log = LogName::Channel(channel.clone());
            self.node.make(Call::Unsubscribe { conn_id, log })
        };
        let removed = join_all(changed.iter().map(remove)).await;
        known_in_all(removed)?;
        self.node.catch_up().await?;
        Ok(subscriptions(all, changed))
    }

    /// Ends a connection for good. Returns whether it was open.
    pub(crate) async fn disconnect(&self, conn_id: ConnId) -> Result<bool, Refused> {
        let turn = None;
        let ended = self.node.make(Call::End { conn_id, turn }).await?;
        self.node.catch_up().await?;
        Ok(ended != Answer::Unknown)
    }

    /// Sets values of a user's state, and the public keys if they are given.
    pub(crate) async fn set_state(
        &self,
        user: UserName,
        values: Values,
        public_keys: Option<Vec<String>>,
    ) -> Result<StateChanged, NotDone> {
        for _ in 0..ATTEMPTS {
            let known = self.user(&user).await?.ok_or(Unknown)?;
            let mut state = state_to_set(&known)?;
            state.check(&[&values], self.common.limits().state())?;
            let (changed, has_new_keys) = state.set(values.clone(), public_keys.clone());
            let is_same = changed.is_empty() && !has_new_keys;
            if is_same
                || self
                    .set_user(&user, known.version, &state, &changed)
                    .await?
            {
                self.node.catch_up().await?;
                return Ok(StateChanged {
                    state: state.state().clone(),
                    changed,
                    public_keys: state.public_keys().to_vec(),
                });
            }
        }
        Err(Refused::TRY_AGAIN.into())
    }

    /// Sets the settings of channels.
    pub(crate) async fn configure(
        &self,
        configs: BTreeMap<ChannelName, ChannelConfig>,
    ) -> Result<(), Refused> {
        let set = |(channel, config)| {
            self.node.make(Call::Configure {
                log: LogName::Channel(channel),
                config,
                is_for_new: false,
            })
        };
        let answers = join_all(configs.into_iter().map(set)).await;
        answers.into_iter().collect::<Result<Vec<_>, _>>()?;
        self.node.catch_up().await
    }

    /// Returns the record of a connection.
    pub(crate) async fn record(&self, conn_id: ConnId) -> Result<Option<Record>, Refused> {
        match self.node.read(Call::LookUp { conn_id }).await? {
            Answer::Known(record) => Ok(Some(record)),
            Answer::Unknown if self.node.is_in_doubt() => Err(Refused::TRY_AGAIN),
            Answer::Unknown => Ok(None),
            _ => Err(UNKNOWN),
        }
    }

    /// Returns a user.
    pub(crate) async fn user(&self, user: &UserName) -> Result<Option<User<Bytes>>, Refused> {
        let user = user.clone();
        match self.node.read(Call::LookUpUser { user }).await? {
            Answer::User(user) => Ok(Some(user)),
            Answer::Unknown => Ok(None),
            _ => Err(UNKNOWN),
        }
    }

    /// Sets the state of a user. Returns whether it was as the caller knows it.
    async fn set_user(
        &self,
        user: &UserName,
        seen: u64,
        state: &VisibleState,
        changed: &[Change],
    ) -> Result<bool, Refused> {
        let encoded = content::write_state(state).map_err(not_encoded)?;
        let changed = match changed {
            [] => None,
            changed => Some(content::write_changes(changed).map_err(not_encoded)?),
        };
        let call = Call::SetUser {
            user: user.clone(),
            seen,
            state: encoded,
            changed,
        };
        Ok(self.node.make(call).await? != Answer::Changed)
    }

    /// Sets the settings of those of the channels that are new. They are set before what the caller
    /// asks for next, for whose answer it must keep what this returns.
    fn configure_new(
        &self,
        channels: &[ChannelName],
        mut configs: Configs,
    ) -> Vec<impl Future<Output = Answered> + use<>> {
        let set = |channel: &ChannelName| {
            let call = Call::Configure {
                config: configs.remove(channel)?,
                log: LogName::Channel(channel.clone()),
                is_for_new: true,
            };
            Some(self.node.make(call))
        };
        channels.iter().filter_map(set).collect()
    }

    /// Adds channels to a connection.
    async fn add_channels(
        &self,
        conn_id: ConnId,
        known: &Record,
        channels: Vec<ChannelName>,
    ) -> Result<Answer<Bytes>, Refused> {
        let logs = channels.into_iter().map(LogName::Channel);
        let new = logs.filter(|log| !known.read.contains_key(log));
        let add = |log| self.node.make(Call::Subscribe { conn_id, log });
        let added = join_all(new.map(add).collect::<Vec<_>>()).await;
        added.into_iter().try_fold(Answer::Done, |_, answer| answer)
    }
}

/// A refusal because it is not known whether the call was done.
pub(super) const UNKNOWN: Refused = Refused {
    outcome: Outcome::Unknown,
    ..Refused::TRY_AGAIN
};

/// Returns the refusal of a call because of a fault of the server.
pub(super) fn not_encoded(error: serde_json::Error) -> Refused {
    log::error!("a value could not be encoded for Redis: {error}");
    Refused::TRY_AGAIN
}

fn check_owner(record: Option<&Record>, user: &UserName) -> Result<(), NotConnected> {
    match record {
        Some(record) if record.user != *user => Err(NotConnected::InUse(InUse)),
        _ => Ok(()),
    }
}

fn known_in_all(answers: Vec<Answered>) -> Result<(), NotDone> {
    for answer in answers {
        if answer? == Answer::Unknown {
            return Err(Unknown.into());
        }
    }
    Ok(())
}

/// Returns the channels of a connection.
pub(super) fn channels_of(record: &Record) -> BTreeSet<ChannelName> {
    let logs = record.read.keys().filter_map(LogName::channel);
    logs.cloned().collect()
}

/// Returns the state of a user.
pub(super) fn state_of(user: &User<Bytes>) -> VisibleState {
    copies::state_of(&user.state).unwrap_or_default()
}

/// Returns the state of a user that is about to be set.
///
/// # Errors
/// Fails when another version has written the state and this one cannot read it. It must not be
/// overwritten.
fn state_to_set(user: &User<Bytes>) -> Result<VisibleState, Refused> {
    copies::state_of(&user.state).ok_or(Refused::TRY_AGAIN)
}

fn subscriptions(all: BTreeSet<ChannelName>, mut changed: Vec<ChannelName>) -> Subscriptions {
    changed.sort_unstable();
    Subscriptions {
        channels: all.into_iter().collect(),
        changed,
    }
}
