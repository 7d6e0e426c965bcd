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

/// An operation that is under way.
#[derive(Debug)]
pub(crate) struct Pending(Arc<Totals>);

impl Drop for Pending {
    fn drop(&mut self) {
        self.0.pending.fetch_sub(1, Relaxed);
    }
}
