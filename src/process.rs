//! What endpoints tell of the process they run in.

use std::sync::Arc;
use std::time::Instant;

use tokio::sync::watch;

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
#[derive(Clone)]
pub struct Readiness(Arc<watch::Sender<bool>>);

impl Default for Readiness {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(true)))
    }
}

impl Readiness {
    /// True until the server is about to stop.
    pub fn is_ready(&self) -> bool {
        *self.0.borrow()
    }

    /// The server is about to stop.
    pub fn end(&self) {
        self.0.send_replace(false);
    }

    /// Waits until the server is about to stop.
    pub async fn ended(&self) {
        // The sender lives as long as this.
        let _ = self.0.subscribe().wait_for(|is_ready| !is_ready).await;
    }
}
