//! When new entries are handed on: when the actor's mailbox is empty, or a moment later in a burst.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use actix::dev::{MessageResponse, OneshotSender};
use actix::prelude::*;

/// How long a batch waits for more entries during a burst.
const HOLD: Duration = Duration::from_millis(1);

/// How long after entries came together more are expected to do so.
const BURST_MEMORY: Duration = Duration::from_millis(25);

/// How many subscribers must listen before a batch waits. With fewer, the writes that the wait
/// saves cost less than the wait.
const HOLD_LISTENERS: usize = 32;

/// When entries that were put off are handed on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum Due {
    /// Nothing was put off.
    #[default]
    Nothing,
    /// When the actor's mailbox is empty.
    AfterMailbox,
    /// After a moment in which more may come.
    AfterHold,
}

/// When the actor must hand on what was put off.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Wakeup {
    /// When its mailbox is empty.
    AfterMailbox,
    /// After this time.
    After(Duration),
}

/// The callers that wait until what was put off is handed on.
type Waiting = Rc<RefCell<Vec<OneshotSender<()>>>>;

/// When a publishing call is answered.
pub(crate) enum PublishAnswer {
    /// Now: the entries are handed on, or wait for more and no call waits with them.
    AtOnce,
    /// When the entries are handed on.
    WhenHandedOn(Waiting),
}

impl<A: Actor, M: Message<Result = ()>> MessageResponse<A, M> for PublishAnswer {
    fn handle(self, _: &mut A::Context, reply: Option<OneshotSender<()>>) {
        match self {
            Self::AtOnce => drop(reply.map(|reply| reply.send(()))),
            Self::WhenHandedOn(waiting) => waiting.borrow_mut().extend(reply),
        }
    }
}

/// What a log has still to hand on, and when.
#[derive(Default)]
pub(super) struct Schedule {
    due: Due,
    waiting: Waiting,
    /// When several entries were last handed on together.
    grouped_at: Option<Instant>,
    /// The end of the log when entries were last handed on.
    handed_on: u64,
}

impl Schedule {
    /// Returns whether entries were put off.
    pub(super) fn has_put_off(&self) -> bool {
        self.due != Due::Nothing
    }

    /// Puts off handing on. Returns when the actor must do it, unless it knows already.
    ///
    /// Several publishers that go on one after the other come in bursts. The first entry of a
    /// burst, sent alone, would cost each subscriber a write of its own, and a write costs more
    /// than all else. A lone message never waits, nor does one for few listeners.
    pub(super) fn put_off(&mut self, listeners: usize) -> Option<Wakeup> {
        if self.has_put_off() {
            return None;
        }
        let is_burst = self
            .grouped_at
            .is_some_and(|at| at.elapsed() < BURST_MEMORY);
        if is_burst && listeners >= HOLD_LISTENERS {
            self.due = Due::AfterHold;
            Some(Wakeup::After(HOLD))
        } else {
            self.due = Due::AfterMailbox;
            Some(Wakeup::AfterMailbox)
        }
    }

    /// Returns when a call is answered whose entries were just put off.
    pub(super) fn answer(&self) -> PublishAnswer {
        match self.due {
            Due::AfterMailbox => PublishAnswer::WhenHandedOn(self.waiting.clone()),
            Due::Nothing | Due::AfterHold => PublishAnswer::AtOnce,
        }
    }

    /// Begins to hand on, and returns how many entries are new. `end` is the end of the log.
    pub(super) fn begin(&mut self, end: u64) -> u64 {
        self.due = Due::Nothing;
        let new = end - self.handed_on;
        self.handed_on = end;
        if new > 0 {
            self.grouped_at = (new > 1).then(Instant::now);
        }
        new
    }

    /// Answers the callers that waited.
    pub(super) fn finish(&self) {
        for answer in self.waiting.borrow_mut().drain(..) {
            // A caller may have gone meanwhile.
            answer.send(()).ok();
        }
    }
}
