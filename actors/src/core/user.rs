//! The decisions of a user: its state, the number of its connections in each channel, and its
//! private messages.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::core::entry::{Entry, Record};
use crate::core::log::Log;
use crate::core::publication::Publication;
use crate::core::record::{LogChanges, UserRecord};
use crate::core::roster::Member;
use crate::core::route::Route;
use crate::core::visible_state::{Values, VisibleState};
use crate::error::Unknown;
use crate::limits::{LimitReached, Limits, Retention};
use crate::name::{ChannelName, ConnId, Identity, MessageId, UserName};
use crate::protocol::event::{self, EventBody};
use crate::protocol::message::{Deletion, Message, Patch};
use crate::protocol::state::{Change, State};
use crate::protocol::timestamp::Moment;

/// An update that a channel must be sent after an operation of a user.
#[derive(Clone, Debug)]
pub struct ChannelUpdate {
    /// The channel to which the update goes.
    pub channel: ChannelName,
    /// The user as it is now.
    pub member: Member,
    /// The effect on the place of a connection in the channel.
    pub place: Place,
}

/// The effect of an operation on the place of a connection in a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The place does not change.
    Unchanged,
    /// The place begins, at the end of the channel's log.
    Taken(ConnId),
    /// The place ends.
    Left(ConnId),
}

/// The state values and public keys that `/connect` sets.
#[derive(Clone, Debug, Default)]
pub struct ConnectState {
    /// The values that are set only if the user is new.
    pub fresh_state: Values,
    /// The values that are set in any case, after `fresh_state`.
    pub state: Values,
    /// The public keys, which replace the user's present ones; `None` keeps those.
    pub public_keys: Option<Vec<String>>,
}

/// The channels that a connection reports to its user when it opens or is connected again.
#[derive(Clone, Debug, Default)]
pub struct ConnectedChannels {
    /// The channels that the connection was in while its client did not count as present.
    pub returning: Vec<ChannelName>,
    /// The channels that are new to the connection.
    pub added: Vec<ChannelName>,
}

/// The result of `/user_state`.
#[derive(Clone, Debug)]
pub struct StateChanged {
    /// The whole state after the change.
    pub state: State,
    /// The values that changed.
    pub changed: Vec<Change>,
    /// The keys that others may see.
    pub public_keys: Vec<String>,
}

/// The state, connections and private log of a user.
#[derive(Debug)]
pub struct UserCore {
    name: UserName,
    uuid: uuid::Uuid,
    state: VisibleState,
    /// The connections of the user, and whether each counts as present.
    connections: BTreeMap<ConnId, bool>,
    /// The channels where the user is present, each with the number of its present connections
    /// there.
    present: BTreeMap<ChannelName, usize>,
    /// The channels to which the application has subscribed the user and that the user's clients
    /// may join by themselves. `None` if clients may not do so.
    given: Option<BTreeSet<ChannelName>>,
    log: Log,
    /// The version of the latest [`Member`] update.
    version: u64,
    last_active: Moment,
    /// True until the first connection opens.
    is_new: bool,
}

impl UserCore {
    /// Creates a user without state or connections.
    pub fn new(
        name: UserName,
        Identity { uuid, epoch }: Identity,
        retention: Retention,
        now: Moment,
    ) -> Self {
        Self {
            name,
            uuid,
            state: VisibleState::default(),
            connections: BTreeMap::new(),
            present: BTreeMap::new(),
            given: None,
            log: Log::new(epoch, retention),
            version: 0,
            last_active: now,
            is_new: true,
        }
    }

    /// Restores a user from the store. It has no connections yet.
    pub fn restore(record: UserRecord, entries: Vec<Entry>, retention: Retention) -> Self {
        let UserRecord {
            name,
            uuid,
            state,
            public_keys,
            given,
            last_active,
            log,
        } = record;
        Self {
            name,
            uuid,
            state: VisibleState::restore(state, public_keys),
            connections: BTreeMap::new(),
            present: BTreeMap::new(),
            given: Some(given),
            log: Log::restore(log, entries, retention),
            version: 0,
            last_active,
            is_new: false,
        }
    }

    /// Restores a connection that the user had before a restart, and that is in these channels.
    pub fn restore_connection(
        &mut self,
        conn_id: ConnId,
        is_present: bool,
        channels: &[ChannelName],
    ) {
        self.connections.insert(conn_id, is_present);
        if is_present {
            self.enter(channels);
        }
    }

    /// Returns an update for each channel where the user is present, so that the channel knows the
    /// user again after a restart.
    pub fn restored_members(&mut self) -> Vec<ChannelUpdate> {
        let channels: Vec<_> = self.present.keys().cloned().collect();
        self.updates(with_place(channels, Place::Unchanged), Vec::new())
    }

    /// Returns the values that the store keeps of the user, apart from its private entries.
    pub fn record(&self) -> UserRecord {
        UserRecord {
            name: self.name.clone(),
            uuid: self.uuid,
            state: self.state.state().clone(),
            public_keys: self.state.public_keys().to_vec(),
            given: self.given.clone().unwrap_or_default(),
            last_active: self.last_active,
            log: self.log.state(),
        }
    }

    /// Collects changes of the private log from now on. The caller must take them regularly, since
    /// they pile up.
    pub fn collect_changes(&mut self) {
        self.log.collect_changes();
    }

    /// Returns all private entries, for a store that has no data of the user.
    pub fn all_as_changes(&self) -> LogChanges {
        self.log.all_as_changes()
    }

    /// Takes the changes of the private log since they were last taken.
    pub fn take_changes(&mut self) -> LogChanges {
        self.log.take_changes()
    }

    /// Sets whether the user's clients may join channels by themselves.
    pub fn set_joinable(&mut self, may_join: bool) {
        self.given = may_join.then(|| self.given.take().unwrap_or_default());
    }

    /// Notes that the application has subscribed the user to channels. Returns whether one of them
    /// is new.
    pub fn give(&mut self, channels: &[ChannelName]) -> bool {
        let count = self.given_count();
        if let Some(given) = &mut self.given {
            given.extend(channels.iter().cloned());
        }
        self.given_count() > count
    }

    /// Notes that the application has unsubscribed the user from channels. Returns whether one of
    /// them was given before.
    pub fn take_back(&mut self, channels: &[ChannelName]) -> bool {
        let count = self.given_count();
        if let Some(given) = &mut self.given {
            for channel in channels {
                given.remove(channel);
            }
        }
        self.given_count() < count
    }

    /// Returns whether the user's clients may join a channel by themselves.
    pub fn may_join(&self, channel: &ChannelName) -> bool {
        self.given
            .as_ref()
            .is_some_and(|given| given.contains(channel))
    }

    /// Returns the number of channels that the user's clients may join by themselves.
    pub fn given_count(&self) -> usize {
        self.given.as_ref().map_or(0, BTreeSet::len)
    }

    /// Returns the name of the user.
    pub fn name(&self) -> &UserName {
        &self.name
    }

    /// Returns the id that the user got when it was created.
    pub fn uuid(&self) -> uuid::Uuid {
        self.uuid
    }

    /// Returns the state, and the part of it that others may see.
    pub fn state(&self) -> &VisibleState {
        &self.state
    }

    /// Returns the connections, each with whether it counts as present.
    pub fn connections(&self) -> &BTreeMap<ConnId, bool> {
        &self.connections
    }

    /// Returns the channels where the user is present.
    pub fn present_in(&self) -> impl Iterator<Item = &ChannelName> {
        self.present.keys()
    }

    /// Returns the log of private messages.
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// Returns the time of the user's last activity.
    pub fn last_active(&self) -> Moment {
        self.last_active
    }

    /// Returns whether the user has no connection.
    pub fn is_offline(&self) -> bool {
        self.connections.is_empty()
    }

    /// Checks whether a connection may open and set these values.
    ///
    /// # Errors
    /// Fails when the user would have more connections, or a larger state, than the limits allow.
    pub fn check_connect(
        &self,
        conn_id: ConnId,
        set: &ConnectState,
        limits: &Limits,
    ) -> Result<(), LimitReached> {
        let bounds = limits.state();
        if !self.connections.contains_key(&conn_id) {
            let bound = limits.connections_of_user();
            bound.check(self.connections.len() + 1)?;
        }
        if self.is_new {
            self.state.check(&[&set.fresh_state, &set.state], bounds)
        } else {
            self.state.check(&[&set.state], bounds)
        }
    }

    /// Returns whether no connection has ever opened.
    pub fn is_new(&self) -> bool {
        self.is_new
    }

    /// Adds a connection, or adds channels to a connection that the user already has. The state
    /// changes without an event (`protocol.md` §5), but the update for each channel where the user
    /// is present has the new state. Returns the updates for the channels.
    pub fn connect(
        &mut self,
        conn_id: ConnId,
        set: ConnectState,
        ConnectedChannels { returning, added }: ConnectedChannels,
        now: Moment,
    ) -> Vec<ChannelUpdate> {
        self.last_active = now;
        if std::mem::take(&mut self.is_new) {
            self.state.set(set.fresh_state, None);
        }
        let (changed, has_new_keys) = self.state.set(set.state, set.public_keys);
        self.connections.insert(conn_id, true);
        self.enter(&returning);
        self.enter(&added);
        let mut places: BTreeMap<ChannelName, Place> = BTreeMap::new();
        places.extend(with_place(returning, Place::Unchanged));
        places.extend(with_place(added, Place::Taken(conn_id)));
        if has_new_keys || !changed.is_empty() {
            for channel in self.present.keys() {
                places.entry(channel.clone()).or_insert(Place::Unchanged);
            }
        }
        self.updates(places, Vec::new())
    }

    /// Notes that a connection was added to channels. Returns the updates for them.
    ///
    /// # Errors
    /// [`Unknown`] when the user has no such connection.
    pub fn subscribe(
        &mut self,
        conn_id: ConnId,
        added: Vec<ChannelName>,
        now: Moment,
    ) -> Result<Vec<ChannelUpdate>, Unknown> {
        self.last_active = now;
        if *self.connections.get(&conn_id).ok_or(Unknown)? {
            self.enter(&added);
        }
        Ok(self.updates(with_place(added, Place::Taken(conn_id)), Vec::new()))
    }

    /// Notes that a connection has left channels. Returns the updates for them.
    ///
    /// # Errors
    /// [`Unknown`] when the user has no such connection.
    pub fn unsubscribe(
        &mut self,
        conn_id: ConnId,
        removed: Vec<ChannelName>,
        now: Moment,
    ) -> Result<Vec<ChannelUpdate>, Unknown> {
        self.last_active = now;
        if *self.connections.get(&conn_id).ok_or(Unknown)? {
            self.leave(&removed);
        }
        Ok(self.updates(with_place(removed, Place::Left(conn_id)), Vec::new()))
    }

    /// Sets whether a connection, which is in these channels, counts as present. Returns the
    /// updates for the channels.
    pub fn set_present(
        &mut self,
        conn_id: ConnId,
        is_present: bool,
        channels: Vec<ChannelName>,
        now: Moment,
    ) -> Vec<ChannelUpdate> {
        self.last_active = now;
        let Some(present) = self.connections.get_mut(&conn_id) else {
            return Vec::new();
        };
        *present = is_present;
        if is_present {
            self.enter(&channels);
        } else {
            self.leave(&channels);
        }
        self.updates(with_place(channels, Place::Unchanged), Vec::new())
    }

    /// Notes that a connection, which was in these channels, has ended for good. Returns the
    /// updates for the channels.
    pub fn close(
        &mut self,
        conn_id: ConnId,
        channels: Vec<ChannelName>,
        now: Moment,
    ) -> Vec<ChannelUpdate> {
        self.last_active = now;
        let Some(was_present) = self.connections.remove(&conn_id) else {
            return Vec::new();
        };
        if was_present {
            self.leave(&channels);
        }
        self.updates(with_place(channels, Place::Left(conn_id)), Vec::new())
    }

    /// Sets values, and the public keys if they are given. Returns the result, and an update with
    /// the changed values for each channel where the user is present.
    pub fn set_state(
        &mut self,
        values: Values,
        public_keys: Option<Vec<String>>,
        now: Moment,
    ) -> (StateChanged, Vec<ChannelUpdate>) {
        self.last_active = now;
        let (changed, has_new_keys) = self.state.set(values, public_keys);
        let reply = StateChanged {
            state: self.state.state().clone(),
            changed: changed.clone(),
            public_keys: self.state.public_keys().to_vec(),
        };
        if changed.is_empty() && !has_new_keys {
            return (reply, Vec::new());
        }
        let channels: Vec<_> = self.present.keys().cloned().collect();
        (
            reply,
            self.updates(with_place(channels, Place::Unchanged), changed),
        )
    }

    /// Removes messages from `publications` that are already in the private log.
    pub fn drop_published(&self, publications: &mut Vec<Publication>) {
        publications.retain(|publication| self.log.message(publication.message.uuid).is_none());
    }

    /// Logs private messages in the order given.
    pub fn publish(&mut self, publications: Vec<Publication>, now: Moment) {
        self.last_active = now;
        for Publication { message, body } in publications {
            self.push(message.uuid, body, Some(message), now);
        }
    }

    /// Appends a private entry that another node may have made, and that has the next offset.
    pub fn follow(&mut self, entry: Entry) {
        let at = entry.at;
        self.last_active = at;
        self.log.append(entry);
        self.log.trim(at);
    }

    /// Returns the private message with this id and its offset, if the log still holds it.
    pub fn find(&self, id: MessageId) -> Option<(u64, Arc<Message>)> {
        self.log.find(id)
    }

    /// Edits a private message if the log still holds it. Publishes the edit in any case.
    pub fn edit(&mut self, patch: &Patch, now: Moment) {
        self.last_active = now;
        if let Some(message) = self.log.message(patch.uuid) {
            let edited = Arc::new(patch.applied_to(message));
            let offset = self.log.replace(&edited, event::message(&edited));
            self.log.note_rewrite(offset, Some(edited));
        }
        self.push(patch.uuid, event::edit(patch), None, now);
    }

    /// Deletes a private message if the log still holds it. Publishes the deletion in any case.
    pub fn delete(&mut self, deletion: &Deletion, now: Moment) {
        self.last_active = now;
        let offset = self.log.erase(deletion.uuid);
        self.log.note_rewrite(offset, None);
        self.push(deletion.uuid, event::deletion(deletion), None, now);
    }

    /// Drops the oldest entries of the log until the rest takes at most `bytes`.
    pub fn trim_to(&mut self, bytes: usize) {
        self.log.trim_to(bytes);
    }

    /// Drops entries beyond the retention. Returns whether there were any.
    pub fn sweep(&mut self, now: Moment) -> bool {
        self.log.trim(now)
    }

    fn push(&mut self, id: MessageId, body: EventBody, message: Option<Arc<Message>>, now: Moment) {
        let record = Record {
            id,
            route: Route::open(),
            kept: true,
            is_in_history: false,
            body,
            message,
        };
        self.log.push(record, now);
    }

    /// Notes that one present connection has entered these channels.
    fn enter(&mut self, channels: &[ChannelName]) {
        for channel in channels {
            *self.present.entry(channel.clone()).or_default() += 1;
        }
    }

    /// Notes that one present connection has left these channels.
    fn leave(&mut self, channels: &[ChannelName]) {
        for channel in channels {
            if let Some(count) = self.present.get_mut(channel) {
                *count -= 1;
                if *count == 0 {
                    self.present.remove(channel);
                }
            }
        }
    }

    /// Returns the updates for these channels: the user as it is now, with a new version.
    fn updates(
        &mut self,
        places: impl IntoIterator<Item = (ChannelName, Place)>,
        changed: Vec<Change>,
    ) -> Vec<ChannelUpdate> {
        self.version += 1;
        let changed: Arc<[Change]> = changed.into();
        let update = |(channel, place): (ChannelName, Place)| {
            let member = Member {
                user: self.name.clone(),
                version: self.version,
                connections: self.present.get(&channel).copied().unwrap_or_default(),
                state: self.state.state().clone(),
                public_state: self.state.public_state().clone(),
                changed: changed.clone(),
            };
            ChannelUpdate {
                channel,
                member,
                place,
            }
        };
        places.into_iter().map(update).collect()
    }
}

/// Pairs each channel with the effect on a connection's place there.
fn with_place(
    channels: Vec<ChannelName>,
    place: Place,
) -> impl Iterator<Item = (ChannelName, Place)> {
    channels.into_iter().map(move |channel| (channel, place))
}
