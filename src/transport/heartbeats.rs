//! The heartbeats of a thread's outlets. One timer serves all outlets of the thread. A timer for
//! each outlet would cost memory, and would be polled whenever its outlet has something to do.
//!
//! The heartbeat interval is divided into slots of equal length, and each outlet has a random slot.
//! Therefore thousands of outlets do not wake at the same moment, but the outlets of a slot wake
//! together.

use std::time::Duration;

use actix::prelude::*;
use rustc_hash::FxHashMap;

/// The number of slots of an interval.
const SLOTS: u16 = 64;

/// The shortest interval. A shorter setting has the effect of this one.
const SHORTEST_INTERVAL: Duration = Duration::from_millis(10);

/// Asks an outlet to send its heartbeat now.
#[derive(Message, Clone, Copy, Debug)]
#[rtype(result = "()")]
pub(super) struct SendHeartbeat;

/// Starts the heartbeats of an outlet.
#[derive(Message)]
#[rtype(result = "()")]
struct StartHeartbeats {
    id: HeartbeatId,
    outlet: Recipient<SendHeartbeat>,
    /// The time between two heartbeats. It is a setting, so all outlets have the same.
    interval: Duration,
}

/// Ends the heartbeats of an outlet.
#[derive(Message, Clone, Copy, Debug)]
#[rtype(result = "()")]
struct StopHeartbeats(HeartbeatId);

/// The random id of an outlet among the outlets of its thread. It determines the outlet's slot.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct HeartbeatId(u64);

impl HeartbeatId {
    /// Returns the slot in which the outlet's heartbeats are sent.
    fn slot(self) -> u16 {
        (self.0 % u64::from(SLOTS)) as u16
    }
}

/// The handle by which an outlet starts and stops its heartbeats.
#[derive(Debug)]
pub(super) struct Heartbeats(HeartbeatId);

impl Default for Heartbeats {
    fn default() -> Self {
        Self(HeartbeatId(uuid::Uuid::new_v4().as_u64_pair().1))
    }
}

impl Heartbeats {
    /// Starts to send a [`SendHeartbeat`] to the actor of `context` once per `interval`. The first
    /// one follows within that time.
    pub(super) fn start<A>(&self, context: &Context<A>, interval: Duration)
    where
        A: Actor<Context = Context<A>> + Handler<SendHeartbeat>,
    {
        send_to_timer(StartHeartbeats {
            id: self.0,
            outlet: context.address().recipient(),
            interval,
        });
    }

    /// Stops the heartbeats that [`start`](Self::start) began.
    pub(super) fn stop(&self) {
        send_to_timer(StopHeartbeats(self.0));
    }
}

fn send_to_timer<M>(message: M)
where
    M: Message + Send + 'static,
    M::Result: Send,
    HeartbeatTimer: Handler<M>,
{
    #[expect(
        clippy::disallowed_methods,
        reason = "one message at the start of an outlet's life and one at its end; both must arrive"
    )]
    HeartbeatTimer::from_registry().do_send(message);
}

/// The actor that times the heartbeats of one thread's outlets.
#[derive(Default)]
struct HeartbeatTimer {
    /// The outlets of each slot, without empty slots. The map contains each open websocket and
    /// event stream of the thread once.
    slots: FxHashMap<u16, FxHashMap<HeartbeatId, Recipient<SendHeartbeat>>>,
    /// Whether the timer of the next slot runs. It stops while there are no outlets.
    is_running: bool,
}

impl Actor for HeartbeatTimer {
    type Context = Context<Self>;
}

impl Supervised for HeartbeatTimer {}

impl ArbiterService for HeartbeatTimer {}

impl Handler<StartHeartbeats> for HeartbeatTimer {
    type Result = ();

    fn handle(&mut self, start: StartHeartbeats, context: &mut Context<Self>) {
        let outlets = self.slots.entry(start.id.slot()).or_default();
        outlets.insert(start.id, start.outlet);
        if !self.is_running {
            self.send_slot(0, start.interval.max(SHORTEST_INTERVAL), context);
        }
    }
}

impl Handler<StopHeartbeats> for HeartbeatTimer {
    type Result = ();

    fn handle(&mut self, StopHeartbeats(id): StopHeartbeats, _: &mut Context<Self>) {
        if let Some(outlets) = self.slots.get_mut(&id.slot()) {
            outlets.remove(&id);
            if outlets.is_empty() {
                self.slots.remove(&id.slot());
            }
        }
    }
}

impl HeartbeatTimer {
    /// Sends the heartbeats of one slot. Starts the timer of the next slot, unless no outlet is
    /// left.
    fn send_slot(&mut self, slot: u16, interval: Duration, context: &mut Context<Self>) {
        let outlets = self.slots.get(&slot);
        for outlet in outlets.into_iter().flat_map(FxHashMap::values) {
            // A full mailbox contains batches, and these are a sign of life for the client too.
            let _ = outlet.try_send(SendHeartbeat);
        }
        self.is_running = !self.slots.is_empty();
        if self.is_running {
            let next = (slot + 1) % SLOTS;
            context.run_later(interval / u32::from(SLOTS), move |timer, context| {
                timer.send_slot(next, interval, context);
            });
        }
    }
}
