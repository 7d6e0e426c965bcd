//! Delivery: hands the entries of a log to its subscribers. Each subscriber is a cursor into the log, so being new, slow, away and back
//! are one thing: a position, and what lies after it.
//!
//! It does not know who made the entries. Channels use it, and users for their private messages.

mod batch;

use std::collections::HashMap;
use std::time::{Duration, Instant};

use actix::prelude::*;
use rustc_hash::FxBuildHasher;

use self::batch::Batch;
use crate::core::log::{Epoch, Log};
use crate::counters::Counters;
use crate::list::List;
use crate::name::{ChannelName, ConnId, MessageId, UserName};
use crate::outlet::{Frames, Generation, Outlet, Report, Room};
use crate::posting::Waiting;
use crate::protocol::event;
use crate::protocol::timestamp::Moment;

/// Entries wait so long for more when the last ones had company …
const HOLD: Duration = Duration::from_millis(1);

/// … so long ago at most.
const BURST_MEMORY: Duration = Duration::from_millis(25);

/// A transport begins to listen. From the connection; answered once what was missed is on its way.
#[derive(Message, Clone)]
#[rtype(result = "()")]
pub(crate) struct Attach {
    pub(crate) conn_id: ConnId,
    pub(crate) generation: Generation,
    pub(crate) outlet: Outlet,
    /// Whether entries from before now count as missed. Not so for a channel subscribed to while listening.
    pub(crate) missed: bool,
    /// How far the client says it has read; of logs not named it says nothing.
    pub(crate) read: Report,
}

/// A transport has ended. From the connection.
#[derive(Message, Clone)]
#[rtype(result = "()")]
pub(crate) struct Detach {
    pub(crate) conn_id: ConnId,
    /// Of the transport that ended: an [`Attach`] of it that is still on its way comes to nothing.
    pub(crate) generation: Generation,
    /// How far the client has read; `None` when that is not known, so it goes back to where the transport began.
    pub(crate) report: Option<Report>,
}

/// A connection's place in a log.
struct Subscriber {
    user: UserName,
    /// Of the latest transport that was attached or detached; only a younger one is attached.
    generation: Generation,
    /// The offset up to which entries were sent.
    position: u64,
    /// Where the position stood when the latest transport began.
    attached_at: u64,
    /// The position after the last list that this transport was sent; `None` before the first. Entries passed over since then, which
    /// were not for this user, move `position` only.
    sent: Option<u64>,
    /// It listens for the first time: it gets what the original kept for such a one, the last frames.
    is_new: bool,
    /// Entries up to here count as missed.
    missed_up_to: u64,
    listening: Option<Listening>,
}

struct Listening {
    outlet: Outlet,
    /// Its queue was full: [`Room`] is under way, nothing is sent before the answer.
    is_waiting: bool,
}

/// What one call of [`Delivery`] leaves to its actor.
#[derive(Default)]
pub(crate) struct Aftermath {
    /// Outlets that are to be asked for room.
    pub(crate) full: Vec<(ConnId, Generation, Recipient<Room>)>,
}

/// The subscribers of one log.
pub(crate) struct Delivery {
    /// The channel of the log; `None` for private messages.
    channel: Option<ChannelName>,
    subscribers: HashMap<ConnId, Subscriber, FxBuildHasher>,
    counters: Counters,
    frames: usize,
    close_grace: Duration,
    /// There are entries that were not handed to those who are up to date.
    is_due: bool,
    /// Who is to be told when they are.
    waiting: Waiting,
    /// When several entries were last handed on together, and where the log ended after the last time.
    company_at: Option<Instant>,
    handed_on: u64,
}

impl Delivery {
    /// Nobody. `frames`: how many a connection that never listened before gets.
    pub(crate) fn new(channel: Option<ChannelName>, frames: usize, close_grace: Duration, counters: Counters) -> Self {
        Self {
            channel,
            subscribers: HashMap::default(),
            counters,
            frames,
            close_grace,
            is_due: false,
            waiting: Waiting::default(),
            company_at: None,
            handed_on: 0,
        }
    }

    /// The connections that have a place.
    pub(crate) fn connections(&self) -> Vec<ConnId> {
        self.subscribers.keys().copied().collect()
    }

    /// Whether it has no subscribers.
    pub(crate) fn is_empty(&self) -> bool {
        self.subscribers.is_empty()
    }

    /// A connection's place begins at the end of the log; one it has stays.
    pub(crate) fn take_place(&mut self, conn_id: ConnId, user: UserName, log: &Log) {
        let position = log.end();
        self.subscribers.entry(conn_id).or_insert(Subscriber {
            user,
            generation: Generation::default(),
            position,
            attached_at: position,
            sent: None,
            is_new: true,
            missed_up_to: 0,
            listening: None,
        });
    }

    /// Its place ends.
    pub(crate) fn leave_place(&mut self, conn_id: ConnId) {
        self.subscribers.remove(&conn_id);
    }

    /// Sends what the connection missed; from then on it is live. In one call, so nothing is missed, doubled or out of order.
    pub(crate) fn attach(&mut self, attach: Attach, log: &Log, aftermath: &mut Aftermath) {
        let Attach { conn_id, generation, outlet, missed, read } = attach;
        let Some(subscriber) = self.subscribers.get_mut(&conn_id) else {
            return;
        };
        if subscriber.generation >= generation {
            return;
        }
        subscriber.generation = generation;
        if let Some(read) = reported(&read, log.epoch()) {
            subscriber.position = subscriber.position.max(read.min(log.end()));
        }
        subscriber.attached_at = subscriber.position;
        subscriber.sent = None;
        if subscriber.is_new && subscriber.position >= log.oldest_position() {
            subscriber.position = subscriber.position.max(log.position_before_frames(self.frames));
        }
        subscriber.is_new = false;
        subscriber.missed_up_to = if missed { log.end() } else { subscriber.position };
        subscriber.listening = Some(Listening { outlet, is_waiting: false });
        bridge_gap(subscriber, self.channel.as_ref(), log);
        self.go_on(conn_id, log, aftermath);
    }

    /// The connection goes back to what its client has read, and waits there.
    pub(crate) fn detach(&mut self, Detach { conn_id, generation, report }: Detach, log: &Log) {
        let Some(subscriber) = self.subscribers.get_mut(&conn_id) else {
            return;
        };
        subscriber.generation = subscriber.generation.max(generation);
        subscriber.listening = None;
        let Some(sent) = subscriber.sent else { return };
        let read = report.and_then(|report| reported(&report, log.epoch())).unwrap_or(subscriber.attached_at);
        if read < sent {
            subscriber.position = read;
        }
    }

    /// New entries are to be handed on, but not yet. Answers whether that is news.
    pub(crate) fn put_off(&mut self) -> bool {
        !std::mem::replace(&mut self.is_due, true)
    }

    /// Where those wait who are to be told when what was put off is handed on.
    pub(crate) fn waiting(&self) -> Waiting {
        self.waiting.clone()
    }

    /// How long what was put off shall wait for more. `None` where none is to be expected: a lone message never waits.
    ///
    /// Several publishers that go on one after the other come in bursts. The first of a burst, sent alone, would cost each subscriber a
    /// write of its own, and a write costs more than all else.
    pub(crate) fn hold(&self) -> Option<Duration> {
        self.company_at.is_some_and(|at| at.elapsed() < BURST_MEMORY).then_some(HOLD)
    }

    /// Whether something was put off.
    pub(crate) fn is_due(&self) -> bool {
        self.is_due
    }

    /// New entries: hands them to everyone who is up to date. Those who wait for room find them later.
    pub(crate) fn deliver(&mut self, log: &Log, aftermath: &mut Aftermath) {
        self.is_due = false;
        self.company_at = (log.end() > self.handed_on + 1).then(Instant::now);
        self.handed_on = log.end();
        let mut batch = Batch::new(log, &self.counters);
        for (conn_id, subscriber) in &mut self.subscribers {
            batch.pass(*conn_id, subscriber, self.close_grace, aftermath);
        }
        self.counters.count_deliveries(&batch.sent);
        for answer in self.waiting.borrow_mut().drain(..) {
            // Who waited may have gone.
            answer.send(()).ok();
        }
    }

    /// An outlet has room again, or is gone.
    pub(crate) fn room(&mut self, conn_id: ConnId, generation: Generation, log: &Log, aftermath: &mut Aftermath) {
        let Some(subscriber) = self.subscribers.get_mut(&conn_id).filter(|subscriber| subscriber.generation == generation) else {
            return;
        };
        if let Some(listening) = &mut subscriber.listening {
            listening.is_waiting = false;
            self.go_on(conn_id, log, aftermath);
        }
    }

    fn go_on(&mut self, conn_id: ConnId, log: &Log, aftermath: &mut Aftermath) {
        let Some(subscriber) = self.subscribers.get_mut(&conn_id) else {
            return;
        };
        let mut batch = Batch::new(log, &self.counters);
        batch.pass(conn_id, subscriber, self.close_grace, aftermath);
        self.counters.count_deliveries(&batch.sent);
    }
}

/// What a report says of a log.
fn reported(report: &Report, log: Epoch) -> Option<u64> {
    report.iter().find(|(epoch, _)| *epoch == log).map(|(_, offset)| *offset)
}

/// Where entries it missed are gone, tells the client so and goes on with what is left (`protocol.md` §13).
fn bridge_gap(subscriber: &mut Subscriber, channel: Option<&ChannelName>, log: &Log) {
    let (oldest, before) = (log.oldest_position(), subscriber.position);
    if before >= oldest {
        return;
    }
    subscriber.position = oldest;
    if let Some(listening) = &subscriber.listening {
        let gap = event::gap(MessageId::random(), channel, Moment::now().into());
        let list = List::new(&format!("[{gap}]"));
        listening.outlet.try_send(Frames { epoch: log.epoch(), after: before, last: oldest, count: 1, list });
        subscriber.sent = Some(oldest);
    }
}
