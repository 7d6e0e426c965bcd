//! A server for one test, and clients that speak to it.

pub(crate) mod agreement;
pub(crate) mod application;
pub(crate) mod balancer;
pub(crate) mod browser;
pub(crate) mod client;
pub(crate) mod discarding_client;
pub(crate) mod event_stream;
pub(crate) mod folder;
pub(crate) mod guide;
pub(crate) mod numbered;
pub(crate) mod power_cut;
pub(crate) mod proxy;
pub(crate) mod random;
pub(crate) mod raw;
pub(crate) mod raw_socket;
pub(crate) mod redis;
pub(crate) mod redis_groups;
pub(crate) mod scale;
pub(crate) mod server;
pub(crate) mod signing;
pub(crate) mod slow_proxy;
pub(crate) mod wall_clock;
pub(crate) mod watch;
pub(crate) mod websocket;

use std::time::{Duration, Instant};

/// The longest time that a condition may take to become true. After it, the test fails.
const TIMEOUT: Duration = Duration::from_secs(20);

/// Waits until a condition is true. Tests wait for conditions, never for a fixed time.
pub(crate) async fn eventually(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    let start = Instant::now();
    while !condition().await {
        assert!(start.elapsed() < TIMEOUT, "timed out waiting until {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
