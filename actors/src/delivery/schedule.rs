//! The time at which new entries are delivered: when the actor's mailbox is empty, or a moment
//! later in a burst.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use actix::dev::{MessageResponse, OneshotSender};
use actix::prelude::*;

/// The time for which a batch waits for more entries during a burst.
const HOLD: Duration = Duration::from_millis(1);

/// The time after a delivery of several entries together in which more such deliveries are
/// expected.
const BURST_WINDOW: Duration = Duration::from_millis(25);

/// The smallest number of listening subscribers for which a batch waits. With fewer, the writes
/// that the wait saves cost less than the wait.
const HOLD_LISTENERS: usize = 32;

/// The time at which entries that were deferred are delivered.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum Due {
    /// Nothing was deferred.
    #[default]
    Nothing,
    /// When the actor's mailbox is empty.
    AfterMailbox,
    /// After a moment in which more entries may come.
    AfterHold,
}

/// The time at which the actor must deliver entries that were deferred.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Wakeup {
    /// When its mailbox is empty.
    AfterMailbox,
    /// After this time.
    After(Duration),
}

/// The callers that wait until entries that were deferred are delivered.
type Waiting = Rc<RefCell<Vec<OneshotSender<()>>>>;

/// The time at which a publishing call is answered.
pub(crate) enum PublishAnswer {
    /// Now. The entries are delivered, or they wait for more entries and no call waits with them.
    AtOnce,
    /// When the entries are delivered.
    WhenDelivered(Waiting),
}

impl<A: Actor, M: Message<Result = ()>> MessageResponse<A, M> for PublishAnswer {
    fn handle(self, _: &mut A::Context, reply: Option<OneshotSender<()>>) {
        match self {
            Self::AtOnce => drop(reply.map(|reply| reply.send(()))),
            Self::WhenDelivered(waiting) => waiting.borrow_mut().extend(reply),
        }
    }
}

/// The state of a log's delivery: the entries that were deferred, and the time at which they are
/// due.
#[derive(Default)]
pub(super) struct Schedule {
    due: Due,
    waiting: Waiting,
    /// The time at which several entries were last delivered together; `None` if the latest
    /// delivery had one entry.
    grouped_at: Option<Instant>,
    /// The end of the log at the latest delivery.
    delivered_up_to: u64,
}

impl Schedule {
    /// Returns whether entries were deferred.
    pub(super) fn is_deferred(&self) -> bool {
        self.due != Due::Nothing
    }

    /// Defers the delivery. Returns the time at which the actor must deliver; `None` if the actor
    /// knows it already.
    ///
    /// Several publishers that go on one after the other publish in bursts. If the first entry of a
    /// burst were sent alone, it would cost each subscriber a write of its own, and a write costs
    /// more than everything else. A single message never waits, and neither does a message for few
    /// listeners.
    pub(super) fn defer(&mut self, listeners: usize) -> Option<Wakeup> {
        if self.is_deferred() {
            return None;
        }
        let is_burst = self
            .grouped_at
            .is_some_and(|at| at.elapsed() < BURST_WINDOW);
        if is_burst && listeners >= HOLD_LISTENERS {
            self.due = Due::AfterHold;
            Some(Wakeup::After(HOLD))
        } else {
            self.due = Due::AfterMailbox;
            Some(Wakeup::AfterMailbox)
        }
    }

    /// Returns the time at which to answer a call whose entries were just deferred.
    pub(super) fn answer(&self) -> PublishAnswer {
        match self.due {
            Due::AfterMailbox => PublishAnswer::WhenDelivered(self.waiting.clone()),
            Due::Nothing | Due::AfterHold => PublishAnswer::AtOnce,
        }
    }

    /// Begins a delivery, and returns the number of new entries. `end` is the end of the log.
    pub(super) fn begin(&mut self, end: u64) -> u64 {
        self.due = Due::Nothing;
        // A copy of a log may have lost its end.
        let new = end.saturating_sub(self.delivered_up_to);
        self.delivered_up_to = end;
        if new > 0 {
            self.grouped_at = (new > 1).then(Instant::now);
        }
        new
    }

    /// Answers the callers that waited.
    pub(super) fn finish(&self) {
        for answer in self.waiting.borrow_mut().drain(..) {
            // An error means that the caller has gone meanwhile.
            answer.send(()).ok();
        }
    }
}
