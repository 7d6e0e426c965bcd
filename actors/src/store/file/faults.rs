//! Reports the faults of the store in the server's log, but not too often.

use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::ErrorCode;

/// The time after which a lasting fault is logged again.
const REPEAT: Duration = Duration::from_secs(60);

/// The shortest time after which a fault whose text has changed is logged again.
const CHANGE: Duration = Duration::from_secs(10);

/// The reason why something could not be written.
#[derive(Debug)]
pub(super) struct Failure {
    /// The error text of SQLite or of the system.
    pub(super) text: String,
    pub(super) kind: FailureKind,
}

/// The kind of a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FailureKind {
    /// The disk is full.
    Full,
    /// The disk reports an error, which may be due to a quota.
    Disk,
    /// Any other failure.
    Other,
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        Self {
            text: error.to_string(),
            kind: match error.sqlite_error_code() {
                Some(ErrorCode::DiskFull) => FailureKind::Full,
                Some(ErrorCode::SystemIoFailure) => FailureKind::Disk,
                _ => FailureKind::Other,
            },
        }
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self {
            text: error.to_string(),
            kind: match error.kind() {
                std::io::ErrorKind::StorageFull => FailureKind::Full,
                _ => FailureKind::Disk,
            },
        }
    }
}

/// The present fault of the store, if there is one.
#[derive(Debug, Default)]
pub(super) struct Faults {
    present: Option<Fault>,
}

#[derive(Debug)]
struct Fault {
    text: String,
    began: Instant,
    logged_at: Instant,
    logged_text: String,
}

impl Faults {
    /// Notes a fault. It is logged when it begins, when its text changes, and once a minute.
    pub(super) fn note(&mut self, path: &Path, text: &str) {
        let now = Instant::now();
        if let Some(fault) = &mut self.present {
            text.clone_into(&mut fault.text);
            let is_same = fault.logged_text == text;
            if now - fault.logged_at < if is_same { REPEAT } else { CHANGE } {
                return;
            }
        }
        let began = self.present.as_ref().map_or(now, |fault| fault.began);
        let (path, lasts) = (path.display(), (now - began).as_secs());
        log::error!("store {path}: {text} (for {lasts} s; calls that change something get 503)");
        self.present = Some(Fault {
            text: text.to_owned(),
            began,
            logged_at: now,
            logged_text: text.to_owned(),
        });
    }

    /// Notes that the store works, and logs that if there was a fault.
    pub(super) fn clear(&mut self, path: &Path) {
        if let Some(fault) = self.present.take() {
            let lasted = fault.began.elapsed().as_secs();
            let path = path.display();
            log::warn!("store {path}: works again, after {lasted} s");
        }
    }

    /// Returns the text of the present fault, if there is one.
    pub(super) fn text(&self) -> Option<&str> {
        self.present.as_ref().map(|fault| fault.text.as_str())
    }
}
