//! The heartbeats of a thread's outlets: one timer for all of them instead of one each, which would
//! cost memory, and a look at it whenever its outlet has something to do.
//!
//! An interval is divided into so many marks; each outlet beats at one of them, so that thousands
//! do not wake at the same moment, nor each at one of its own.

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

/// Which member of its metronome an outlet is. Chosen at random.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct Seat(u64);

impl Seat {
    /// The mark at which it beats.
    fn mark(self) -> u16 {
        (self.0 % u64::from(MARKS)) as u16
    }
}

/// An outlet's place at the metronome of its thread.
#[derive(Debug)]
pub(super) struct Membership(Seat);

impl Default for Membership {
    fn default() -> Self {
        Self(Seat(uuid::Uuid::new_v4().as_u64_pair().1))
    }
}

impl Membership {
    /// From now on the recipient is sent a [`Beat`] every `interval`, the first within that time.
    pub(super) fn join(&self, recipient: Recipient<Beat>, interval: Duration) {
        tell(Join {
            seat: self.0,
            recipient,
            interval,
        });
    }

    /// It is sent no more.
    pub(super) fn leave(&self) {
        tell(Leave(self.0));
    }
}

fn tell<M>(message: M)
where
    M: Message + Send + 'static,
    M::Result: Send,
    Metronome: Handler<M>,
{
    #[expect(
        clippy::disallowed_methods,
        reason = "one message at the beginning of an outlet's life and one at its end, which must arrive"
    )]
    Metronome::from_registry().do_send(message);
}

/// See [`Membership::join`].
#[derive(Message)]
#[rtype(result = "()")]
struct Join {
    seat: Seat,
    recipient: Recipient<Beat>,
    /// The same for all: it is a setting.
    interval: Duration,
}

/// See [`Membership::leave`].
#[derive(Message, Clone, Copy, Debug)]
#[rtype(result = "()")]
struct Leave(Seat);

/// One for each thread.
#[derive(Default)]
struct Metronome {
    members: FxHashMap<u16, FxHashMap<Seat, Recipient<Beat>>>,
    is_ticking: bool,
}

impl Metronome {
    /// Beats at one mark, and sees to the next. Stands still when nobody is left.
    fn tick(&mut self, mark: u16, interval: Duration, context: &mut Context<Self>) {
        for recipient in self
            .members
            .get(&mark)
            .into_iter()
            .flat_map(FxHashMap::values)
        {
            // Where a mailbox is full, frames are on their way, which say the same.
            let _ = recipient.try_send(Beat);
        }
        self.is_ticking = !self.members.is_empty();
        if self.is_ticking {
            let next = (mark + 1) % MARKS;
            context.run_later(interval / u32::from(MARKS), move |metronome, context| {
                metronome.tick(next, interval, context)
            });
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

    fn handle(
        &mut self,
        Join {
            seat,
            recipient,
            interval,
        }: Join,
        context: &mut Context<Self>,
    ) {
        self.members
            .entry(seat.mark())
            .or_default()
            .insert(seat, recipient);
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
