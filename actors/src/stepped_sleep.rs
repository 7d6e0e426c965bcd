//! A wait that tolerates a machine that is too busy to run the server's threads.

use std::time::Duration;

use tokio::time::sleep;

/// The number of steps of a wait.
const STEPS: u32 = 10;

/// Waits for `duration` in steps. Each step begins only when this thread runs again.
///
/// A machine that is too busy may leave the server's threads waiting for longer than a deadline. If
/// there were a single timer, the deadline would have passed before the awaited task could do
/// anything. In steps, such a pause counts as one step.
pub async fn sleep_in_steps(duration: Duration) {
    for _ in 0..STEPS {
        sleep(duration / STEPS).await;
    }
}
