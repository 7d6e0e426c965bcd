//! Restores the actors from the state that a store has kept, and lets the actors note everything
//! again when a store has lost notes.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use actix::prelude::*;

use crate::broker::Broker;
use crate::channel::NoteWhole as NoteChannel;
use crate::channel::Restore as RestoreChannel;
use crate::connection::{NoteWhole as NoteConnection, Restore as RestoreConnection};
use crate::core::channel::ChannelCore;
use crate::core::connection::Positions;
use crate::core::cursor::Cursor;
use crate::core::log::{Located, Log};
use crate::core::record::ConnectionRecord;
use crate::core::user::UserCore;
use crate::delivery::RestoredPlace;
use crate::directories::{Directories, SLICE};
use crate::directory::{Forwarded, IfAbsent, Registered};
use crate::ledger::NoteWhole as NoteCalls;
use crate::limits::Limits;
use crate::name::{ChannelName, ConnId, Identity, UserName};
use crate::position::{Epoch, Position};
use crate::protocol::timestamp::Moment;
use crate::store::note::Kept;
use crate::user::{NoteWhole as NoteUser, Restore as RestoreUser};

impl Broker {
    /// Restores the actors as they were. All messages pass the mailboxes of the directories, so an
    /// actor is complete before a call reaches it.
    pub(super) fn restore(&self, kept: Kept) {
        let Actors {
            channels,
            users,
            connections,
        } = Actors::new(kept, self.limits());
        for (name, channel) in channels {
            self.channels.tell(name, IfAbsent::Create, channel);
        }
        for (name, user) in users {
            self.users.tell(name, IfAbsent::Create, user);
        }
        for (conn_id, connection) in connections {
            self.connections.tell(conn_id, IfAbsent::Create, connection);
        }
    }

    /// Lets every actor note its whole state each time the store has lost notes. Runs as long as
    /// the server runs.
    pub(super) async fn answer_rebuilds(&self) {
        loop {
            self.common.store().wait_for_rebuild().await;
            ask_everybody(&self.channels, NoteChannel).await;
            ask_everybody(&self.users, NoteUser).await;
            ask_everybody(&self.connections, NoteConnection).await;
            if let Some(ledger) = self.ledger.get() {
                // An error means that the server stops.
                let _ = ledger.send(NoteCalls).await;
            }
            self.common.store().finish_rebuild();
        }
    }
}

async fn ask_everybody<A, M>(directories: &Directories<A>, message: M)
where
    A: Registered + Handler<Forwarded<M>>,
    M: Message<Result = ()> + Copy + Send + 'static,
{
    for slice in directories.names().await.chunks(SLICE) {
        drop(directories.ask_all(slice, || message).await);
    }
}

/// The actors that are to be restored.
struct Actors {
    channels: HashMap<ChannelName, RestoreChannel>,
    users: HashMap<UserName, RestoreUser>,
    connections: Vec<(ConnId, RestoreConnection)>,
}

impl Actors {
    fn new(kept: Kept, limits: &Limits) -> Self {
        let (may_miss_entries, now) = (kept.may_miss_entries, Moment::now());
        let channel = |(record, entries)| {
            let retention = limits.retention(limits.channel_frames);
            let core = ChannelCore::restore(record, entries, retention, limits.history_bytes);
            (core.name().clone(), restore_channel(core, false))
        };
        let user = |(record, entries)| {
            let retention = limits.retention(limits.private_frames);
            let core = UserCore::restore(record, entries, retention);
            let places = Vec::new();
            (core.name().clone(), RestoreUser { core, places })
        };
        let mut actors = Self {
            channels: kept.channels.into_iter().map(channel).collect(),
            users: kept.users.into_iter().map(user).collect(),
            connections: Vec::new(),
        };
        for (conn_id, record) in kept.connections {
            actors.add_connection(conn_id, record, may_miss_entries, limits, now);
        }
        actors.fill_rosters(now);
        for channel in actors.channels.values_mut() {
            channel.core.sweep(now);
        }
        for user in actors.users.values_mut() {
            user.core.sweep(now);
        }
        actors
    }

    /// Restores a connection and its places. A connection whose user is not kept had only begun,
    /// and is left out.
    fn add_connection(
        &mut self,
        conn_id: ConnId,
        record: ConnectionRecord,
        may_miss_entries: bool,
        limits: &Limits,
        now: Moment,
    ) {
        let Some(user) = self.users.get_mut(&record.user) else {
            return;
        };
        let mut read = Positions::default();
        let place = |read: &mut Positions, position: Option<Position>, log: &Log| {
            let has_its = |epochs: &BTreeSet<Epoch>| {
                let mut epochs = epochs.iter();
                epochs.any(|epoch| log.locate((*epoch, 0)).is_some())
            };
            let flags = CursorFlags {
                is_new: has_its(&record.new_places) || !record.has_listened,
                owes_gap: has_its(&record.owed_gaps) || may_miss_entries,
            };
            let cursor = restore_cursor(position, flags, log);
            let position = (log.epoch(), cursor.position());
            read.owed_gaps
                .extend(cursor.owes_gap().then_some(log.epoch()));
            read.new_places
                .extend(cursor.is_new().then_some(log.epoch()));
            let user = record.user.clone();
            let place = RestoredPlace {
                conn_id,
                user,
                cursor,
            };
            (place, position)
        };
        let (private, position) = place(&mut read, record.private, user.core.log());
        user.places.push(private);
        read.private = Some(position);
        for (name, position) in &record.channels {
            let channel = self.channels.entry(name.clone()).or_insert_with(|| {
                let retention = limits.retention(limits.channel_frames);
                let (name, identity) = (name.clone(), Identity::random());
                let bytes = limits.history_bytes;
                let mut core = ChannelCore::new(name, identity, retention, bytes, now);
                core.collect_changes();
                restore_channel(core, true)
            });
            let (place, position) = place(&mut read, *position, channel.core.log());
            channel.places.push(place);
            read.channels.insert(name.clone(), position);
        }
        let channels: Vec<_> = read.channels.keys().cloned().collect();
        (user.core).restore_connection(conn_id, record.is_present, &channels);
        let returns = record.returns_by.map_or(Duration::ZERO, |by| by.since(now));
        let restored = RestoreConnection {
            record,
            read,
            shortest_wait: returns.max(limits.restart_grace).max(limits.idle),
        };
        self.connections.push((conn_id, restored));
    }

    /// Fills the rosters of the channels from the restored users, so that a roster lists only users
    /// that are present.
    fn fill_rosters(&mut self, now: Moment) {
        for user in self.users.values_mut() {
            for update in user.core.restored_members() {
                if let Some(channel) = self.channels.get_mut(&update.channel) {
                    channel.core.restore_member(&update.member, now);
                }
            }
        }
    }
}

fn restore_channel(core: ChannelCore, is_new: bool) -> RestoreChannel {
    RestoreChannel {
        core,
        places: Vec::new(),
        is_new,
    }
}

/// The flags with which a cursor is restored after a restart.
#[derive(Clone, Copy)]
struct CursorFlags {
    /// Whether no transport has begun at the subscriber's place.
    is_new: bool,
    /// Whether the client is to be told that entries may be gone.
    owes_gap: bool,
}

/// Returns the cursor of a subscriber after a restart. If its position is not known, a new
/// subscriber is sent the entries from now on, and any other one is sent all entries that are left.
fn restore_cursor(position: Option<Position>, flags: CursorFlags, log: &Log) -> Cursor {
    let CursorFlags { is_new, owes_gap } = flags;
    let (offset, is_lost) = match position.and_then(|position| log.locate(position)) {
        Some(Located::Here(offset) | Located::Before(offset)) => (offset, false),
        Some(Located::Beyond(offset)) => (offset, true),
        None if is_new => (log.end(), false),
        None => (log.oldest_position(), true),
    };
    Cursor::restored(offset.min(log.end()), is_new, is_lost || owes_gap)
}
