//! The state that all participants share: the plan, and its progress.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};

use super::listener::Kind;
use crate::support::random::Random;
use crate::support::scale::scaled;

/// The number of each kind of participant.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) seed: u64,
    pub(super) clients: usize,
    pub(super) channels: usize,
    pub(super) publishers: u64,
    /// The number of parallel calls with bad signatures.
    pub(super) forgers: usize,
    /// The number of guests at the same time.
    pub(super) guests: usize,
    /// The number of times that the server is reloaded, stopped and killed.
    pub(super) rounds: usize,
}

impl Plan {
    /// Returns the plan of this run. `FAULTS_SEED=n` repeats an earlier one.
    pub(super) fn new() -> Self {
        let given = std::env::var("FAULTS_SEED").ok();
        let seed = given.map_or_else(
            || uuid::Uuid::new_v4().as_u64_pair().0 >> 32,
            |seed| seed.parse().expect("FAULTS_SEED is a number"),
        );
        Self {
            seed,
            clients: scaled(90, 2000),
            channels: scaled(6, 40),
            publishers: scaled(4, 10),
            forgers: scaled(2, 4),
            guests: scaled(6, 40),
            rounds: scaled(1, 4),
        }
    }

    /// Returns the user of a client. Every two clients are one user.
    pub(super) fn user(client: usize) -> String {
        format!("user-{}", client / 2)
    }

    /// Returns the two channels of a client.
    pub(super) fn channels_of(&self, client: usize) -> Vec<String> {
        let (first, step) = (client % self.channels, 1 + client % (self.channels - 1));
        [first, (first + step) % self.channels]
            .map(|channel| format!("channel-{channel}"))
            .into()
    }

    /// Returns all channels and users.
    pub(super) fn places(&self) -> Vec<String> {
        let channels = (0..self.channels).map(|channel| format!("channel-{channel}"));
        let users = (0..self.clients.div_ceil(2)).map(|user| format!("user-{user}"));
        channels.chain(users).collect()
    }
}

/// A fault of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fault {
    /// The client's socket is reset.
    Reset,
    /// The client stops reading for a while.
    Stall,
    /// The client vanishes, its socket stays open, and it comes back on another one.
    HalfOpen,
    /// The client opens a second transport while the first is open.
    Double,
    /// The client closes in order.
    Close,
}

const FAULTS: [Fault; 5] = [
    Fault::Reset,
    Fault::Stall,
    Fault::HalfOpen,
    Fault::Double,
    Fault::Close,
];
const KINDS: [Kind; 3] = [Kind::Websocket, Kind::EventStream, Kind::LongPoll];

/// The counts of what has really happened.
#[derive(Debug, Default)]
pub(super) struct Tally {
    faults: [[AtomicUsize; FAULTS.len()]; KINDS.len()],
    pub(super) forgeries: AtomicUsize,
    pub(super) vanished: AtomicUsize,
    pub(super) too_slow: AtomicUsize,
}

pub(super) struct World {
    pub(super) plan: Plan,
    pub(super) tally: Tally,
    /// Whether faults still happen.
    has_faults: AtomicBool,
    /// Whether the clients still listen.
    is_listening: AtomicBool,
    /// The number of clients that have received everything, or have found an error.
    pub(super) done: AtomicUsize,
    /// The number of clients that have found an error.
    pub(super) failed: AtomicUsize,
}

impl World {
    pub(super) fn new(plan: Plan) -> Self {
        Self {
            plan,
            tally: Tally::default(),
            has_faults: AtomicBool::new(true),
            is_listening: AtomicBool::new(true),
            done: AtomicUsize::new(0),
            failed: AtomicUsize::new(0),
        }
    }

    pub(super) fn has_faults(&self) -> bool {
        self.has_faults.load(Relaxed)
    }

    pub(super) fn is_listening(&self) -> bool {
        self.is_listening.load(Relaxed)
    }

    /// Ends the faults and the messages.
    pub(super) fn end_faults(&self) {
        self.has_faults.store(false, Relaxed);
    }

    /// Makes the clients leave.
    pub(super) fn stop_clients(&self) {
        self.is_listening.store(false, Relaxed);
    }

    /// Returns a random channel, or now and then a user.
    pub(super) fn some_place(&self, random: &mut Random) -> String {
        if random.below(5) == 0 {
            Plan::user(random.below(self.plan.clients as u64) as usize)
        } else {
            format!("channel-{}", random.below(self.plan.channels as u64))
        }
    }
}

impl Tally {
    /// Draws the next fault of a client with this kind of transport, and counts it.
    pub(super) fn draw(&self, random: &mut Random, kind: Kind) -> Fault {
        let fault = random.below(FAULTS.len() as u64) as usize;
        self.faults[kind as usize][fault].fetch_add(1, Relaxed);
        FAULTS[fault]
    }

    /// Returns the number of times that each fault has happened to each kind of transport.
    pub(super) fn faults(&self) -> BTreeMap<String, usize> {
        let mut faults = BTreeMap::new();
        for (kind, counts) in KINDS.iter().zip(&self.faults) {
            for (fault, count) in FAULTS.iter().zip(counts) {
                faults.insert(format!("{kind:?} {fault:?}"), count.load(Relaxed));
            }
        }
        faults
    }
}
