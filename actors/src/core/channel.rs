//! The decisions of a channel: the order of its events, its history, presence and edits.

use std::sync::Arc;

use crate::core::Stamp;
use crate::core::entry::{Entry, Record};
use crate::core::history::History;
use crate::core::log::Log;
use crate::core::publication::Publication;
use crate::core::record::{ChannelRecord, LogChanges};
use crate::core::roster::{Member, MemberChange, Roster};
use crate::core::route::Route;
use crate::core::visible_state::VisibleState;
use crate::limits::Retention;
use crate::name::{ChannelName, Identity, MessageId, UserName};
use crate::protocol::config::ChannelConfig;
use crate::protocol::event::{self, Action, EventBody, Presence, StateChange};
use crate::protocol::message::{Deletion, Message, Patch};
use crate::protocol::state::State;
use crate::protocol::timestamp::Moment;

/// The configuration, history, log and roster of a channel. Every event that a method makes is
/// appended to the log.
#[derive(Debug)]
pub struct ChannelCore {
    name: ChannelName,
    uuid: uuid::Uuid,
    config: ChannelConfig,
    history: History,
    log: Log,
    roster: Roster,
    last_active: Moment,
    /// True until the channel is configured or gets its first update from a user.
    is_new: bool,
}

impl ChannelCore {
    /// Creates an empty channel whose history holds at most `history_bytes`.
    pub fn new(
        name: ChannelName,
        Identity { uuid, epoch }: Identity,
        retention: Retention,
        history_bytes: usize,
        now: Moment,
    ) -> Self {
        Self {
            name,
            uuid,
            config: ChannelConfig::default(),
            history: History::new(history_bytes),
            log: Log::new(epoch, retention),
            roster: Roster::default(),
            last_active: now,
            is_new: true,
        }
    }

    /// Restores a channel from the store. Its roster is empty.
    pub fn restore(
        record: ChannelRecord,
        entries: Vec<Entry>,
        retention: Retention,
        history_bytes: usize,
    ) -> Self {
        let ChannelRecord {
            name,
            uuid,
            config,
            last_active,
            log,
            history_start,
        } = record;
        let message = |entry: &Entry| {
            let is_in = entry.is_in_history && entry.offset > history_start;
            Some((entry.offset, entry.message.clone().filter(|_| is_in)?))
        };
        Self {
            name,
            uuid,
            config,
            history: History::restore(entries.iter().filter_map(message), history_bytes),
            log: Log::restore(log, entries, retention),
            roster: Roster::default(),
            last_active,
            is_new: false,
        }
    }

    /// Returns the values that the store keeps of the channel, apart from its entries.
    pub fn record(&self) -> ChannelRecord {
        ChannelRecord {
            name: self.name.clone(),
            uuid: self.uuid,
            config: self.config.clone(),
            last_active: self.last_active,
            log: self.log.state(),
            history_start: self.history.start().unwrap_or(self.log.end()),
        }
    }

    /// Collects changes of the log from now on. The caller must take them regularly, since they
    /// pile up.
    pub fn collect_changes(&mut self) {
        self.log.collect_changes();
    }

    /// Takes the changes of the log since the last call.
    pub fn take_changes(&mut self) -> LogChanges {
        self.log.take_changes()
    }

    /// Returns all entries, including those of the history, for a store that has no data of the
    /// channel.
    pub fn all_as_changes(&self) -> LogChanges {
        let mut changes = self.log.all_as_changes();
        let log_start = self.log.oldest_position();
        let only_in_history = self
            .history
            .entries()
            .take_while(|(offset, _)| *offset <= log_start)
            .map(|(offset, message)| Entry::of_history(*offset, message));
        changes.appended.splice(0..0, only_in_history);
        changes
    }

    /// Returns the name of the channel.
    pub fn name(&self) -> &ChannelName {
        &self.name
    }

    /// Returns the id that the channel got when it was created.
    pub fn uuid(&self) -> uuid::Uuid {
        self.uuid
    }

    /// Returns the configuration.
    pub fn config(&self) -> &ChannelConfig {
        &self.config
    }

    /// Returns the history: the messages that `/info` shows.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// Returns the log.
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// Returns the roster: the users who are present.
    pub fn roster(&self) -> &Roster {
        &self.roster
    }

    /// Returns the time of the last activity in the channel.
    pub fn last_active(&self) -> Moment {
        self.last_active
    }

    /// Sets all six settings.
    pub fn configure(&mut self, config: ChannelConfig) {
        self.config = config;
        self.is_new = false;
    }

    /// Sets all six settings, but only if the channel is new: a call that creates a channel may
    /// configure it.
    pub fn configure_new(&mut self, config: ChannelConfig) {
        if self.is_new {
            self.configure(config);
        }
    }

    /// Publishes messages in the order given.
    pub fn publish(&mut self, publications: Vec<Publication>, now: Moment) {
        self.last_active = now;
        for Publication { message, body } in publications {
            let offset = self.log.end() + 1;
            let is_in_history = self.history.store(offset, &message, &self.config);
            let record = Record {
                id: message.uuid,
                route: Route::of(&message.address),
                kept: self.config.store_frames,
                is_in_history,
                body,
                message: Some(message),
            };
            self.log.push(record, now);
        }
    }

    /// Edits the message if the history or the log still holds it. Publishes the edit in any case
    /// (`protocol.md` §5).
    pub fn edit(&mut self, patch: &Patch, now: Moment) {
        self.last_active = now;
        let message = self
            .history
            .message(patch.uuid)
            .or_else(|| self.log.message(patch.uuid));
        if let Some(message) = message {
            let edited = Arc::new(patch.applied_to(message));
            let in_history = self.history.replace(&edited);
            let offset = self.log.replace(&edited, event::message(&edited));
            self.log.note_rewrite(offset.or(in_history), Some(edited));
        }
        let route = Route::of(&patch.address);
        self.push(patch.uuid, route, event::edit(patch), now);
    }

    /// Deletes the message if the history or the log still holds it. Publishes the deletion in any
    /// case.
    pub fn delete(&mut self, deletion: &Deletion, now: Moment) {
        self.last_active = now;
        let in_history = self.history.erase(deletion.uuid);
        let offset = self.log.erase(deletion.uuid);
        self.log.note_rewrite(offset.or(in_history), None);
        let route = Route::of(&deletion.address);
        self.push(deletion.uuid, route, event::deletion(deletion), now);
    }

    /// Puts a user back on the roster after a restart. Makes no event: for the other users this
    /// user never left.
    pub fn restore_member(&mut self, member: &Member, now: Moment) {
        self.roster.apply(member, now);
    }

    /// Appends an entry that another node may have made, and that has the next offset.
    pub fn follow(&mut self, entry: Entry) {
        self.last_active = entry.at;
        if let Some(message) = entry.message.as_ref().filter(|_| entry.is_in_history) {
            self.history.store(entry.offset, message, &self.config);
        }
        let at = entry.at;
        self.log.append(entry);
        self.log.trim(at);
    }

    /// Replaces the history by these messages, each with its offset, oldest first.
    pub fn set_history(&mut self, messages: impl IntoIterator<Item = (u64, Arc<Message>)>) {
        self.history = History::restore(messages, self.history.most_bytes());
    }

    /// Sets the number of connections of a user, and its state if it is given, without an event.
    pub fn set_member(
        &mut self,
        user: &UserName,
        connections: usize,
        state: Option<&VisibleState>,
    ) {
        self.roster.set(user, connections, state);
    }

    /// Returns the message with this id and its offset, if the history or the log still holds it.
    pub fn find(&self, id: MessageId) -> Option<(u64, Arc<Message>)> {
        let in_history = self
            .history
            .entries()
            .find(|(_, message)| message.uuid == id);
        in_history.cloned().or_else(|| self.log.find(id))
    }

    /// Removes messages from `publications` that were already published in this channel.
    pub fn drop_published(&self, publications: &mut Vec<Publication>) {
        publications.retain(|publication| {
            let id = publication.message.uuid;
            self.history.message(id).is_none() && self.log.message(id).is_none()
        });
    }

    /// Applies an update of a user to the roster. If the configuration asks for it, the other users
    /// learn that this user joined or parted, and all users learn that its state changed.
    pub fn update_member(&mut self, member: &Member, stamp: Stamp) {
        self.is_new = false;
        match self.roster.apply(member, stamp.now) {
            MemberChange::Stale => return,
            MemberChange::Updated => {}
            MemberChange::Joined => self.publish_presence(member, Action::Joined, stamp),
            MemberChange::Parted => self.publish_presence(member, Action::Parted, stamp),
        }
        if !member.changed.is_empty() && member.connections > 0 {
            self.publish_state_change(member, stamp);
        }
    }

    /// Removes a user whose actor has panicked from the roster. The other users learn that this
    /// user parted.
    pub fn remove_member(&mut self, user: &UserName, stamp: Stamp) {
        if self.roster.remove(user) {
            let member = Member {
                user: user.clone(),
                version: 0,
                connections: 0,
                state: State::default(),
                public_state: State::default(),
                changed: Arc::default(),
            };
            self.publish_presence(&member, Action::Parted, stamp);
        }
    }

    fn publish_presence(&mut self, member: &Member, action: Action, stamp: Stamp) {
        if !self.config.notify_presence {
            return;
        }
        self.last_active = stamp.now;
        let listed = if self.config.broadcast_presence_with_user_lists {
            self.roster.len()
        } else {
            0
        };
        let users: Vec<_> = self.roster.public_users().take(listed).collect();
        let body = event::presence(&Presence {
            uuid: stamp.id,
            timestamp: stamp.now.into(),
            user: &member.user,
            channel: &self.name,
            action,
            state: (action == Action::Joined).then_some(&member.public_state),
            users: &users,
        });
        let route = Route::all_but(member.user.clone());
        self.push(stamp.id, route, body, stamp.now);
    }

    fn publish_state_change(&mut self, member: &Member, stamp: Stamp) {
        if !self.config.notify_state {
            return;
        }
        self.last_active = stamp.now;
        let is_public = |key: &str| member.public_state.contains_key(key);
        let changed: Vec<_> = member
            .changed
            .iter()
            .filter(|change| is_public(&change.key))
            .cloned()
            .collect();
        let body = event::state_change(&StateChange {
            uuid: stamp.id,
            timestamp: stamp.now.into(),
            user: &member.user,
            channel: &self.name,
            state: &member.public_state,
            changed: &changed,
        });
        self.push(stamp.id, Route::open(), body, stamp.now);
    }

    /// Appends an event that is not a message to the log.
    fn push(&mut self, id: MessageId, route: Route, body: EventBody, now: Moment) {
        let record = Record {
            id,
            route,
            kept: self.config.store_frames,
            is_in_history: false,
            body,
            message: None,
        };
        self.log.push(record, now);
    }

    /// Drops the oldest entries of the log, and then the oldest messages of the history, until both
    /// together hold at most `bytes`.
    pub fn trim_to(&mut self, bytes: usize) {
        self.log.trim_to(bytes.saturating_sub(self.history.bytes()));
        self.history.trim_to(bytes.saturating_sub(self.log.bytes()));
    }

    /// Forgets users who left a while ago, and drops entries beyond the retention. Returns whether
    /// entries were dropped.
    pub fn sweep(&mut self, now: Moment) -> bool {
        self.roster.sweep(now);
        self.log.trim(now)
    }
}
