//! The state of the writer's work on a file that lacks changes or was removed.

use std::time::{Duration, Instant};

/// The time until the second attempt to write the file anew. It doubles with each attempt that
/// fails.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// The longest time until the next attempt.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// The state of the writer's work on a file that lacks changes or was removed.
#[derive(Debug)]
pub(super) struct Recovery {
    /// The time since which no file has been at the path.
    pub(super) absent_since: Option<Instant>,
    /// Whether there is another file at the path, or none.
    pub(super) is_away: bool,
    /// The time before which the file is not written anew.
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
    /// Notes that the file could not be written anew, and sets the time of the next attempt.
    pub(super) fn back_off(&mut self) {
        self.not_before = Some(Instant::now() + self.pause);
        self.pause = LONGEST_PAUSE.min(2 * self.pause);
    }
}
