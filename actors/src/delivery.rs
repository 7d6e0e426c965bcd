//! Delivery hands the entries of a log to its subscribers. Where each of them stands, and what is
//! to be sent next, is decided by its [`Cursor`]; this module only sends.
//!
//! It does not know who made the entries. Channels use it, and users for their private messages.

mod batch;
mod lists;

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::dev::OneshotSender;
use actix::prelude::*;

use self::batch::Batch;
use self::lists::Lists;
use crate::common::Common;
use crate::core::cursor::{Beginning, Claim, Cursor, Generation};
use crate::core::log::{Epoch, Log};
use crate::name::{ChannelName, ConnId, UserName};
use crate::outlet::{Outlet, Report, Room};

/// How long a channel waits for more publications during a burst.
const HOLD: Duration = Duration::from_millis(1);

/// How long after publications came together more are expected to do so.
const BURST_MEMORY: Duration = Duration::from_millis(25);

/// A channel with fewer listening subscribers hands on at once: the writes that waiting saves cost
/// less than the wait.
const HOLD_LISTENERS: usize = 32;

/// A transport begins to listen. From the connection; answered once what was missed is on its way.
#[derive(Message, Clone)]
#[rtype(result = "()")]
pub(crate) struct Attach {
    pub(crate) conn_id: ConnId,
    pub(crate) generation: Generation,
    pub(crate) outlet: Arc<Outlet>,
    /// Whether entries from before now count as missed. Not so for a channel subscribed to while
    /// listening.
    pub(crate) missed: bool,
    /// The position that the client brings; it says nothing of logs that it does not name.
    pub(crate) read: Report,
    /// Whether the position names a log that is gone.
    pub(crate) is_foreign: bool,
}

/// A transport has ended. From the connection.
#[derive(Message, Clone)]
#[rtype(result = "()")]
pub(crate) struct Detach {
    pub(crate) conn_id: ConnId,
    /// Which transport ended: an [`Attach`] of it that is still on its way comes to nothing.
    pub(crate) generation: Generation,
    /// How far the client has read; `None` when that is not known, so it goes back to where the
    /// transport began.
    pub(crate) report: Option<Report>,
}

/// Asks for the epoch of the log. From the connection.
#[derive(Message)]
#[rtype(result = "Epoch")]
pub(crate) struct AskEpoch;

/// Asks whether the connection's transport was sent all entries. From the connection.
#[derive(Message, Clone, Copy)]
#[rtype(result = "bool")]
pub(crate) struct IsUpToDate(pub(crate) ConnId);

/// When new entries are to be handed on to those who are up to date.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Due {
    /// There are none.
    Nothing,
    /// When the actor's mailbox is empty.
    AfterMailbox,
    /// After a moment in which more may come.
    Held,
}

/// The callers that wait until what was put off is handed on.
pub(crate) type Waiting = Rc<RefCell<Vec<OneshotSender<()>>>>;

/// A connection's place in a log.
struct Subscriber {
    user: UserName,
    cursor: Cursor,
    listening: Option<Listening>,
}

struct Listening {
    outlet: Arc<Outlet>,
    /// Its queue was full: [`Room`] was asked for, and nothing is sent before the answer.
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
    subscribers: HashMap<ConnId, Subscriber>,
    /// How many of the subscribers have an outlet.
    listening: usize,
    common: Common,
    /// How many entries a subscriber gets that never listened before.
    frames: usize,
    /// Lists that were encoded lately.
    lists: Lists,
    /// When entries are to be handed on that were put off.
    pub(crate) due: Due,
    waiting: Waiting,
    /// When several entries were last handed on together.
    company_at: Option<Instant>,
    /// Where the log ended when entries were last handed on.
    handed_on: u64,
}

impl Delivery {
    /// Creates a delivery without subscribers. `frames`: how many entries a connection gets that
    /// never listened before.
    pub(crate) fn new(channel: Option<ChannelName>, frames: usize, common: &Common) -> Self {
        Self {
            channel,
            subscribers: HashMap::new(),
            listening: 0,
            common: common.clone(),
            frames,
            lists: Lists::default(),
            due: Due::Nothing,
            waiting: Waiting::default(),
            company_at: None,
            handed_on: 0,
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

    /// Gives a connection a place at the end of the log, unless it has one.
    pub(crate) fn take_place(&mut self, conn_id: ConnId, user: UserName, log: &Log) {
        let new = || Subscriber {
            user,
            cursor: Cursor::at_end(log),
            listening: None,
        };
        self.subscribers.entry(conn_id).or_insert_with(new);
    }

    /// Ends a connection's place.
    pub(crate) fn leave_place(&mut self, conn_id: ConnId) {
        if let Some(subscriber) = self.subscribers.remove(&conn_id) {
            self.listening -= usize::from(subscriber.listening.is_some());
        }
        if self.subscribers.is_empty() {
            self.lists.clear();
        }
    }

    /// Sends what the connection missed; from then on it is live. In one call, so nothing is
    /// missed, doubled or out of order.
    pub(crate) fn attach(&mut self, attach: Attach, log: &Log, aftermath: &mut Aftermath) {
        let Attach {
            conn_id,
            generation,
            outlet,
            missed,
            read,
            is_foreign,
        } = attach;
        let Some(subscriber) = self.subscribers.get_mut(&conn_id) else {
            return;
        };
        let claim = match position_in(&read, log.epoch()) {
            Some(offset) => Claim::Read(offset),
            None if is_foreign => Claim::Foreign,
            None => Claim::Nothing,
        };
        if !subscriber.cursor.begin(
            Beginning {
                generation,
                claim,
                missed,
                frames: self.frames,
            },
            log,
        ) {
            return;
        }
        self.listening += usize::from(subscriber.listening.is_none());
        subscriber.listening = Some(Listening {
            outlet,
            is_waiting: false,
        });
        self.go_on(conn_id, log, aftermath);
    }

    /// Takes the connection back to what its client has read. It waits there.
    pub(crate) fn detach(
        &mut self,
        Detach {
            conn_id,
            generation,
            report,
        }: Detach,
        log: &Log,
    ) {
        let Some(subscriber) = self.subscribers.get_mut(&conn_id) else {
            return;
        };
        let is_current = generation >= subscriber.cursor.generation();
        subscriber.cursor.end(
            generation,
            report.and_then(|report| position_in(&report, log.epoch())),
        );
        if is_current {
            self.listening -= usize::from(subscriber.listening.take().is_some());
        }
    }

    /// Returns whether the connection was sent all entries, or has no place.
    pub(crate) fn is_up_to_date(&self, conn_id: ConnId, log: &Log) -> bool {
        self.subscribers
            .get(&conn_id)
            .is_none_or(|subscriber| subscriber.cursor.has_all(log))
    }

    /// Returns where the callers wait who are answered when what was put off is handed on.
    pub(crate) fn waiting(&self) -> Waiting {
        self.waiting.clone()
    }

    /// Returns how long what was put off shall wait for more. `None` where that would not pay: a
    /// lone message never waits, nor does one for a few listeners.
    ///
    /// Several publishers that go on one after the other come in bursts. The first of a burst, sent
    /// alone, would cost each subscriber a write of its own, and a write costs more than all else.
    pub(crate) fn hold(&self) -> Option<Duration> {
        let is_burst = self
            .company_at
            .is_some_and(|at| at.elapsed() < BURST_MEMORY);
        (is_burst && self.listening >= HOLD_LISTENERS).then_some(HOLD)
    }

    /// Hands new entries to everyone who is up to date. Those who wait for room find them later.
    pub(crate) fn deliver(&mut self, log: &Log, aftermath: &mut Aftermath) {
        self.due = Due::Nothing;
        let news = log.end() - self.handed_on;
        self.handed_on = log.end();
        if news > 0 {
            self.company_at = (news > 1).then(Instant::now);
            let mut batch = Batch::new(log, self.channel.as_ref(), &self.common, &mut self.lists);
            for (conn_id, subscriber) in &mut self.subscribers {
                batch.pass(*conn_id, subscriber, aftermath);
            }
            self.common
                .counters()
                .count_deliveries(&batch.sent, batch.messages);
            self.listening -= batch.cut_off;
        }
        for answer in self.waiting.borrow_mut().drain(..) {
            // A caller that waited may have gone.
            answer.send(()).ok();
        }
    }

    /// Goes on with a subscriber whose outlet has room again, or is gone.
    pub(crate) fn room(
        &mut self,
        conn_id: ConnId,
        generation: Generation,
        log: &Log,
        aftermath: &mut Aftermath,
    ) {
        let Some(subscriber) = self.subscribers.get_mut(&conn_id) else {
            return;
        };
        if let Some(listening) = &mut subscriber.listening
            && subscriber.cursor.generation() == generation
        {
            listening.is_waiting = false;
            self.go_on(conn_id, log, aftermath);
        }
    }

    /// Frees what was kept to be shared.
    pub(crate) fn sweep(&mut self) {
        self.lists.clear();
    }

    fn go_on(&mut self, conn_id: ConnId, log: &Log, aftermath: &mut Aftermath) {
        let Some(subscriber) = self.subscribers.get_mut(&conn_id) else {
            return;
        };
        let mut batch = Batch::new(log, self.channel.as_ref(), &self.common, &mut self.lists);
        batch.pass(conn_id, subscriber, aftermath);
        self.common
            .counters()
            .count_deliveries(&batch.sent, batch.messages);
        self.listening -= batch.cut_off;
    }
}

/// Returns what a report says of a log.
fn position_in(report: &Report, log: Epoch) -> Option<u64> {
    report
        .iter()
        .find(|(epoch, _)| *epoch == log)
        .map(|(_, offset)| *offset)
}
