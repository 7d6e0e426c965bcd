//! Totals since the start, and what there is now: written by the actors and their outlets, read by
//! anyone.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::transport::{ByTransport, Transport};

/// Shared totals. Cloning shares them.
#[derive(Clone, Debug, Default)]
pub struct Counters(Arc<Totals>);

#[derive(Debug, Default)]
struct Totals {
    messages: AtomicU64,
    deliveries: ByTransport<AtomicU64>,
    delivered_messages: AtomicU64,
    full_queues: AtomicU64,
    too_slow: AtomicU64,
    listening: ByTransport<AtomicU64>,
    users_online: AtomicU64,
    pending: AtomicU64,
}

impl ByTransport<AtomicU64> {
    fn load(&self) -> ByTransport<u64> {
        self.zip(self, |count, _| count.load(Relaxed))
    }
}

impl Counters {
    /// Messages that were published.
    pub fn messages(&self) -> u64 {
        self.0.messages.load(Relaxed)
    }

    /// Entries of any kind handed to outlets: one entry to three listening connections counts
    /// three.
    pub fn deliveries(&self) -> ByTransport<u64> {
        self.0.deliveries.load()
    }

    /// Messages handed to outlets: one to three listening connections counts three.
    pub fn delivered_messages(&self) -> u64 {
        self.0.delivered_messages.load(Relaxed)
    }

    /// How often there was something for a client whose queue was full.
    pub fn full_queues(&self) -> u64 {
        self.0.full_queues.load(Relaxed)
    }

    /// Clients that were cut off from a channel since what they had not read was gone.
    pub fn too_slow(&self) -> u64 {
        self.0.too_slow.load(Relaxed)
    }

    /// Outlets that are open now.
    pub fn listening(&self) -> ByTransport<u64> {
        self.0.listening.load()
    }

    /// Users that have a connection now.
    pub fn users_online(&self) -> u64 {
        self.0.users_online.load(Relaxed)
    }

    pub(crate) fn count_messages(&self, count: usize) {
        self.0.messages.fetch_add(count as u64, Relaxed);
    }

    /// `messages`: how many of the deliveries are of messages.
    pub(crate) fn count_deliveries(&self, counts: &ByTransport<u64>, messages: u64) {
        self.0.deliveries.zip(counts, |total, count| {
            // Most of what is counted went by one transport; the others are left in peace.
            if *count > 0 {
                total.fetch_add(*count, Relaxed);
            }
        });
        if messages > 0 {
            self.0.delivered_messages.fetch_add(messages, Relaxed);
        }
    }

    pub(crate) fn count_full_queue(&self) {
        self.0.full_queues.fetch_add(1, Relaxed);
    }

    pub(crate) fn count_too_slow(&self) {
        self.0.too_slow.fetch_add(1, Relaxed);
    }

    /// One outlet more is open.
    pub fn listen(&self, transport: Transport) -> Counted {
        self.counted(match transport {
            Transport::Websocket => |totals| &totals.listening.websocket,
            Transport::EventStream => |totals| &totals.listening.event_stream,
            Transport::LongPoll => |totals| &totals.listening.long_poll,
        })
    }

    /// One user more is online.
    pub(crate) fn online(&self) -> Counted {
        self.counted(|totals| &totals.users_online)
    }

    /// Operations that are pending now.
    pub(crate) fn pending(&self) -> u64 {
        self.0.pending.load(Relaxed)
    }

    /// One operation more is pending; `None` when `limit` are pending already.
    pub(crate) fn begin(&self, limit: u64) -> Option<Counted> {
        let pending = self.counted(|totals| &totals.pending);
        (self.0.pending.load(Relaxed) <= limit).then_some(pending)
    }

    fn counted(&self, what: fn(&Totals) -> &AtomicU64) -> Counted {
        what(&self.0).fetch_add(1, Relaxed);
        Counted {
            totals: self.0.clone(),
            what,
        }
    }
}

/// Something that is there, and counted, until this is dropped.
#[derive(Debug)]
pub struct Counted {
    totals: Arc<Totals>,
    what: fn(&Totals) -> &AtomicU64,
}

impl Drop for Counted {
    fn drop(&mut self) {
        (self.what)(&self.totals).fetch_sub(1, Relaxed);
    }
}
