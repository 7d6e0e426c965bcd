//! The threads that serve HTTP and host the actors.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use actix::{Arbiter, ArbiterHandle};
use channelstream_actors::broker::Broker;
use futures_util::future::join_all;
use tokio::sync::oneshot;

/// The threads that serve HTTP and host the actors. A call and its channel often share a thread,
/// and then no other thread has to be woken. Cloning shares them.
#[derive(Clone)]
pub(super) struct WorkerThreads(Arc<WorkerThreadsState>);

struct WorkerThreadsState {
    /// One place for each thread, filled in the order in which the threads start.
    handles: Vec<OnceLock<ArbiterHandle>>,
    /// The number of threads that have registered, including those that restarted after a panic.
    registered: AtomicUsize,
    broker: Broker,
}

impl WorkerThreads {
    /// Reserves places for `count` threads, on which the actors of `broker` will live.
    pub(super) fn new(count: usize, broker: Broker) -> Self {
        let handles = (0..count).map(|_| OnceLock::new()).collect();
        Self(Arc::new(WorkerThreadsState {
            handles,
            registered: AtomicUsize::new(0),
            broker,
        }))
    }

    /// Returns the number of threads that there are places for.
    pub(super) fn count(&self) -> usize {
        self.0.handles.len()
    }

    /// Waits until every thread that hosts actors has answered. Returns `false` if one of them has
    /// ended or has not started yet.
    pub(super) async fn all_answer(&self) -> bool {
        let answers = self.0.handles.iter().map(|place| {
            let (answer, answered) = oneshot::channel();
            if let Some(handle) = place.get() {
                handle.spawn(async move {
                    // Cannot fail: the answer is awaited.
                    let _ = answer.send(());
                });
            }
            answered
        });
        join_all(answers).await.iter().all(Result::is_ok)
    }

    /// Registers the current thread. Each thread calls this before any connection is accepted. The
    /// threads start one after the other, and the last one starts the broker.
    pub(super) fn register_current(&self) {
        let WorkerThreadsState {
            handles,
            registered,
            broker,
        } = &*self.0;
        // A thread that restarts after a panic gets no place, so it does not host actors.
        let Some(place) = handles.get(registered.fetch_add(1, Ordering::AcqRel)) else {
            return;
        };
        place.get_or_init(Arbiter::current);
        let all: Option<Vec<_>> = handles.iter().map(|handle| handle.get().cloned()).collect();
        if let Some(all) = all {
            broker.start_on(&all);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;
    use std::time::Duration;

    use actix::Arbiter;
    use channelstream_actors::limits::Limits;
    use tokio::time::timeout;

    use super::*;

    #[actix::test]
    async fn all_threads_answer_only_while_none_is_busy_or_has_ended() {
        let threads = WorkerThreads::new(2, Broker::new(Limits::default()));
        assert!(!threads.all_answer().await, "no thread has started");
        let arbiters = [(), ()].map(|()| Arbiter::new());
        for arbiter in &arbiters {
            let (threads, (registered, has_registered)) = (threads.clone(), oneshot::channel());
            arbiter.spawn_fn(move || {
                threads.register_current();
                let _ = registered.send(());
            });
            assert!(has_registered.await.is_ok());
        }
        assert!(threads.all_answer().await);

        let (go_on, wait) = channel::<()>();
        arbiters[1].spawn_fn(move || {
            let _ = wait.recv();
        });
        let answer = timeout(Duration::from_millis(100), threads.all_answer());
        assert!(answer.await.is_err(), "a thread is busy");
        drop(go_on);
        assert!(threads.all_answer().await);

        arbiters[0].stop();
        let [first, _second] = arbiters;
        assert!(first.join().is_ok());
        assert!(!threads.all_answer().await, "a thread has ended");
    }
}
