//! What all actors share: their limits and their counters.

use std::sync::Arc;

use crate::counters::Counters;
use crate::limits::Limits;

/// Limits and counters. Cloning is cheap.
#[derive(Clone, Debug)]
pub(crate) struct Common {
    limits: Arc<Limits>,
    counters: Counters,
}

impl Common {
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            limits: Arc::new(limits),
            counters: Counters::default(),
        }
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    pub(crate) fn counters(&self) -> &Counters {
        &self.counters
    }
}
