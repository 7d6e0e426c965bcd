//! Delivery hands the entries of a log to its subscribers. Where each of them stands, and what it
//! is sent next, is decided by its [`Cursor`]; this module only sends.
//!
//! It does not know who made the entries. Channels use it, and users for their private messages.

mod batches;
mod pass;
mod schedule;
mod subscriber;

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use actix::prelude::*;

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

/// Attaches a transport that begins to listen. From the connection; answered once what the client
/// missed is on its way, with the place where the transport began, if the connection has one here.
#[derive(Message, Clone)]
#[rtype(result = "Option<Position>")]
pub(crate) struct Attach {
    pub(crate) conn_id: ConnId,
    pub(crate) generation: Generation,
    pub(crate) outlet: Arc<Outlet>,
    pub(crate) reason: AttachReason,
}

/// Why a transport is attached to a log.
#[derive(Clone)]
pub(crate) enum AttachReason {
    /// The transport has begun to listen. Entries that are in the log already count as missed.
    Began {
        /// The position that the client brings. It says nothing of logs that it does not name.
        read: Report,
        /// Whether the position names a log that is gone.
        is_foreign: bool,
    },
    /// The connection, which listens already, has subscribed to the channel of the log. Nothing
    /// counts as missed.
    Subscribed,
}

/// Detaches a transport that has ended. From the connection.
#[derive(Message, Clone)]
#[rtype(result = "()")]
pub(crate) struct Detach {
    pub(crate) conn_id: ConnId,
    /// The transport that ended. An [`Attach`] of it that is still on its way has no effect.
    pub(crate) generation: Generation,
    /// How far the client has read; `None` if that is not known, so that the cursor goes back to
    /// where the transport began.
    pub(crate) report: Option<Report>,
}

/// Asks which of these positions are of this log, in whatever epoch. From the connection.
#[derive(Message, Clone)]
#[rtype(result = "Vec<Epoch>")]
pub(crate) struct FindEpochs(pub(crate) Report);

/// Asks where the connection's cursor stands: how far its client is known to have read, once no
/// transport is attached any more. From the connection.
#[derive(Message, Clone, Copy)]
#[rtype(result = "Option<Standing>")]
pub(crate) struct GetPosition(pub(crate) ConnId);

/// Where a connection's cursor stands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Standing {
    pub(crate) position: Position,
    /// Whether its client is still to be told that entries before the position may be gone.
    pub(crate) owes_gap: bool,
    /// Whether no transport has begun there.
    pub(crate) is_new: bool,
}

/// Asks whether the connection's transport was sent all entries. From the connection.
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
    /// One for each connection that has a place here.
    subscribers: HashMap<ConnId, Subscriber>,
    /// How many of the subscribers have an outlet.
    listening: usize,
    common: Common,
    /// How many of the latest entries a subscriber is sent that listens for the first time.
    first_frames: usize,
    batches: BatchCache,
    schedule: Schedule,
    /// The outlets that became full and were not asked for capacity yet.
    full: Vec<FullOutlet>,
}

impl Delivery {
    /// Creates a delivery without subscribers. A connection that listens for the first time is sent
    /// the latest `first_frames` entries.
    pub(crate) fn new(channel: Option<ChannelName>, first_frames: usize, common: &Common) -> Self {
        Self {
            channel,
            subscribers: HashMap::new(),
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

    /// Gives a connection a place at the end of the log, and returns it. Returns `None` if the
    /// connection has a place: it may have been sent more there than its client has read.
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

    /// Gives connections the places again that they had before a restart.
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
    pub(crate) fn position(&self, conn_id: ConnId, log: &Log) -> Option<Standing> {
        let cursor = &self.subscribers.get(&conn_id)?.cursor;
        Some(Standing {
            position: (log.epoch(), cursor.position()),
            owes_gap: cursor.owes_gap(),
            is_new: cursor.is_new(),
        })
    }

    /// Ends a connection's place.
    pub(crate) fn leave_place(&mut self, conn_id: ConnId) {
        if let Some(subscriber) = self.subscribers.remove(&conn_id) {
            self.listening -= usize::from(subscriber.outlet.is_some());
        }
        if self.subscribers.is_empty() {
            self.batches.clear();
        }
    }

    /// Sends what the connection missed; from then on it is live. Both happen in one call, so no
    /// entry is missed, repeated or out of order.
    pub(crate) fn attach(&mut self, attach: Attach, log: &Log) -> Option<Position> {
        let subscriber = self.subscribers.get_mut(&attach.conn_id)?;
        let (missed, claim) = match attach.reason {
            AttachReason::Subscribed => (false, Claim::Nothing),
            AttachReason::Began { read, is_foreign } => match claim_of(&read, log) {
                Some(claim) => (true, claim),
                None if is_foreign => (true, Claim::Foreign),
                None => (true, Claim::Nothing),
            },
        };
        let beginning = Beginning {
            generation: attach.generation,
            claim,
            missed,
            frames: self.first_frames,
        };
        let has_begun = subscriber.cursor.begin(beginning, log);
        let began_at = subscriber.cursor.attached();
        if has_begun {
            self.listening += usize::from(subscriber.outlet.is_none());
            subscriber.outlet = Some(SubscriberOutlet::new(attach.outlet));
            self.serve(attach.conn_id, log);
        }
        Some((log.epoch(), began_at))
    }

    /// Takes the connection's cursor back to what its client has read. It waits there.
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

    /// Returns whether new entries were put off.
    pub(crate) fn has_put_off(&self) -> bool {
        self.schedule.has_put_off()
    }

    /// Puts off handing on new entries. Returns when the actor must do it, unless it knows already.
    pub(crate) fn put_off(&mut self) -> Option<Wakeup> {
        self.schedule.put_off(self.listening)
    }

    /// Returns when a call is answered whose entries were just put off.
    pub(crate) fn publish_answer(&self) -> PublishAnswer {
        self.schedule.answer()
    }

    /// Hands new entries to everyone who is up to date. Those whose outlet is full find them later.
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

    /// Goes on with a subscriber whose outlet has capacity again.
    pub(crate) fn resume(&mut self, conn_id: ConnId, generation: Generation, log: &Log) {
        if let Some(subscriber) = self.subscribers.get_mut(&conn_id)
            && let Some(attached) = &mut subscriber.outlet
            && subscriber.cursor.generation() == generation
        {
            attached.is_full = false;
            self.serve(conn_id, log);
        }
    }

    /// Takes the outlets that became full.
    pub(crate) fn take_full(&mut self) -> Vec<FullOutlet> {
        std::mem::take(&mut self.full)
    }

    /// Frees the batches that were kept to be shared.
    pub(crate) fn sweep(&mut self) {
        self.batches.clear();
    }

    /// Sends one subscriber what lies after its cursor.
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
        run: impl FnOnce(&mut Pass<'_>, &mut HashMap<ConnId, Subscriber>),
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
            cut_off,
        } = pass.totals;
        self.common.counters().count_deliveries(&sent, messages);
        self.common.counters().count_gaps(gaps);
        self.listening -= cut_off;
    }
}

/// Returns what a client's positions say of a log. The present epoch counts before former ones.
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

/// Returns which of a client's positions are of a log.
pub(crate) fn find_epochs(FindEpochs(read): &FindEpochs, log: &Log) -> Vec<Epoch> {
    let of_log = |position: &&Position| log.locate(**position).is_some();
    read.iter()
        .filter(of_log)
        .map(|(epoch, _)| *epoch)
        .collect()
}
