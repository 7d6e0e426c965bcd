//! How far the writer is with a file that lacks something, or is not there any more.

use std::time::{Duration, Instant};

/// How long to wait before the file is written anew once more, after that failed.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// How long to wait at most.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// How far the writer is with a file that lacks something.
#[derive(Debug)]
pub(super) struct Recovery {
    /// Since when no file has been at the path.
    pub(super) absent_since: Option<Instant>,
    /// Whether another file stands at the path, or none.
    pub(super) is_away: bool,
    /// Before this the file is not written anew.
    pub(super) not_before: Option<Instant>,
    pause: Duration,
}

impl Default for Recovery {
    fn default() -> Self {
        Self {
            absent_since: None,
            is_away: false,
            not_before: None,
            pause: FIRST_PAUSE,
        }
    }
}

impl Recovery {
    /// Notes that the file could not be written anew.
    pub(super) fn put_off(&mut self) {
        self.not_before = Some(Instant::now() + self.pause);
        self.pause = LONGEST_PAUSE.min(2 * self.pause);
    }
}
