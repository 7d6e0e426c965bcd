//! The pings by which a websocket learns what its client has read.
//!
//! A ping with a number follows what was sent, and its pong says that the client has it. Nothing
//! else says so: a browser throws away what arrives after its page has called `close()`, so a
//! completed close handshake does not mean that everything was read.

use std::ops::Range;
use std::pin::Pin;
use std::task::Context;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::time::{Sleep, sleep_until};
use uuid::Uuid;

use crate::transport::read_progress::ReadProgress;
use crate::transport::server_frames;

/// How long after an event a ping follows at the latest, so that little is repeated when the client
/// comes back.
const PING_AFTER: Duration = Duration::from_millis(100);

/// How long after the last ping the next list takes a ping along, in milliseconds.
///
/// A ping that goes with a list is less work than a write of its own, so it comes a little before
/// it would have to. Each websocket has a random pace: if one list asked all that hear a channel,
/// their pongs would come at the same time, while nothing else is to be done, and each would wake a
/// thread.
const PACE_MILLIS: Range<u64> = 60..90;

/// How many events are sent without a ping at most.
const EVENTS_PER_PING: u64 = 64;

/// The longest frame, in bytes, with more frames likely behind it. A client that catches up is
/// asked [`BACKLOG_TIME`] later, when it was sent all of them.
const BACKLOG: usize = 8 << 10;

/// How long after a long frame the ping follows.
const BACKLOG_TIME: Duration = Duration::from_millis(25);

/// The pings of one websocket. At most one of them is open, which means that its pong has not come.
pub(super) struct Pings {
    /// The number of the last ping.
    number: u64,
    /// Whether the last ping is open.
    is_open: bool,
    /// Whether the client has ever sent a pong. Only then does its silence mean anything.
    has_answered: bool,
    /// When the last ping was sent.
    sent_at: Instant,
    /// How long after the last ping the next list takes one along.
    pace: Duration,
    reminder: Reminder,
}

impl Default for Pings {
    fn default() -> Self {
        let span = PACE_MILLIS.end - PACE_MILLIS.start;
        let pace = PACE_MILLIS.start + Uuid::new_v4().as_u64_pair().1 % span;
        Self {
            number: 0,
            is_open: false,
            has_answered: false,
            sent_at: Instant::now() - PING_AFTER,
            pace: Duration::from_millis(pace),
            reminder: Reminder::default(),
        }
    }
}

impl Pings {
    /// Returns whether the last ping is open.
    pub(super) fn is_open(&self) -> bool {
        self.is_open
    }

    /// Returns whether the client has ever sent a pong.
    pub(super) fn has_answered(&self) -> bool {
        self.has_answered
    }

    /// Returns `frame` with the next ping behind it. The ping asks for everything that `read` was
    /// told of so far.
    pub(super) fn send_behind(&mut self, frame: &[u8], read: &mut ReadProgress) -> Bytes {
        self.number += 1;
        self.is_open = true;
        self.sent_at = Instant::now();
        self.reminder.cancel();
        read.ask();
        server_frames::ping_behind(frame, self.number.to_string().as_bytes())
    }

    /// Returns the next ping if there is something to ask and it is time for it. If there is
    /// something to ask later, the reminder is set.
    pub(super) fn send_due(&mut self, read: &mut ReadProgress) -> Option<Bytes> {
        if self.is_open || read.unasked() == 0 {
            return None;
        }
        if self.is_due(Instant::now(), read) {
            return Some(self.send_behind(&[], read));
        }
        self.reminder.set_if_unset(self.sent_at + PING_AFTER);
        None
    }

    /// Returns whether a ping goes out together with a list, whose frame has this many bytes and
    /// which `read` was told of. If not, the reminder is set, unless the last ping is open: its
    /// pong leads to the next one.
    pub(super) fn is_due_with(&mut self, frame_bytes: usize, read: &ReadProgress) -> bool {
        if self.is_open {
            return false;
        }
        let now = Instant::now();
        let delay = if frame_bytes > BACKLOG {
            BACKLOG_TIME
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

    /// Takes the payload of a pong. If it belongs to the last ping, `read` is told that the client has
    /// what was sent before that ping. Returns how long ago that was.
    pub(super) fn take_pong(
        &mut self,
        payload: &[u8],
        read: &mut ReadProgress,
    ) -> Option<Duration> {
        let text = str::from_utf8(payload).ok();
        if text.and_then(|text| text.parse().ok()) != Some(self.number) {
            return None;
        }
        self.has_answered = true;
        self.is_open = false;
        read.confirm();
        Some(self.sent_at.elapsed())
    }

    /// Returns whether the reminder's time has come. If it is set and has not come, the task is
    /// woken when it does.
    pub(super) fn poll_reminder(&mut self, context: &mut Context<'_>) -> bool {
        self.reminder.poll(context)
    }
}

/// When a ping has to be sent if no list takes one along before.
#[derive(Default)]
struct Reminder {
    /// It is made when it is first needed, and used again from then on.
    timer: Option<Pin<Box<Sleep>>>,
    state: ReminderState,
}

#[derive(Clone, Copy, PartialEq, Eq, Default)]
enum ReminderState {
    /// No ping has to be sent.
    #[default]
    Unset,
    /// The timer was set and not polled since, so it does not know yet which task it wakes.
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

    /// Forgets the deadline. The timer may still wake the task, for nothing.
    fn cancel(&mut self) {
        self.state = ReminderState::Unset;
    }

    /// Returns true once, when the deadline has come.
    fn poll(&mut self, context: &mut Context<'_>) -> bool {
        let Some(timer) = &mut self.timer else {
            return false;
        };
        // A look at whether it has elapsed is much less work than a poll.
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
