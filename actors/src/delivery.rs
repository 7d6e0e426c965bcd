//! Delivery sends the entries of a log to its subscribers. The [`Cursor`] of each subscriber
//! decides where it stands and what it is sent next. This module only sends.
//!
//! Delivery does not know who made the entries. Channels use it for their logs, and users use it
//! for their private messages.

mod batches;
mod pass;
mod schedule;
mod subscriber;

use std::sync::Arc;

use actix::prelude::*;
use indexmap::IndexMap;
use indexmap::map::Entry;

use self::batches::BatchCache;
use self::pass::{Pass, PassTotals};
use self::schedule::Schedule;
use self::subscriber::{Subscriber, SubscriberOutlet};
use crate::common::Common;
use crate::core::cursor::{Beginning, Claim, Cursor, Generation};
use crate::core::log::{Located, Log};
use crate::name::{ChannelName, ConnId, UserName};
use crate::outlet::Outlet;
use crate::position::{Epoch, Position, Report};

pub(crate) use self::schedule::{PublishAnswer, Wakeup};
pub(crate) use self::subscriber::FullOutlet;

/// Attaches a transport that begins to listen. Sent by the connection. The answer comes once the
/// entries that the client missed are on their way. It is `None` if the connection has no place
/// here.
#[derive(Message, Clone)]
#[rtype(result = "Option<Began>")]
pub(crate) struct Attach {
    pub(crate) conn_id: ConnId,
    pub(crate) generation: Generation,
    pub(crate) outlet: Arc<Outlet>,
    pub(crate) reason: AttachReason,
}

/// The beginning of a transport in a log.
#[derive(Clone, Copy)]
pub(crate) struct Began {
    /// The position where the transport began.
    pub(crate) position: Position,
    /// Whether the client was told of a gap.
    pub(crate) has_gap: bool,
}

/// The reason why a transport is attached to a log.
#[derive(Clone)]
pub(crate) enum AttachReason {
    /// The transport has begun to listen. Entries that are in the log already count as missed.
    Began {
        /// The positions that the client brings. They say nothing about logs that they do not name.
        read: Report,
        /// Whether the positions name a log that is gone.
        is_foreign: bool,
        /// Whether the positions are those of a poll that was answered.
        is_presumed: bool,
    },
    /// The connection already listens, and has now subscribed to the channel of the log. No entry
    /// counts as missed.
    Subscribed,
}

/// Detaches a transport that has ended. Sent by the connection.
#[derive(Message, Clone)]
#[rtype(result = "()")]
pub(crate) struct Detach {
    pub(crate) conn_id: ConnId,
    /// The generation of the transport that ended. An [`Attach`] of this transport that is still on
    /// its way has no effect.
    pub(crate) generation: Generation,
    /// The positions up to which the client has read. `None` if they are not known; then the cursor
    /// goes back to where the transport began.
    pub(crate) report: Option<Report>,
}

/// Gives a connection a place for one transport, and attaches that transport. Sent by the
/// connection in a cluster. The answer comes once the entries that the client missed are on their
/// way.
#[derive(Message)]
#[rtype(result = "Option<Began>")]
pub(crate) struct AttachAt {
    pub(crate) conn_id: ConnId,
    pub(crate) user: UserName,
    pub(crate) generation: Generation,
    pub(crate) outlet: Arc<Outlet>,
    /// Where the client goes on.
    pub(crate) position: Position,
    /// Whether no transport has begun at this place yet.
    pub(crate) is_new: bool,
    /// The offset up to which entries count as missed.
    pub(crate) missed_up_to: u64,
    /// The positions that the client brings.
    pub(crate) read: Report,
    /// Whether the positions name a log that is gone.
    pub(crate) is_foreign: bool,
}

/// Ends the place of a connection's transport. Sent by the connection in a cluster. The answer is
/// `None` if the transport has no place here.
#[derive(Message, Clone)]
#[rtype(result = "Option<LastRead>")]
pub(crate) struct DetachFrom {
    pub(crate) conn_id: ConnId,
    pub(crate) generation: Generation,
    /// The positions up to which the client has read; `None` if they are not known.
    pub(crate) report: Option<Report>,
    /// The positions that also count as read if the client polls again.
    pub(crate) presumed: Option<Report>,
}

/// Up to where a client has read a log; `None` where nothing new is known.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct LastRead {
    pub(crate) certain: Option<Position>,
    pub(crate) presumed: Option<Position>,
}

/// Asks which of these positions belong to this log, in its present epoch or in a former one. Sent
/// by the connection. The answer is the epochs of those positions.
#[derive(Message, Clone)]
#[rtype(result = "Vec<Epoch>")]
pub(crate) struct FindEpochs(pub(crate) Report);

/// Asks where the connection's cursor stands. Once no transport is attached, the position says how
/// far the client is known to have read. Sent by the connection.
#[derive(Message, Clone, Copy)]
#[rtype(result = "Option<CursorState>")]
pub(crate) struct GetPosition(pub(crate) ConnId);

/// The state of a connection's cursor.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CursorState {
    pub(crate) position: Position,
    /// Whether the client must still be told that entries before the position may be gone.
    pub(crate) owes_gap: bool,
    /// Whether no transport has begun at this place yet.
    pub(crate) is_new: bool,
}

/// Asks whether all entries were sent to the connection's transport. Sent by the connection.
#[derive(Message, Clone, Copy)]
#[rtype(result = "bool")]
pub(crate) struct IsUpToDate(pub(crate) ConnId);

/// A connection's place in a log as it was before a restart.
pub(crate) struct RestoredPlace {
    pub(crate) conn_id: ConnId,
    pub(crate) user: UserName,
    pub(crate) cursor: Cursor,
}

/// The subscribers of one log.
pub(crate) struct Delivery {
    /// The channel of the log; `None` for private messages.
    channel: Option<ChannelName>,
    /// The subscribers, one for each connection that has a place in the log, in about the order in
    /// which they took their places: the last one moves to a place that ends. Their actors were
    /// made in about that order too, so a pass goes through memory in order, which is faster.
    subscribers: IndexMap<ConnId, Subscriber>,
    /// The number of subscribers that have an outlet.
    listening: usize,
    common: Common,
    /// The number of latest entries that a subscriber is sent when it listens for the first time.
    first_frames: usize,
    batches: BatchCache,
    schedule: Schedule,
    /// The outlets that became full and have not been asked for capacity yet.
    full: Vec<FullOutlet>,
}

impl Delivery {
    /// Creates a delivery without subscribers. A connection that listens for the first time is sent
    /// the latest `first_frames` entries.
    pub(crate) fn new(channel: Option<ChannelName>, first_frames: usize, common: &Common) -> Self {
        Self {
            channel,
            subscribers: IndexMap::new(),
            listening: 0,
            common: common.clone(),
            first_frames,
            batches: BatchCache::default(),
            schedule: Schedule::default(),
            full: Vec::new(),
        }
    }

    /// Returns the connections that have a place.
    pub(crate) fn connections(&self) -> Vec<ConnId> {
        self.subscribers.keys().copied().collect()
    }

    /// Returns whether there are no subscribers.
    pub(crate) fn is_empty(&self) -> bool {
        self.subscribers.is_empty()
    }

    /// Gives a connection a place at the end of the log, and returns the position. Returns `None`
    /// if the connection already has a place, because it may have been sent more there than its
    /// client has read.
    pub(crate) fn take_place(
        &mut self,
        conn_id: ConnId,
        user: UserName,
        log: &Log,
    ) -> Option<Position> {
        let Entry::Vacant(place) = self.subscribers.entry(conn_id) else {
            return None;
        };
        let subscriber = place.insert(Subscriber {
            user,
            cursor: Cursor::at_end(log),
            outlet: None,
        });
        Some((log.epoch(), subscriber.cursor.position()))
    }

    /// Restores the places that connections had before a restart.
    pub(crate) fn restore(&mut self, places: Vec<RestoredPlace>, log: &Log) {
        self.schedule.begin(log.end());
        for place in places {
            let subscriber = Subscriber {
                user: place.user,
                cursor: place.cursor,
                outlet: None,
            };
            self.subscribers.insert(place.conn_id, subscriber);
        }
    }

    /// Returns where a connection's cursor stands, if it has a place.
    pub(crate) fn position(&self, conn_id: ConnId, log: &Log) -> Option<CursorState> {
        let cursor = &self.subscribers.get(&conn_id)?.cursor;
        Some(CursorState {
            position: (log.epoch(), cursor.position()),
            owes_gap: cursor.owes_gap(),
            is_new: cursor.is_new(),
        })
    }

    /// Ends a connection's place.
    pub(crate) fn leave_place(&mut self, conn_id: ConnId) {
        if let Some(subscriber) = self.subscribers.swap_remove(&conn_id) {
            self.listening -= usize::from(subscriber.outlet.is_some());
        }
        if self.subscribers.is_empty() {
            self.batches.clear();
        }
    }

    /// Attaches a transport: sends the entries that the connection missed, and makes the connection
    /// live from then on. Both happen in one call, so no entry is missed, repeated or out of order.
    /// Returns where the transport began; `None` if the connection has no place.
    pub(crate) fn attach(&mut self, attach: Attach, log: &Log) -> Option<Began> {
        let subscriber = self.subscribers.get_mut(&attach.conn_id)?;
        let (missed_up_to, claim) = match attach.reason {
            AttachReason::Subscribed => (0, Claim::Nothing),
            AttachReason::Began {
                read,
                is_foreign,
                is_presumed,
            } => match claim_of(&read, log) {
                Some(Claim::Read(read)) if is_presumed => (log.end(), Claim::Presumed(read)),
                Some(claim) => (log.end(), claim),
                None if is_foreign => (log.end(), Claim::Foreign),
                None => (log.end(), Claim::Nothing),
            },
        };
        let beginning = Beginning {
            generation: attach.generation,
            claim,
            missed_up_to,
            frames: self.first_frames,
        };
        let has_begun = subscriber.cursor.begin(beginning, log);
        let began = Began {
            position: (log.epoch(), subscriber.cursor.attached()),
            has_gap: subscriber.cursor.has_unsent_gap(),
        };
        if has_begun {
            self.listening += usize::from(subscriber.outlet.is_none());
            subscriber.outlet = Some(SubscriberOutlet::new(attach.outlet));
            self.serve(attach.conn_id, log);
        }
        Some(began)
    }

    /// Detaches a transport: moves the connection's cursor back to what its client has read. The
    /// cursor stays there until the next transport begins.
    pub(crate) fn detach(&mut self, detach: Detach, log: &Log) {
        let Some(subscriber) = self.subscribers.get_mut(&detach.conn_id) else {
            return;
        };
        let is_current = detach.generation >= subscriber.cursor.generation();
        let is_here = |position: &&Position| position.0 == log.epoch();
        let report = detach.report.as_deref().unwrap_or_default();
        let read = report.iter().find(is_here).map(|(_, offset)| *offset);
        subscriber.cursor.end(detach.generation, read);
        if is_current {
            self.listening -= usize::from(subscriber.outlet.take().is_some());
        }
    }

    /// Returns whether the connection was sent all entries, or has no place.
    pub(crate) fn is_up_to_date(&self, conn_id: ConnId, log: &Log) -> bool {
        self.subscribers
            .get(&conn_id)
            .is_none_or(|subscriber| subscriber.cursor.has_all(log))
    }

    /// Returns whether the delivery of new entries was deferred.
    pub(crate) fn is_deferred(&self) -> bool {
        self.schedule.is_deferred()
    }

    /// Defers the delivery of new entries. Returns the time at which the actor must deliver them;
    /// `None` if the actor knows it already.
    pub(crate) fn defer(&mut self) -> Option<Wakeup> {
        self.schedule.defer(self.listening)
    }

    /// Returns the time at which to answer a call whose entries were just deferred.
    pub(crate) fn publish_answer(&self) -> PublishAnswer {
        self.schedule.answer()
    }

    /// Sends new entries to all subscribers that are up to date. A subscriber whose outlet is full
    /// is sent them later.
    pub(crate) fn deliver(&mut self, log: &Log) {
        if self.schedule.begin(log.end()) > 0 {
            self.pass(log, |pass, subscribers| {
                for (conn_id, subscriber) in subscribers {
                    pass.serve(*conn_id, subscriber);
                }
            });
        }
        self.schedule.finish();
    }

    /// Sends all subscribers the entries after their cursors.
    pub(crate) fn deliver_all(&mut self, log: &Log) {
        self.schedule.begin(log.end());
        self.pass(log, |pass, subscribers| {
            for (conn_id, subscriber) in subscribers {
                pass.serve(*conn_id, subscriber);
            }
        });
        self.schedule.finish();
    }

    /// Notes that a subscriber's outlet has capacity again. Goes on sending to it if entries may be
    /// delivered now.
    pub(crate) fn resume(
        &mut self,
        conn_id: ConnId,
        generation: Generation,
        may_deliver: bool,
        log: &Log,
    ) {
        if let Some(subscriber) = self.subscribers.get_mut(&conn_id)
            && let Some(attached) = &mut subscriber.outlet
            && subscriber.cursor.generation() == generation
        {
            attached.is_full = false;
            if may_deliver {
                self.serve(conn_id, log);
            }
        }
    }

    /// Gives a connection a place for one transport, and attaches that transport. `cursor` says
    /// where the transport begins.
    pub(crate) fn attach_at(&mut self, cursor: Cursor, attach: AttachAt, log: &Log) -> Began {
        let AttachAt {
            conn_id,
            user,
            generation,
            outlet,
            missed_up_to,
            read,
            is_foreign,
            ..
        } = attach;
        self.leave_place(conn_id);
        let beginning = Beginning {
            generation,
            claim: match claim_of(&read, log) {
                Some(claim) => claim,
                None if is_foreign => Claim::Foreign,
                None => Claim::Nothing,
            },
            missed_up_to,
            frames: self.first_frames,
        };
        let mut subscriber = Subscriber {
            user,
            cursor,
            outlet: Some(SubscriberOutlet::new(outlet)),
        };
        subscriber.cursor.begin(beginning, log);
        let began = Began {
            position: (log.epoch(), subscriber.cursor.attached()),
            has_gap: subscriber.cursor.has_unsent_gap(),
        };
        self.subscribers.insert(conn_id, subscriber);
        self.listening += 1;
        self.serve(conn_id, log);
        began
    }

    /// Ends the place of a connection's transport. Returns up to where its client has read.
    pub(crate) fn detach_from(&mut self, detach: &DetachFrom, log: &Log) -> Option<LastRead> {
        let subscriber = self.subscribers.get(&detach.conn_id)?;
        if subscriber.cursor.generation() != detach.generation {
            return None;
        }
        let read_with = |report: &Option<Report>| {
            let report = report.as_deref()?;
            let read = report.iter().find(|position| position.0 == log.epoch());
            let mut cursor = subscriber.cursor.clone();
            cursor.end(detach.generation, read.map(|(_, offset)| *offset));
            // A client that does not know of the gap goes on before it again.
            (!cursor.owes_gap()).then(|| (log.epoch(), cursor.position()))
        };
        let last_read = LastRead {
            certain: read_with(&detach.report),
            presumed: read_with(&detach.presumed),
        };
        self.leave_place(detach.conn_id);
        Some(last_read)
    }

    /// Moves all subscribers into another epoch of the log, or to where it begins now. `locate`
    /// says what a position of the log before means in this one.
    pub(crate) fn relocate(
        &mut self,
        former: Epoch,
        locate: impl Fn(Position) -> Option<Located>,
        log: &Log,
    ) {
        for subscriber in self.subscribers.values_mut() {
            let located = locate((former, subscriber.cursor.position()));
            subscriber.cursor.relocate(located, log);
        }
        self.batches.clear();
    }

    /// Takes out the outlets that became full, and returns them.
    pub(crate) fn take_full(&mut self) -> Vec<FullOutlet> {
        std::mem::take(&mut self.full)
    }

    /// Frees the batches that were kept for sharing.
    pub(crate) fn sweep(&mut self) {
        self.batches.clear();
    }

    /// Sends one subscriber the entries after its cursor.
    fn serve(&mut self, conn_id: ConnId, log: &Log) {
        self.pass(log, |pass, subscribers| {
            if let Some(subscriber) = subscribers.get_mut(&conn_id) {
                pass.serve(conn_id, subscriber);
            }
        });
    }

    /// Runs a pass over subscribers and counts what it did.
    fn pass(
        &mut self,
        log: &Log,
        run: impl FnOnce(&mut Pass<'_>, &mut IndexMap<ConnId, Subscriber>),
    ) {
        let mut pass = Pass {
            log,
            channel: self.channel.as_ref(),
            common: &self.common,
            batches: &mut self.batches,
            full: &mut self.full,
            totals: PassTotals::default(),
        };
        run(&mut pass, &mut self.subscribers);
        let PassTotals {
            sent,
            messages,
            gaps,
            removed_outlets,
        } = pass.totals;
        self.common.counters().count_deliveries(&sent, messages);
        self.common.counters().count_gaps(gaps);
        self.listening -= removed_outlets;
    }
}

/// Returns what a client's positions say about a log. A position in the present epoch counts before
/// positions in former ones.
fn claim_of(read: &Report, log: &Log) -> Option<Claim> {
    let mut claim = None;
    for located in read.iter().filter_map(|position| log.locate(*position)) {
        let (offset, is_beyond) = match located {
            Located::Here(offset) => return Some(Claim::Read(offset)),
            Located::Before(offset) => (offset, false),
            Located::Beyond(offset) => (offset, true),
        };
        claim = Some(Claim::ReadBefore { offset, is_beyond });
    }
    claim
}

/// Returns the epochs of those positions of a client that belong to a log.
pub(crate) fn find_epochs(FindEpochs(read): &FindEpochs, log: &Log) -> Vec<Epoch> {
    let of_log = |position: &&Position| log.locate(**position).is_some();
    read.iter()
        .filter(of_log)
        .map(|(epoch, _)| *epoch)
        .collect()
}
