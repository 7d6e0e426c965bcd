//! Troubles that last, and are not logged each time that they are met.

use std::time::{Duration, Instant};

/// The time after which a trouble that lasts is logged again.
const LOG_INTERVAL: Duration = Duration::from_secs(60);

/// A trouble that may last.
#[derive(Debug, Default)]
pub(super) struct Trouble {
    /// The time at which the trouble was logged. `None` while there is none.
    logged_at: Option<Instant>,
}

impl Trouble {
    /// Notes that there is the trouble. Returns whether to log it: when it begins, and then once a
    /// minute.
    pub(super) fn note(&mut self) -> bool {
        let is_logged = self.logged_at.is_some_and(|at| at.elapsed() < LOG_INTERVAL);
        if !is_logged {
            self.logged_at = Some(Instant::now());
        }
        !is_logged
    }

    /// Notes that there is no trouble. Returns whether there was one.
    pub(super) fn end(&mut self) -> bool {
        self.logged_at.take().is_some()
    }
}
