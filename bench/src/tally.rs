//! Checks every delivery against the messages that were published.
//!
//! Publisher `s` of `k` sends its message number `n` to channel `s·C/k + n` (modulo the C
//! channels). So a subscriber knows which numbers of each publisher belong to its channel, and
//! their order. Everything else is lost, doubled or out of order.
//!
//! In a cluster, a publisher makes its calls at one node after the other. Then only the time that a
//! message takes to a subscriber of another node counts.

use std::cell::{Cell, RefCell};
use std::time::Instant;

use anyhow::Result;
use hdrhistogram::Histogram;
use serde::Serialize;
use tokio::sync::Notify;

use crate::stamp::Stamp;

/// The plan of a run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    /// The number of channels.
    pub(crate) channels: usize,
    /// The number of publishers.
    pub(crate) slots: usize,
    /// The number of nodes of the server.
    pub(crate) nodes: usize,
}

impl Plan {
    /// Returns the channel of a publisher's message.
    pub(crate) fn channel_of(&self, slot: usize, number: u32) -> usize {
        (self.first_channel(slot) + number as usize) % self.channels
    }

    /// Returns the node at which a publisher publishes a message.
    pub(crate) fn node_of(&self, slot: usize, number: u32) -> usize {
        (slot + number as usize) % self.nodes
    }

    fn first_channel(&self, slot: usize) -> usize {
        slot * self.channels / self.slots
    }

    /// Returns the first number of a publisher for a channel. Later numbers follow in steps of
    /// `channels`.
    fn first_number(&self, slot: usize, channel: usize) -> u32 {
        ((channel + self.channels - self.first_channel(slot)) % self.channels) as u32
    }
}

/// The record of what one subscriber has received.
pub(crate) struct Receipts {
    plan: Plan,
    /// The node at which the subscriber listens.
    node: usize,
    /// The next number of each publisher.
    next: Vec<u32>,
    /// The publishers and numbers of messages that later ones have overtaken. It is empty unless
    /// the server makes a mistake.
    skipped: Vec<(usize, u32)>,
    has_received_probe: bool,
}

/// The numbers of wrong deliveries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Faults {
    /// Messages that never arrived.
    pub(crate) lost: u64,
    /// Messages that arrived again.
    pub(crate) doubled: u64,
    /// Messages that arrived after a later one of the same publisher.
    pub(crate) disordered: u64,
}

/// A publisher's message that is on its way.
#[derive(Default)]
struct PendingMessage {
    number: Cell<u32>,
    missing: Cell<usize>,
    received: Notify,
}

/// The counts of a run, shared by all its tasks.
pub(crate) struct Tally {
    start: Instant,
    pending: Vec<PendingMessage>,
    deliveries: Cell<u64>,
    doubled: Cell<u64>,
    disordered: Cell<u64>,
    probed: Cell<usize>,
    latency: RefCell<Histogram<u64>>,
    answers: RefCell<Histogram<u64>>,
}

impl Receipts {
    /// Returns the empty record of a subscriber of this channel at this node.
    pub(crate) fn new(plan: Plan, channel: usize, node: usize) -> Self {
        let next = (0..plan.slots)
            .map(|slot| plan.first_number(slot, channel))
            .collect();
        Self {
            plan,
            node,
            next,
            skipped: Vec::new(),
            has_received_probe: false,
        }
    }

    /// Returns whether the time of a message counts.
    fn is_timed(&self, slot: usize, number: u32) -> bool {
        self.plan.nodes == 1 || self.plan.node_of(slot, number) != self.node
    }

    /// Returns the number of missing deliveries when each publisher has sent this many messages.
    pub(crate) fn missing(&self, sent: &[u32]) -> u64 {
        let step = self.plan.channels as u32;
        let missing =
            |(next, sent): (&u32, &u32)| u64::from(sent.saturating_sub(*next).div_ceil(step));
        self.skipped.len() as u64 + self.next.iter().zip(sent).map(missing).sum::<u64>()
    }
}

impl Tally {
    /// Returns a tally without counts.
    pub(crate) fn new(plan: Plan) -> Result<Self> {
        Ok(Self {
            start: Instant::now(),
            pending: (0..plan.slots).map(|_| PendingMessage::default()).collect(),
            deliveries: Cell::default(),
            doubled: Cell::default(),
            disordered: Cell::default(),
            probed: Cell::default(),
            // The range is up to a minute, in microseconds. Three digits are more than a shared
            // machine can repeat.
            latency: RefCell::new(Histogram::new_with_max(60_000_000, 3)?),
            answers: RefCell::new(Histogram::new_with_max(60_000_000, 3)?),
        })
    }

    /// Returns the microseconds since the start of the run.
    pub(crate) fn micros(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    /// Records that a publisher sends a message that this many subscribers must receive.
    pub(crate) fn record_sent(&self, slot: usize, number: u32, receivers: usize) {
        if let Some(message) = self.pending.get(slot) {
            message.number.set(number);
            message.missing.set(receivers);
        }
    }

    /// Waits until all subscribers have received the publisher's message.
    pub(crate) async fn wait_until_received(&self, slot: usize) {
        if let Some(message) = self.pending.get(slot) {
            while message.missing.get() > 0 {
                message.received.notified().await;
            }
        }
    }

    /// Records that a subscriber has received a message.
    pub(crate) fn receive(&self, receipts: &mut Receipts, stamp: Stamp, now: u64) {
        if stamp.slot == Stamp::PROBE {
            if !std::mem::replace(&mut receipts.has_received_probe, true) {
                increase(&self.probed);
            }
            return;
        }
        let slot = usize::from(stamp.slot);
        let (Some(next), Some(message)) = (receipts.next.get_mut(slot), self.pending.get(slot))
        else {
            return;
        };
        let step = receipts.plan.channels;
        if stamp.number < *next {
            let Some(at) = receipts
                .skipped
                .iter()
                .position(|skipped| *skipped == (slot, stamp.number))
            else {
                return increase(&self.doubled);
            };
            receipts.skipped.swap_remove(at);
            increase(&self.disordered);
        } else {
            receipts.skipped.extend(
                (*next..stamp.number)
                    .step_by(step)
                    .map(|number| (slot, number)),
            );
            *next = stamp.number + step as u32;
        }
        increase(&self.deliveries);
        if receipts.is_timed(slot, stamp.number) {
            self.latency
                .borrow_mut()
                .saturating_record(now.saturating_sub(stamp.micros).max(1));
        }
        if stamp.number == message.number.get() && message.missing.get() > 0 {
            message.missing.set(message.missing.get() - 1);
            if message.missing.get() == 0 {
                message.received.notify_one();
            }
        }
    }

    /// Returns the number of subscribers that have received a probe.
    pub(crate) fn probed(&self) -> usize {
        self.probed.get()
    }

    /// Returns the number of messages that were delivered so far, to all subscribers together.
    pub(crate) fn deliveries(&self) -> u64 {
        self.deliveries.get()
    }

    /// Returns the numbers of deliveries that came again, and of those that came late.
    pub(crate) fn doubled_and_disordered(&self) -> (u64, u64) {
        (self.doubled.get(), self.disordered.get())
    }

    /// Returns the times from publishing to receipt in microseconds, since the last call.
    pub(crate) fn take_latency(&self) -> Histogram<u64> {
        take(&self.latency)
    }

    /// Records that a publication was answered after this many microseconds.
    pub(crate) fn record_answer(&self, micros: u64) {
        self.answers.borrow_mut().saturating_record(micros.max(1));
    }

    /// Returns the times from publishing to the answer in microseconds, since the last call.
    pub(crate) fn take_answers(&self) -> Histogram<u64> {
        take(&self.answers)
    }
}

fn take(histogram: &RefCell<Histogram<u64>>) -> Histogram<u64> {
    let mut histogram = histogram.borrow_mut();
    let taken = histogram.clone();
    histogram.reset();
    taken
}

fn increase<N: Copy + std::ops::Add<Output = N> + From<u8>>(counter: &Cell<N>) {
    counter.set(counter.get() + N::from(1));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lost_doubled_and_late_messages_are_told_apart() {
        let plan = Plan {
            channels: 3,
            slots: 2,
            nodes: 1,
        };
        let tally = Tally::new(plan).unwrap();
        let mut receipts = Receipts::new(plan, 2, 0);
        let numbers: Vec<u32> = (0..12)
            .filter(|number| plan.channel_of(1, *number) == 2)
            .collect();
        assert_eq!(numbers, [1, 4, 7, 10]);
        for number in [1, 7, 7, 4, 10, 1] {
            tally.receive(
                &mut receipts,
                Stamp {
                    slot: 1,
                    number,
                    micros: 0,
                },
                5,
            );
        }
        assert_eq!(tally.doubled_and_disordered(), (2, 1));
        assert_eq!(tally.deliveries(), 4);
        assert_eq!(receipts.missing(&[0, 12]), 0);
        tally.receive(
            &mut receipts,
            Stamp {
                slot: 1,
                number: 16,
                micros: 0,
            },
            5,
        );
        assert_eq!(
            receipts.missing(&[6, 24]),
            2 + 1 + 2,
            "2 and 5 of the first, 13, 19 and 22 of the second"
        );
    }
    #[test]
    fn only_the_time_of_messages_from_other_nodes_counts() {
        let plan = Plan {
            channels: 1,
            slots: 2,
            nodes: 3,
        };
        let tally = Tally::new(plan).unwrap();
        let mut receipts = Receipts::new(plan, 0, 1);
        for number in 0..6 {
            let stamp = Stamp {
                slot: 1,
                number,
                micros: 0,
            };
            tally.receive(&mut receipts, stamp, 5);
        }
        assert_eq!(tally.deliveries(), 6);
        assert_eq!(
            tally.take_latency().len(),
            4,
            "0 and 3 came in at this node"
        );
    }
}
