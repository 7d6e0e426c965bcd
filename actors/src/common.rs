//! What all actors share: their limits, their counters and the store.

use std::sync::Arc;

use crate::counters::Counters;
use crate::limits::Limits;
use crate::store::Store;

/// Limits, counters and the store. Cloning is cheap.
#[derive(Clone, Debug)]
pub(crate) struct Common {
    limits: Arc<Limits>,
    counters: Counters,
    store: Store,
}

impl Common {
    pub(crate) fn new(limits: Limits, store: Store) -> Self {
        Self {
            limits: Arc::new(limits),
            counters: Counters::default(),
            store,
        }
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    pub(crate) fn counters(&self) -> &Counters {
        &self.counters
    }
}
