//! The threads that serve HTTP and host the actors.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use actix::{Arbiter, ArbiterHandle};
use channelstream_actors::broker::Broker;

/// The threads that serve HTTP, which also host the actors. A call and the channel that it is for
/// often share a thread, and then no other thread has to be woken. Cloning shares them.
#[derive(Clone)]
pub(super) struct WorkerThreads(Arc<WorkerThreadsState>);

struct WorkerThreadsState {
    /// One place for each thread, filled in the order in which the threads start.
    handles: Vec<OnceLock<ArbiterHandle>>,
    /// How many threads have entered, including those that restarted after a panic.
    entered: AtomicUsize,
    broker: Broker,
}

impl WorkerThreads {
    /// Reserves places for `count` threads, on which the actors of `broker` will live.
    pub(super) fn new(count: usize, broker: Broker) -> Self {
        let handles = (0..count).map(|_| OnceLock::new()).collect();
        Self(Arc::new(WorkerThreadsState {
            handles,
            entered: AtomicUsize::new(0),
            broker,
        }))
    }

    /// Registers the current thread. Each thread calls this before any connection is accepted. The
    /// threads start one after the other, and the last one starts the broker.
    pub(super) fn enter(&self) {
        let WorkerThreadsState {
            handles,
            entered,
            broker,
        } = &*self.0;
        // A thread that restarts after a panic finds no place left, and does not host actors.
        let Some(place) = handles.get(entered.fetch_add(1, Ordering::AcqRel)) else {
            return;
        };
        place.get_or_init(Arbiter::current);
        let all: Option<Vec<_>> = handles.iter().map(|handle| handle.get().cloned()).collect();
        if let Some(all) = all {
            broker.start_on(&all);
        }
    }
}
