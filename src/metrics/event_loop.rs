//! Measures how late a thread comes to what it has to do. A thread that is busy with one thing for long
//! lets all its sockets and actors wait for as long.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::Metrics;

/// How often a thread is looked at.
const INTERVAL: Duration = Duration::from_millis(250);

/// Measures the delay of the current thread for as long as the thread runs.
pub fn watch(metrics: Arc<Metrics>) {
    actix::spawn(async move {
        loop {
            let due = Instant::now() + INTERVAL;
            sleep_until(due).await;
            metrics.event_loop_delay.observe(due.elapsed());
        }
    });
}
