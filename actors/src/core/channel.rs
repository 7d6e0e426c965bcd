//! What a channel decides: numbering, history, presence, edits.

use std::sync::Arc;

use crate::core::Stamp;
use crate::core::history::History;
use crate::core::log::{Entry, Epoch, Log, Record, Retention};
use crate::core::roster::{Member, Roster};
use crate::core::route::Route;
use crate::name::{ChannelName, MessageId};
use crate::protocol::config::ChannelConfig;
use crate::protocol::event::{self, Action, Body, Presence, StateChange};
use crate::protocol::info::{ChannelInfo, Detail};
use crate::protocol::message::{Deletion, Message, Patch};
use crate::protocol::panel::{ChannelDetail, ChannelSummary, SHOWN};
use crate::protocol::timestamp::Moment;

/// A message that was accepted, with its encoded form. Encoding happens before the channel, once
/// for all its subscribers.
#[derive(Clone, Debug)]
pub struct Publication {
    /// The message.
    pub message: Arc<Message>,
    /// What clients read.
    pub body: Body,
}

impl Publication {
    /// Encodes a message.
    pub fn new(message: Arc<Message>) -> Self {
        let body = event::message(&message);
        Self { message, body }
    }
}

/// Configuration, history, log and roster of a channel. Every method appends what it makes to the
/// log.
#[derive(Debug)]
pub struct ChannelCore {
    name: ChannelName,
    uuid: uuid::Uuid,
    config: ChannelConfig,
    history: History,
    log: Log,
    roster: Roster,
    last_active: Moment,
}

impl ChannelCore {
    /// Creates a channel with nobody in it, whose history holds at most `history_bytes`.
    pub fn new(
        name: ChannelName,
        uuid: uuid::Uuid,
        retention: Retention,
        history_bytes: usize,
        now: Moment,
    ) -> Self {
        Self {
            name,
            uuid,
            config: ChannelConfig::default(),
            history: History::new(history_bytes),
            log: Log::new(Epoch::random(), retention),
            roster: Roster::default(),
            last_active: now,
        }
    }

    /// The log, for delivery.
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// Who is here.
    pub fn roster(&self) -> &Roster {
        &self.roster
    }

    /// When something last happened here.
    pub fn last_active(&self) -> Moment {
        self.last_active
    }

    /// Sets all six settings.
    pub fn configure(&mut self, config: ChannelConfig) {
        self.config = config;
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

    /// Edits the message if it is still here, and tells all of it in any case (`protocol.md` §5).
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

    /// Deletes the message if it is still here, and tells all of it in any case.
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

    /// Takes what a user told of itself; tells the others if it joined or parted, and all if its
    /// state changed, where the configuration asks for it.
    pub fn member(&mut self, member: &Member, stamp: Stamp) {
        let Some(action) = self.roster.apply(member, stamp.now) else {
            return;
        };
        if let Some(action) = action {
            self.tell_presence(member, action, stamp);
        }
        if !member.changed.is_empty() && member.connections > 0 {
            self.tell_state(member, stamp);
        }
    }

    fn tell_presence(&mut self, member: &Member, action: Action, stamp: Stamp) {
        if !self.config.notify_presence {
            return;
        }
        self.last_active = stamp.now;
        let listed = if self.config.broadcast_presence_with_user_lists {
            self.roster.len()
        } else {
            0
        };
        let users = self.roster.user_list(listed);
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

    fn tell_state(&mut self, member: &Member, stamp: Stamp) {
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
        body: Body,
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

    /// The channel as `/info` tells it.
    pub fn describe(&self, detail: Detail) -> ChannelInfo {
        let listing = if detail.users {
            self.roster.listing().clone()
        } else {
            Arc::default()
        };
        ChannelInfo {
            uuid: self.uuid,
            name: self.name.clone(),
            long_name: None,
            settings: self.config.clone(),
            history: if detail.history {
                self.history.to_vec()
            } else {
                Vec::new()
            },
            last_active: self.last_active.into(),
            total_connections: self.roster.connections(),
            total_users: listing.len(),
            users: listing,
        }
    }

    /// All that an operator may see of the channel: of what may be long, the last, or the first by
    /// name.
    pub fn inspect(&self) -> ChannelDetail {
        ChannelDetail {
            name: self.name.clone(),
            uuid: self.uuid,
            settings: self.config.clone(),
            last_active: self.last_active,
            total_connections: self.roster.connections(),
            total_users: self.roster.len(),
            users: self.roster.user_list(SHOWN),
            total_history: self.history.len(),
            history: self.history.inspect(SHOWN),
            total_log: self.log.len(),
            log: self.log.last(SHOWN).map(Entry::inspect).collect(),
        }
    }

    /// The channel as a line of a list.
    pub fn summary(&self) -> ChannelSummary {
        ChannelSummary {
            name: self.name.clone(),
            users: self.roster.len(),
            connections: self.roster.connections(),
            events: self.log.end(),
            last_active: self.last_active,
        }
    }

    /// Drops what has grown old.
    pub fn sweep(&mut self, now: Moment) {
        self.log.trim(now);
        self.roster.sweep(now);
    }
}
