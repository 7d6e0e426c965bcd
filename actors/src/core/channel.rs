//! What a channel decides: the order of its events, history, presence and edits.

use std::sync::Arc;

use crate::core::Stamp;
use crate::core::history::History;
use crate::core::log::{Log, Record};
use crate::core::publication::Publication;
use crate::core::roster::{Member, MemberChange, Roster};
use crate::core::route::Route;
use crate::limits::Retention;
use crate::name::{ChannelName, Identity, MessageId};
use crate::protocol::config::ChannelConfig;
use crate::protocol::event::{self, Action, EventBody, Presence, StateChange};
use crate::protocol::message::{Deletion, Message, Patch};
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
    /// True until the channel is configured or a user tells of itself.
    is_new: bool,
}

impl ChannelCore {
    /// Creates a channel with nobody in it, whose history holds at most `history_bytes`.
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

    /// Returns the name of the channel.
    pub fn name(&self) -> &ChannelName {
        &self.name
    }

    /// Returns the id that was made with the channel.
    pub fn uuid(&self) -> uuid::Uuid {
        self.uuid
    }

    /// Returns the configuration.
    pub fn config(&self) -> &ChannelConfig {
        &self.config
    }

    /// Returns the messages that are kept for people to read back.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// Returns the log.
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// Returns who is present.
    pub fn roster(&self) -> &Roster {
        &self.roster
    }

    /// Returns when something last happened here.
    pub fn last_active(&self) -> Moment {
        self.last_active
    }

    /// Sets all six settings.
    pub fn configure(&mut self, config: ChannelConfig) {
        self.config = config;
        self.is_new = false;
    }

    /// Sets all six settings if the channel is new: a call that creates a channel may bring them.
    pub fn configure_new(&mut self, config: ChannelConfig) {
        if self.is_new {
            self.configure(config);
        }
    }

    /// Publishes messages in the order given.
    pub fn publish(&mut self, publications: Vec<Publication>, now: Moment) {
        self.last_active = now;
        for Publication { message, body } in publications {
            self.history.store(&message, &self.config);
            self.push(
                message.uuid,
                Route::of(&message.address),
                body,
                Some(message),
                now,
            );
        }
    }

    /// Edits the message if it is still here, and publishes the edit in any case (`protocol.md`
    /// §5).
    pub fn edit(&mut self, patch: &Patch, now: Moment) {
        self.last_active = now;
        let message = self
            .history
            .message(patch.uuid)
            .or_else(|| self.log.message(patch.uuid));
        if let Some(message) = message {
            let edited = Arc::new(patch.applied_to(message));
            self.history.replace(&edited);
            self.log.replace(&edited, event::message(&edited));
        }
        self.push(
            patch.uuid,
            Route::of(&patch.address),
            event::edit(patch),
            None,
            now,
        );
    }

    /// Deletes the message if it is still here, and publishes the deletion in any case.
    pub fn delete(&mut self, deletion: &Deletion, now: Moment) {
        self.last_active = now;
        self.history.erase(deletion.uuid);
        self.log.erase(deletion.uuid);
        self.push(
            deletion.uuid,
            Route::of(&deletion.address),
            event::deletion(deletion),
            None,
            now,
        );
    }

    /// Notes what a user tells of itself. The other users learn that it joined or parted, and all
    /// learn that its state changed, where the configuration asks for it.
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
        self.push(
            stamp.id,
            Route::all_but(member.user.clone()),
            body,
            None,
            stamp.now,
        );
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
        self.push(stamp.id, Route::open(), body, None, stamp.now);
    }

    fn push(
        &mut self,
        id: MessageId,
        route: Route,
        body: EventBody,
        message: Option<Arc<Message>>,
        now: Moment,
    ) {
        let kept = self.config.store_frames;
        self.log.push(
            Record {
                id,
                route,
                kept,
                body,
                message,
            },
            now,
        );
    }

    /// Drops what is older than it may be.
    pub fn sweep(&mut self, now: Moment) {
        self.log.trim(now);
        self.roster.sweep(now);
    }
}
