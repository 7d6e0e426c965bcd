//! The heartbeats of a thread's websockets: one timer for all of them instead of one each, which would cost memory, and a look at it
//! whenever its socket has something to do.
//!
//! An interval is divided into so many marks; each socket beats at one of them, so that thousands do not wake at the same moment, nor
//! each at one of its own.

use std::time::Duration;

use actix::prelude::*;
use rustc_hash::FxHashMap;

const MARKS: u16 = 64;

/// Shorter than this nothing beats.
const SHORTEST_INTERVAL: Duration = Duration::from_millis(10);

/// It is time for a heartbeat.
#[derive(Message, Clone, Copy, Debug)]
#[rtype(result = "()")]
pub(super) struct Beat;

/// Which member of its metronome a socket is. Chosen at random.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct Seat(u64);

impl Seat {
    /// Any.
    pub(super) fn random() -> Self {
        Self(uuid::Uuid::new_v4().as_u64_pair().1)
    }

    /// The mark at which it beats.
    fn mark(self) -> u16 {
        (self.0 % u64::from(MARKS)) as u16
    }
}

/// From then on the recipient is sent a [`Beat`] every `interval`, the first within that time.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Join {
    pub(super) seat: Seat,
    pub(super) recipient: Recipient<Beat>,
    /// The same for all: it is a setting.
    pub(super) interval: Duration,
}

/// It is sent no more.
#[derive(Message, Clone, Copy, Debug)]
#[rtype(result = "()")]
pub(super) struct Leave(pub(super) Seat);

/// One for each thread: `Metronome::from_registry()`.
#[derive(Default)]
pub(super) struct Metronome {
    members: FxHashMap<u16, FxHashMap<Seat, Recipient<Beat>>>,
    is_ticking: bool,
}

impl Metronome {
    /// Beats at one mark, and sees to the next. Stands still when nobody is left.
    fn tick(&mut self, mark: u16, interval: Duration, context: &mut Context<Self>) {
        for recipient in self.members.get(&mark).into_iter().flat_map(FxHashMap::values) {
            // Where a mailbox is full, frames are on their way, which say the same.
            let _ = recipient.try_send(Beat);
        }
        self.is_ticking = !self.members.is_empty();
        if self.is_ticking {
            let next = (mark + 1) % MARKS;
            context.run_later(interval / u32::from(MARKS), move |metronome, context| metronome.tick(next, interval, context));
        }
    }
}

impl Actor for Metronome {
    type Context = Context<Self>;
}

impl Supervised for Metronome {}

impl ArbiterService for Metronome {}

impl Handler<Join> for Metronome {
    type Result = ();

    fn handle(&mut self, Join { seat, recipient, interval }: Join, context: &mut Context<Self>) {
        self.members.entry(seat.mark()).or_default().insert(seat, recipient);
        if !self.is_ticking {
            self.tick(0, interval.max(SHORTEST_INTERVAL), context);
        }
    }
}

impl Handler<Leave> for Metronome {
    type Result = ();

    fn handle(&mut self, Leave(seat): Leave, _: &mut Context<Self>) {
        if let Some(members) = self.members.get_mut(&seat.mark()) {
            members.remove(&seat);
            if members.is_empty() {
                self.members.remove(&seat.mark());
            }
        }
    }
}
