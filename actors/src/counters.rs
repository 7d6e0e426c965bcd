//! Totals since the start: written by the actors, read by anyone.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Shared totals. Cloning shares them.
#[derive(Clone, Debug, Default)]
pub struct Counters(Arc<Totals>);

#[derive(Debug, Default)]
struct Totals {
    messages: AtomicU64,
    deliveries: AtomicU64,
    full_queues: AtomicU64,
    too_slow: AtomicU64,
    users_online: AtomicU64,
    pending: AtomicU64,
}

impl Counters {
    /// Messages that were published.
    pub fn messages(&self) -> u64 {
        self.0.messages.load(Relaxed)
    }

    /// Entries handed to outlets: one message to three listening connections counts three.
    pub fn deliveries(&self) -> u64 {
        self.0.deliveries.load(Relaxed)
    }

    /// How often there was something for a client whose queue was full.
    pub fn full_queues(&self) -> u64 {
        self.0.full_queues.load(Relaxed)
    }

    /// Clients that were cut off from a channel since what they had not read was gone.
    pub fn too_slow(&self) -> u64 {
        self.0.too_slow.load(Relaxed)
    }

    /// Users that have a connection now.
    pub fn users_online(&self) -> u64 {
        self.0.users_online.load(Relaxed)
    }

    pub(crate) fn count_full_queue(&self) {
        self.0.full_queues.fetch_add(1, Relaxed);
    }

    pub(crate) fn count_too_slow(&self) {
        self.0.too_slow.fetch_add(1, Relaxed);
    }

    /// Counts a user as online until the returned guard is dropped.
    pub(crate) fn online(&self) -> Online {
        self.0.users_online.fetch_add(1, Relaxed);
        Online(self.0.clone())
    }

    pub(crate) fn count_messages(&self, count: usize) {
        self.0.messages.fetch_add(count as u64, Relaxed);
    }

    pub(crate) fn count_deliveries(&self, count: u64) {
        self.0.deliveries.fetch_add(count, Relaxed);
    }

    /// Counts one operation as pending until the returned guard is dropped; `None` when `limit` are pending already.
    pub(crate) fn begin(&self, limit: u64) -> Option<Pending> {
        if self.0.pending.fetch_add(1, Relaxed) >= limit {
            self.0.pending.fetch_sub(1, Relaxed);
            return None;
        }
        Some(Pending(self.0.clone()))
    }
}

/// A user that has a connection.
#[derive(Debug)]
pub(crate) struct Online(Arc<Totals>);

impl Drop for Online {
    fn drop(&mut self) {
        self.0.users_online.fetch_sub(1, Relaxed);
    }
}

/// An operation that is under way.
#[derive(Debug)]
pub(crate) struct Pending(Arc<Totals>);

impl Drop for Pending {
    fn drop(&mut self) {
        self.0.pending.fetch_sub(1, Relaxed);
    }
}
