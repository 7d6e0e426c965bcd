//! What endpoints tell of the process they run in.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::time::sleep;

/// When the server started.
pub struct Started(Instant);

impl Started {
    /// It starts.
    pub fn now() -> Self {
        Self(Instant::now())
    }

    /// Its age as the original prints it: `1 day, 0:00:12`.
    pub fn uptime(&self) -> String {
        let seconds = self.0.elapsed().as_secs();
        let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
        let time = format!("{hours}:{minutes:02}:{:02}", seconds % 60);
        match days {
            0 => time,
            1 => format!("1 day, {time}"),
            _ => format!("{days} days, {time}"),
        }
    }
}

/// Whether the server should be sent requests: it should until it is about to stop.
#[derive(Clone, Default)]
pub struct Readiness {
    is_ending: Arc<AtomicBool>,
}

impl Readiness {
    /// True until the server is about to stop.
    pub fn is_ready(&self) -> bool {
        !self.is_ending.load(Ordering::Relaxed)
    }

    /// The server is about to stop.
    pub fn end(&self) {
        self.is_ending.store(true, Ordering::Relaxed);
    }
}

/// Counts the websockets that are open: the HTTP server hands them over and knows nothing of them any more.
#[derive(Default)]
pub struct OpenSockets(Arc<()>);

/// An open websocket, until this is dropped.
pub struct SocketGuard {
    _counted: Arc<()>,
}

impl OpenSockets {
    /// One more.
    pub fn guard(&self) -> SocketGuard {
        SocketGuard { _counted: self.0.clone() }
    }

    /// Waits until all have ended, but not longer than this.
    pub async fn ended(&self, patience: Duration) {
        let end = Instant::now() + patience;
        while Arc::strong_count(&self.0) > 1 && Instant::now() < end {
            sleep(Duration::from_millis(10)).await;
        }
    }
}
