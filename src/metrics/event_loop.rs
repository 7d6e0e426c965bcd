//! Measures the delay with which a thread starts due work. While a thread is busy with one task,
//! all its sockets and actors wait.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::Metrics;

/// The time between two measurements of a thread.
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
