//! What passes through this process, counted where it passes. Static, since there is one process; the panel reads it.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use serde::Serialize;
use tokio::time::sleep;

/// The counts of this process.
pub static TRAFFIC: Traffic = Traffic {
    websocket: Lane::new("websocket"),
    event_stream: Lane::new("server-sent events"),
    long_poll: Lane::new("long-poll"),
    refused: AtomicU64::new(0),
};

/// See [`TRAFFIC`].
pub struct Traffic {
    /// Websockets.
    pub websocket: Lane,
    /// Server-sent events.
    pub event_stream: Lane,
    /// Long-polls.
    pub long_poll: Lane,
    refused: AtomicU64,
}

impl Traffic {
    /// A call was answered with an error.
    pub fn refuse(&self) {
        self.refused.fetch_add(1, Relaxed);
    }

    /// Calls that were answered with an error since the start.
    pub fn refused(&self) -> u64 {
        self.refused.load(Relaxed)
    }

    /// Of each transport, what the function tells.
    pub fn of_each(&self, tell: impl Fn(&Lane) -> u64) -> ByTransport {
        ByTransport { websocket: tell(&self.websocket), event_stream: tell(&self.event_stream), long_poll: tell(&self.long_poll) }
    }
}

/// A number for each transport.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ByTransport {
    /// Websockets.
    pub websocket: u64,
    /// Server-sent events.
    pub event_stream: u64,
    /// Long-polls.
    pub long_poll: u64,
}

/// What goes by one transport.
pub struct Lane {
    /// What people call it.
    pub name: &'static str,
    open: AtomicU64,
    delivered: AtomicU64,
}

impl Lane {
    const fn new(name: &'static str) -> Self {
        Self { name, open: AtomicU64::new(0), delivered: AtomicU64::new(0) }
    }

    /// One more listens, until what is returned is dropped.
    pub fn enter(&'static self) -> Passage {
        self.open.fetch_add(1, Relaxed);
        Passage(self)
    }

    /// How many listen now.
    pub fn open(&self) -> u64 {
        self.open.load(Relaxed)
    }

    /// Events that were handed to those who listen, since the start.
    pub fn delivered(&self) -> u64 {
        self.delivered.load(Relaxed)
    }

    /// Waits until none is left, but not longer than this.
    pub async fn emptied(&self, patience: Duration) {
        let end = Instant::now() + patience;
        while self.open() > 0 && Instant::now() < end {
            sleep(Duration::from_millis(10)).await;
        }
    }
}

/// One that listens.
pub struct Passage(&'static Lane);

impl Passage {
    /// So many events pass.
    pub fn deliver(&self, count: u64) {
        self.0.delivered.fetch_add(count, Relaxed);
    }
}

impl Drop for Passage {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Relaxed);
    }
}
