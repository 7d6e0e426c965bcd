//! What a user decides: state, connections, which of them is in which channel, private messages.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use crate::core::channel::Publication;
use crate::core::log::{Epoch, Log, Record, Retention};
use crate::core::roster::Member;
use crate::core::route::Route;
use crate::error::Unknown;
use crate::name::{ChannelName, ConnId, UserName};
use crate::protocol::event;
use crate::protocol::info::UserInfo;
use crate::protocol::message::{Deletion, Patch};
use crate::protocol::panel::{ConnectionDetail, SHOWN, UserDetail, UserSummary};
use crate::protocol::state::{Change, State, StateValue};
use crate::protocol::timestamp::Moment;

/// Values a caller sets.
pub type Values = BTreeMap<String, StateValue>;

/// Something a channel must be told.
#[derive(Clone, Debug)]
pub struct Effect {
    /// Which channel.
    pub channel: ChannelName,
    /// What the user says of itself.
    pub member: Member,
    /// What happens to the place of a connection there.
    pub place: Place,
}

/// What happens to a connection's place in a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Nothing.
    Unchanged,
    /// It begins at the channel's end.
    Taken(ConnId),
    /// It ends.
    Left(ConnId),
}

/// What `/connect` and `/subscribe` change.
#[derive(Clone, Debug, Default)]
pub struct Connect {
    /// Set only for a user not known before.
    pub fresh_state: Values,
    /// Set in any case.
    pub state: Values,
    /// Replaces the list of public keys.
    pub public_keys: Vec<String>,
    /// Channels to be in.
    pub channels: Vec<ChannelName>,
}

/// A connection's channels after a change, and which of them changed, both sorted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscriptions {
    /// All of the connection.
    pub channels: Vec<ChannelName>,
    /// Those added or removed.
    pub changed: Vec<ChannelName>,
}

/// What `/user_state` answers.
#[derive(Clone, Debug)]
pub struct StateChanged {
    /// The whole state.
    pub state: State,
    /// What is different now.
    pub changed: Vec<Change>,
    /// What others may see.
    pub public_keys: Vec<String>,
}

#[derive(Debug)]
struct Owned {
    channels: BTreeSet<ChannelName>,
    /// False once its socket was lost for longer than the grace: it may come back, but does not
    /// count as here.
    present: bool,
}

/// State, connections and private log of a user.
#[derive(Debug)]
pub struct UserCore {
    name: UserName,
    uuid: uuid::Uuid,
    state: State,
    public_keys: Vec<String>,
    /// The values of `public_keys`.
    public_state: State,
    connections: BTreeMap<ConnId, Owned>,
    /// In which channels it is present, and by how many connections.
    present: BTreeMap<ChannelName, usize>,
    log: Log,
    version: u64,
    last_active: Moment,
}

impl UserCore {
    /// A user never seen.
    pub fn new(name: UserName, uuid: uuid::Uuid, retention: Retention, now: Moment) -> Self {
        Self {
            name,
            uuid,
            state: State::default(),
            public_keys: Vec::new(),
            public_state: State::default(),
            connections: BTreeMap::new(),
            present: BTreeMap::new(),
            log: Log::new(Epoch::random(), retention),
            version: 0,
            last_active: now,
        }
    }

    /// The private messages, for delivery.
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// When something last happened to this user.
    pub fn last_active(&self) -> Moment {
        self.last_active
    }

    /// Whether it has no connection.
    pub fn is_offline(&self) -> bool {
        self.connections.is_empty()
    }

    /// The whole state.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// What others may see of it.
    pub fn public_state(&self) -> &State {
        &self.public_state
    }

    /// Must be called when the state or its public keys have changed.
    fn update_public_state(&mut self) {
        let keys: HashSet<&str> = self.public_keys.iter().map(String::as_str).collect();
        let visible = self
            .state
            .iter()
            .filter(|(key, _)| keys.contains(key.as_str()));
        self.public_state = Arc::new(
            visible
                .map(|(key, value)| (key.clone(), value.clone()))
                .collect(),
        );
    }

    /// Adds a connection, or channels to one that is already here. States change without an event
    /// (`protocol.md` §5); the channels the user was in already learn the new public state too.
    pub fn connect(
        &mut self,
        conn_id: ConnId,
        connect: Connect,
        is_new: bool,
        now: Moment,
    ) -> Vec<Effect> {
        self.last_active = now;
        let is_fresh = is_new && !self.set(connect.fresh_state).is_empty();
        let keys_changed = self.public_keys != connect.public_keys;
        self.public_keys = connect.public_keys;
        let state_changed = !self.set(connect.state).is_empty();
        if is_fresh || keys_changed || state_changed {
            self.update_public_state();
        }
        let owned = self.connections.entry(conn_id).or_insert_with(|| Owned {
            channels: BTreeSet::new(),
            present: true,
        });
        let returned = !std::mem::replace(&mut owned.present, true);
        let mut effects: BTreeMap<ChannelName, Place> = BTreeMap::new();
        if returned {
            enter(&mut self.present, &owned.channels);
            effects.extend(
                owned
                    .channels
                    .iter()
                    .map(|channel| (channel.clone(), Place::Unchanged)),
            );
        }
        for channel in connect.channels {
            if owned.channels.insert(channel.clone()) {
                enter(&mut self.present, [&channel]);
                effects.insert(channel, Place::Taken(conn_id));
            }
        }
        if keys_changed || state_changed {
            for channel in self.present.keys() {
                effects.entry(channel.clone()).or_insert(Place::Unchanged);
            }
        }
        self.effects(effects, Vec::new())
    }

    /// Adds channels to a connection.
    ///
    /// # Errors
    /// [`Unknown`] when the user has no such connection.
    pub fn subscribe(
        &mut self,
        conn_id: ConnId,
        channels: Vec<ChannelName>,
        now: Moment,
    ) -> Result<(Subscriptions, Vec<Effect>), Unknown> {
        self.change(
            conn_id,
            channels,
            Place::Taken(conn_id),
            now,
            |present, channel| present.insert(channel.clone()),
        )
    }

    /// Takes channels from a connection; those it is not in are passed over.
    ///
    /// # Errors
    /// [`Unknown`] when the user has no such connection.
    pub fn unsubscribe(
        &mut self,
        conn_id: ConnId,
        channels: Vec<ChannelName>,
        now: Moment,
    ) -> Result<(Subscriptions, Vec<Effect>), Unknown> {
        self.change(
            conn_id,
            channels,
            Place::Left(conn_id),
            now,
            |present, channel| present.remove(channel),
        )
    }

    /// Changes a connection's channels; `change` tells whether it did.
    fn change(
        &mut self,
        conn_id: ConnId,
        channels: Vec<ChannelName>,
        place: Place,
        now: Moment,
        change: impl Fn(&mut BTreeSet<ChannelName>, &ChannelName) -> bool,
    ) -> Result<(Subscriptions, Vec<Effect>), Unknown> {
        self.last_active = now;
        let owned = self.connections.get_mut(&conn_id).ok_or(Unknown)?;
        let changed: Vec<_> = channels
            .into_iter()
            .filter(|channel| change(&mut owned.channels, channel))
            .collect();
        if owned.present {
            match place {
                Place::Taken(_) => enter(&mut self.present, &changed),
                Place::Left(_) => leave(&mut self.present, &changed),
                Place::Unchanged => {}
            }
        }
        let subscriptions = Subscriptions {
            channels: owned.channels.iter().cloned().collect(),
            changed: sorted(changed.clone()),
        };
        Ok((
            subscriptions,
            self.effects(
                changed.into_iter().map(|channel| (channel, place)),
                Vec::new(),
            ),
        ))
    }

    /// A connection's socket was lost for longer than the grace, or is back.
    pub fn set_present(&mut self, conn_id: ConnId, present: bool, now: Moment) -> Vec<Effect> {
        self.last_active = now;
        let Some(owned) = self.connections.get_mut(&conn_id) else {
            return Vec::new();
        };
        if std::mem::replace(&mut owned.present, present) == present {
            return Vec::new();
        }
        let change = if present { enter } else { leave };
        change(&mut self.present, owned.channels.iter());
        let channels: Vec<_> = owned
            .channels
            .iter()
            .map(|channel| (channel.clone(), Place::Unchanged))
            .collect();
        self.effects(channels, Vec::new())
    }

    /// A connection ended for good.
    pub fn close(&mut self, conn_id: ConnId, now: Moment) -> Vec<Effect> {
        self.last_active = now;
        let Some(owned) = self.connections.remove(&conn_id) else {
            return Vec::new();
        };
        if owned.present {
            leave(&mut self.present, &owned.channels);
        }
        self.effects(
            owned
                .channels
                .into_iter()
                .map(|channel| (channel, Place::Left(conn_id))),
            Vec::new(),
        )
    }

    /// Sets values, and the public keys where given. Each channel where the user is present hears
    /// of changed values.
    pub fn set_state(
        &mut self,
        values: Values,
        public_keys: Option<Vec<String>>,
        now: Moment,
    ) -> (StateChanged, Vec<Effect>) {
        self.last_active = now;
        let keys_changed = public_keys
            .as_ref()
            .is_some_and(|keys| *keys != self.public_keys);
        if let Some(keys) = public_keys {
            self.public_keys = keys;
        }
        let changed = self.set(values);
        let reply = StateChanged {
            state: self.state.clone(),
            changed: changed.clone(),
            public_keys: self.public_keys.clone(),
        };
        if changed.is_empty() && !keys_changed {
            return (reply, Vec::new());
        }
        self.update_public_state();
        let channels: Vec<_> = self
            .present
            .keys()
            .map(|channel| (channel.clone(), Place::Unchanged))
            .collect();
        (reply, self.effects(channels, changed))
    }

    /// Logs private messages in the order given.
    pub fn publish(&mut self, publications: Vec<Publication>, now: Moment) {
        self.last_active = now;
        for Publication { message, body } in publications {
            let record = Record {
                id: message.uuid,
                route: Route::open(),
                kept: true,
                body,
                message: Some(message),
            };
            self.log.push(record, now);
        }
    }

    /// Edits a private message if it is still here, and tells of it in any case.
    pub fn edit(&mut self, patch: &Patch, now: Moment) {
        self.last_active = now;
        if let Some(message) = self.log.message(patch.uuid) {
            let edited = Arc::new(patch.applied_to(message));
            self.log.replace(&edited, event::message(&edited));
        }
        let record = Record {
            id: patch.uuid,
            route: Route::open(),
            kept: true,
            body: event::edit(patch),
            message: None,
        };
        self.log.push(record, now);
    }

    /// Deletes a private message if it is still here, and tells of it in any case.
    pub fn delete(&mut self, deletion: &Deletion, now: Moment) {
        self.last_active = now;
        self.log.erase(deletion.uuid);
        let record = Record {
            id: deletion.uuid,
            route: Route::open(),
            kept: true,
            body: event::deletion(deletion),
            message: None,
        };
        self.log.push(record, now);
    }

    /// The user as `admin.json` tells it: as present as `/info` says.
    pub fn describe(&self) -> UserInfo {
        UserInfo {
            user: self.name.clone(),
            uuid: self.uuid,
            state: self.public_state.clone(),
            connections: self
                .connections
                .iter()
                .filter(|(_, owned)| owned.present)
                .map(|(conn_id, _)| *conn_id)
                .collect(),
        }
    }

    /// All that an operator may see of the user, but for what only its connections know.
    pub fn inspect(&self) -> UserDetail {
        let connection = |(conn_id, owned): (&ConnId, &Owned)| ConnectionDetail {
            conn_id: *conn_id,
            channels: owned.channels.iter().cloned().collect(),
            is_present: owned.present,
            transport: None,
            silent_secs: 0,
        };
        UserDetail {
            user: self.name.clone(),
            uuid: self.uuid,
            state: self.state.clone(),
            public_keys: self.public_keys.clone(),
            last_active: self.last_active,
            total_connections: self.connections.len(),
            connections: self
                .connections
                .iter()
                .take(SHOWN)
                .map(connection)
                .collect(),
        }
    }

    /// The user as a line of a list.
    pub fn summary(&self) -> UserSummary {
        UserSummary {
            user: self.name.clone(),
            connections: self.connections.len(),
            state: self.public_state.clone(),
            last_active: self.last_active,
        }
    }

    /// Drops what has grown old.
    pub fn sweep(&mut self, now: Moment) {
        self.log.trim(now);
    }

    /// Null for a key that is not set is no change and sets nothing (`protocol.md` §5).
    fn set(&mut self, values: Values) -> Vec<Change> {
        let mut changed = Vec::new();
        for (key, value) in values {
            let is_new = match self.state.get(&key) {
                Some(present) => *present != value,
                None => value != StateValue::Null,
            };
            if is_new {
                Arc::make_mut(&mut self.state).insert(key.clone(), value.clone());
                changed.push(Change { key, value });
            }
        }
        changed
    }

    fn effects(
        &mut self,
        places: impl IntoIterator<Item = (ChannelName, Place)>,
        changed: Vec<Change>,
    ) -> Vec<Effect> {
        self.version += 1;
        let changed: Arc<[Change]> = changed.into();
        let effect = |(channel, place): (ChannelName, Place)| {
            let member = Member {
                user: self.name.clone(),
                version: self.version,
                connections: self.present.get(&channel).copied().unwrap_or_default(),
                state: self.state.clone(),
                public_state: self.public_state.clone(),
                changed: changed.clone(),
            };
            Effect {
                channel,
                member,
                place,
            }
        };
        places.into_iter().map(effect).collect()
    }
}

/// One more present connection is in these channels.
fn enter<'a>(
    present: &mut BTreeMap<ChannelName, usize>,
    channels: impl IntoIterator<Item = &'a ChannelName>,
) {
    for channel in channels {
        *present.entry(channel.clone()).or_default() += 1;
    }
}

/// One present connection less is in these channels.
fn leave<'a>(
    present: &mut BTreeMap<ChannelName, usize>,
    channels: impl IntoIterator<Item = &'a ChannelName>,
) {
    for channel in channels {
        if let Some(count) = present.get_mut(channel) {
            *count -= 1;
            if *count == 0 {
                present.remove(channel);
            }
        }
    }
}

fn sorted(mut channels: Vec<ChannelName>) -> Vec<ChannelName> {
    channels.sort_unstable();
    channels
}
