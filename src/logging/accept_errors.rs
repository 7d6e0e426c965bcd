//! Says once in a while that no connection can be accepted. The HTTP server says so twice a second for as
//! long as it lasts.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use log::Record;

/// How often it is said at most.
const INTERVAL: Duration = Duration::from_secs(10);

/// What the HTTP server says before the error of the system.
const PREFIX: &str = "Error accepting connection: ";

/// Before this time, in milliseconds since the first error, it is not said again.
static NEXT: AtomicU64 = AtomicU64::new(0);

/// Takes over a line of the HTTP server about a connection that could not be accepted: says it in
/// words that help, unless that was done a moment ago. Returns whether it was such a line.
///
/// It is a warning, since strangers can cause it by opening very many connections.
pub(super) fn take_over(record: &Record<'_>) -> bool {
    if !record.target().starts_with("actix_server") {
        return false;
    }
    let said = record.args().to_string();
    let Some(error) = said.strip_prefix(PREFIX) else {
        return false;
    };
    static FIRST: OnceLock<Instant> = OnceLock::new();
    if is_due(FIRST.get_or_init(Instant::now).elapsed()) {
        log::warn!(
            "no connection can be accepted: {error}. New clients wait until others have gone; if \
             these are yours, raise the limit of open files (nofile: LimitNOFILE, ulimit -n)"
        );
    }
    true
}

/// Returns whether it is time to say it.
fn is_due(now: Duration) -> bool {
    let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    let (next, after) = (NEXT.load(Relaxed), millis(now + INTERVAL));
    millis(now) >= next && NEXT.compare_exchange(next, after, Relaxed, Relaxed).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_said_at_once_and_then_every_ten_seconds() {
        let seconds = Duration::from_secs;
        let said: Vec<_> = (0..31).filter(|now| is_due(seconds(*now))).collect();
        assert_eq!(said, [0, 10, 20, 30]);
    }
}
