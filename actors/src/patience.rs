//! Waiting for others who share this machine.

use std::time::Duration;

use tokio::time::sleep;

/// How many steps a wait has.
const STEPS: u32 = 10;

/// Waits for `duration` in steps, of which each begins only when this thread runs again.
///
/// A machine that is too busy may not run the server's threads for longer than a deadline. With a
/// single timer the deadline would have passed before the one who is waited for could do anything.
/// This way such a pause counts as one step.
pub async fn wait_patiently(duration: Duration) {
    for _ in 0..STEPS {
        sleep(duration / STEPS).await;
    }
}
