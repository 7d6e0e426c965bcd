//! The values that all actors share: limits, counters, the count of memory, the store, and the
//! place where faults are reported.

use std::sync::Arc;

use crate::counters::Counters;
use crate::faults::Faults;
use crate::limits::Limits;
use crate::memory::Memory;
use crate::store::Store;

/// The values that all actors share. Cloning is cheap.
#[derive(Clone, Debug)]
pub(crate) struct Common {
    limits: Arc<Limits>,
    counters: Counters,
    memory: Memory,
    store: Store,
    faults: Faults,
}

impl Common {
    pub(crate) fn new(limits: Limits, store: Store) -> Self {
        Self {
            memory: Memory::new(limits.memory),
            limits: Arc::new(limits),
            counters: Counters::default(),
            store,
            faults: Faults::default(),
        }
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    pub(crate) fn memory(&self) -> &Memory {
        &self.memory
    }

    pub(crate) fn counters(&self) -> &Counters {
        &self.counters
    }

    pub(crate) fn faults(&self) -> &Faults {
        &self.faults
    }
}
