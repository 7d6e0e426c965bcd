//! The pings by which a websocket learns what its client has read.
//!
//! A ping with a number follows the events that were sent, and its pong confirms that the client
//! has received them. Nothing else confirms this. A browser discards everything that arrives after
//! its page has called `close()`, so a completed close handshake does not mean that everything was
//! read.

use std::ops::Range;
use std::pin::Pin;
use std::task::Context;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::time::{Sleep, sleep_until};
use uuid::Uuid;

use crate::transport::dialect::Dialect;
use crate::transport::read_progress::ReadProgress;

/// The longest time from an event to the ping that follows it. It is short, so that few events are
/// repeated when the client comes back.
const PING_AFTER: Duration = Duration::from_millis(100);

/// The range of the time after the last ping from which the next list is sent with a ping, in
/// milliseconds.
///
/// A ping together with a list is less work than a separate write, so the ping is sent a little
/// before [`PING_AFTER`]. Each websocket has a random time in this range. If the same list carried
/// a ping to all subscribers of a channel, all their pongs would arrive at the same time, when the
/// server is otherwise idle, and each pong would wake a thread.
const PACE_MILLIS: Range<u64> = 60..90;

/// The most events that are sent without a ping.
const EVENTS_PER_PING: u64 = 64;

/// The size in bytes above which a frame probably belongs to a catch-up, so that more frames follow
/// it. Its ping is sent [`CATCH_UP_DELAY`] later, when the client was sent all of them.
const CATCH_UP_FRAME_BYTES: usize = 8 << 10;

/// The time from a long frame to the ping that follows it.
const CATCH_UP_DELAY: Duration = Duration::from_millis(25);

/// The pings of one websocket. At most one ping is open, which means that its pong has not arrived.
pub(super) struct Pings {
    dialect: Dialect,
    /// The number of the last ping.
    number: u64,
    /// Whether the last ping is open.
    is_open: bool,
    /// Whether the client has ever sent a pong. If it has not, missing pongs do not mean that it is
    /// gone.
    has_answered: bool,
    /// The time at which the last ping was sent.
    sent_at: Instant,
    /// The time after the last ping from which the next list is sent with a ping.
    pace: Duration,
    reminder: Reminder,
}

impl Pings {
    /// Creates the pings of a websocket that has just opened.
    pub(super) fn new(dialect: Dialect) -> Self {
        let span = PACE_MILLIS.end - PACE_MILLIS.start;
        let pace = PACE_MILLIS.start + Uuid::new_v4().as_u64_pair().1 % span;
        Self {
            dialect,
            number: 0,
            is_open: false,
            has_answered: false,
            sent_at: Instant::now() - PING_AFTER,
            pace: Duration::from_millis(pace),
            reminder: Reminder::default(),
        }
    }

    /// Returns whether the last ping is open.
    pub(super) fn is_open(&self) -> bool {
        self.is_open
    }

    /// Returns whether the client has ever sent a pong.
    pub(super) fn has_answered(&self) -> bool {
        self.has_answered
    }

    /// Returns `frame` followed by the next ping. Its pong will confirm everything that `read` has
    /// noted as sent so far.
    pub(super) fn append_ping(&mut self, frame: &[u8], read: &mut ReadProgress) -> Bytes {
        self.number += 1;
        self.is_open = true;
        self.sent_at = Instant::now();
        self.reminder.cancel();
        read.ask();
        self.dialect.append_ping(frame, self.number)
    }

    /// Returns the next ping if it is due: no ping is open, and events were sent since the last
    /// ping. Sets the reminder if the ping is due later.
    pub(super) fn take_due(&mut self, read: &mut ReadProgress) -> Option<Bytes> {
        if self.is_open || read.unasked() == 0 {
            return None;
        }
        if self.is_due(Instant::now(), read) {
            return Some(self.append_ping(&[], read));
        }
        self.reminder.set_if_unset(self.sent_at + PING_AFTER);
        None
    }

    /// Returns whether a list must be sent with a ping. The frame of the list has `frame_bytes`
    /// bytes, and `read` has noted the list as sent. If the answer is no, sets the reminder, unless
    /// the last ping is open: its pong will trigger the next ping.
    pub(super) fn is_due_with(&mut self, frame_bytes: usize, read: &ReadProgress) -> bool {
        if self.is_open {
            return false;
        }
        let now = Instant::now();
        let delay = if frame_bytes > CATCH_UP_FRAME_BYTES {
            CATCH_UP_DELAY
        } else if self.is_due(now, read) {
            return true;
        } else {
            PING_AFTER
        };
        self.reminder.set_if_unset(now + delay);
        false
    }

    fn is_due(&self, now: Instant, read: &ReadProgress) -> bool {
        read.unasked() >= EVENTS_PER_PING
            || now.saturating_duration_since(self.sent_at) >= self.pace
    }

    /// Takes the payload of a pong. If the pong belongs to the last ping, notes in `read` that the
    /// client has received everything before that ping, and returns the time since that ping.
    pub(super) fn take_pong(
        &mut self,
        payload: &[u8],
        read: &mut ReadProgress,
    ) -> Option<Duration> {
        let text = str::from_utf8(payload).ok();
        if text.and_then(|text| text.parse().ok()) != Some(self.number) {
            return None;
        }
        Some(self.confirm(read))
    }

    /// Takes a pong without a payload. Notes in `read` that the client has received everything
    /// before the open ping, and returns the time since that ping. Returns `None` if no ping is
    /// open.
    pub(super) fn take_plain_pong(&mut self, read: &mut ReadProgress) -> Option<Duration> {
        self.is_open.then(|| self.confirm(read))
    }

    fn confirm(&mut self, read: &mut ReadProgress) -> Duration {
        self.has_answered = true;
        self.is_open = false;
        read.confirm();
        self.sent_at.elapsed()
    }

    /// Returns whether the reminder is due. If it is due later, the task is woken at that time.
    pub(super) fn poll_reminder(&mut self, context: &mut Context<'_>) -> bool {
        self.reminder.poll(context)
    }
}

/// The time at which a ping must be sent, if no list is sent with a ping before.
#[derive(Default)]
struct Reminder {
    /// The timer, which is created when it is first needed and reused from then on.
    timer: Option<Pin<Box<Sleep>>>,
    state: ReminderState,
}

#[derive(Clone, Copy, PartialEq, Eq, Default)]
enum ReminderState {
    /// No ping must be sent.
    #[default]
    Unset,
    /// The timer was set but not polled since, so it does not know yet which task to wake.
    New,
    /// The timer wakes the websocket's task.
    Armed,
}

impl Reminder {
    fn set_if_unset(&mut self, deadline: Instant) {
        if self.state != ReminderState::Unset {
            return;
        }
        self.state = ReminderState::New;
        match &mut self.timer {
            Some(timer) => timer.as_mut().reset(deadline.into()),
            None => self.timer = Some(Box::pin(sleep_until(deadline.into()))),
        }
    }

    /// Forgets the deadline. The timer may still wake the task, which has no effect.
    fn cancel(&mut self) {
        self.state = ReminderState::Unset;
    }

    /// Returns `true` once, after the deadline.
    fn poll(&mut self, context: &mut Context<'_>) -> bool {
        let Some(timer) = &mut self.timer else {
            return false;
        };
        // `is_elapsed` is much less work than a poll.
        let needs_poll = match self.state {
            ReminderState::Unset => false,
            ReminderState::New => true,
            ReminderState::Armed => timer.is_elapsed(),
        };
        if !needs_poll {
            return false;
        }
        self.state = ReminderState::Armed;
        let is_due = timer.as_mut().poll(context).is_ready();
        if is_due {
            self.state = ReminderState::Unset;
        }
        is_due
    }
}
