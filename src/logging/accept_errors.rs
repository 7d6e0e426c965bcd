//! Logs from time to time that no connection can be accepted. The HTTP server itself logs this
//! twice a second while the problem lasts.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use log::Record;

/// The shortest time between two such lines.
const INTERVAL: Duration = Duration::from_secs(10);

/// The text of the HTTP server's line before the error of the operating system.
const PREFIX: &str = "Error accepting connection: ";

/// The time before which no further line is logged, in milliseconds since the first error.
static NEXT: AtomicU64 = AtomicU64::new(0);

/// Replaces a line of the HTTP server about a connection that could not be accepted by a line that
/// says what to do, unless such a line was logged a moment ago. Returns whether the line was about
/// that.
///
/// The new line is a warning and not an error, since strangers can cause it by opening very many
/// connections.
pub(super) fn replace_line(record: &Record<'_>) -> bool {
    if !record.target().starts_with("actix_server") {
        return false;
    }
    let line = record.args().to_string();
    let Some(error) = line.strip_prefix(PREFIX) else {
        return false;
    };
    static FIRST: OnceLock<Instant> = OnceLock::new();
    if is_due(FIRST.get_or_init(Instant::now).elapsed()) {
        log::warn!(
            "no connection can be accepted: {error}. New clients must wait until others have \
             left; if all of them are yours, raise the limit of open files (nofile: LimitNOFILE, \
             ulimit -n)"
        );
    }
    true
}

/// Returns whether the next line is due, and sets the time of the one after it.
fn is_due(now: Duration) -> bool {
    let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    let (next, after) = (NEXT.load(Relaxed), millis(now + INTERVAL));
    millis(now) >= next && NEXT.compare_exchange(next, after, Relaxed, Relaxed).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_warning_is_logged_at_once_and_then_every_ten_seconds() {
        let seconds = Duration::from_secs;
        let logged: Vec<_> = (0..31).filter(|now| is_due(seconds(*now))).collect();
        assert_eq!(logged, [0, 10, 20, 30]);
    }
}
