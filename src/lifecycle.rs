//! The phase of the server process, from serving to its end. Only `stop.rs` enters phases. All
//! other code reads the phase here.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep};

/// The time between two checks for calls under way, while a stop waits for their end.
const CHECK_INTERVAL: Duration = Duration::from_millis(2);

/// A phase of the server. Phases follow one another in this order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Phase {
    /// The server serves.
    Serving,
    /// The server will stop, but still serves everything. `/ready` answers 503, so that proxies
    /// send new clients elsewhere.
    StopAnnounced,
    /// New calls that change something and new listeners are refused. Calls under way finish, their
    /// publications are delivered, and clients are closed one after the other.
    Draining,
    /// All clients are closed. The last answers go out.
    Ending,
}

/// The phase of this process, and the number of calls under way. Cloning shares them.
#[derive(Clone)]
pub struct Lifecycle(Arc<LifecycleState>);

struct LifecycleState {
    phase: watch::Sender<Phase>,
    under_way: AtomicUsize,
}

impl Default for Lifecycle {
    fn default() -> Self {
        Self(Arc::new(LifecycleState {
            phase: watch::Sender::new(Phase::Serving),
            under_way: AtomicUsize::new(0),
        }))
    }
}

impl Lifecycle {
    /// Returns whether proxies should send new clients here.
    pub fn is_ready(&self) -> bool {
        self.phase() == Phase::Serving
    }

    /// Returns whether new calls that change something, and new listeners, are refused.
    pub fn is_draining(&self) -> bool {
        self.phase() >= Phase::Draining
    }

    fn phase(&self) -> Phase {
        *self.0.phase.borrow()
    }

    /// Enters the next phase.
    pub(crate) fn enter(&self, phase: Phase) {
        log::debug!("the server is {phase:?}");
        self.0.phase.send_replace(phase);
    }

    /// Waits until all clients are closed.
    pub async fn clients_closed(&self) {
        self.wait_for(Phase::Ending).await;
    }

    /// Waits until the server has entered this phase, or a later one.
    pub(crate) async fn wait_for(&self, awaited: Phase) {
        // Cannot fail: `self` keeps the sender alive.
        let _ = self
            .0
            .phase
            .subscribe()
            .wait_for(|phase| *phase >= awaited)
            .await;
    }

    /// Counts a call that changes something, or a new listener, until the returned value is
    /// dropped. Returns `None` once these are refused.
    pub fn begin(&self) -> Option<PendingCall> {
        // The call is counted before the phase is checked, so that `wait_for_calls` sees every
        // admitted call.
        self.0.under_way.fetch_add(1, SeqCst);
        let under_way = PendingCall(self.0.clone());
        (!self.is_draining()).then_some(under_way)
    }

    /// Waits until no call is under way, or until `deadline`.
    pub(crate) async fn wait_for_calls(&self, deadline: Instant) {
        while self.0.under_way.load(SeqCst) > 0 && Instant::now() < deadline {
            sleep(CHECK_INTERVAL).await;
        }
    }
}

/// A call that is under way until this value is dropped.
pub struct PendingCall(Arc<LifecycleState>);

impl Drop for PendingCall {
    fn drop(&mut self) {
        self.0.under_way.fetch_sub(1, SeqCst);
    }
}
