//! How the store is doing, for the panel and for readiness.

use std::path::PathBuf;
#[expect(
    clippy::disallowed_types,
    reason = "the writer leaves here what others may ask at any time"
)]
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::store::file::options::Durability;

/// How a file store is doing.
#[derive(Clone, Debug)]
pub struct StoreStatus {
    /// The file.
    pub path: PathBuf,
    /// When a change counts as kept.
    pub durability: Durability,
    /// The size of the file, in bytes.
    pub file_bytes: u64,
    /// The size of the write-ahead log beside it, in bytes.
    pub wal_bytes: u64,
    /// How many notes wait to be taken by the writer.
    pub waiting_notes: usize,
    /// About how many bytes wait to be written.
    pub waiting_bytes: usize,
    /// How long ago something was written; `None` if nothing was since the start.
    pub last_commit: Option<Duration>,
    /// How many transactions were written since the start.
    pub commits: u64,
    /// What is wrong, if something is.
    pub error: Option<String>,
    /// Whether calls that change something are taken.
    pub(super) is_ready: bool,
}

impl StoreStatus {
    /// Returns whether calls that change something are taken.
    pub fn is_ready(&self) -> bool {
        self.is_ready
    }
}

/// What the writer says of its work.
#[derive(Clone, Debug, Default)]
pub(super) struct Work {
    pub(super) file_bytes: u64,
    pub(super) wal_bytes: u64,
    pub(super) last_commit: Option<Instant>,
    pub(super) commits: u64,
    pub(super) error: Option<String>,
}

/// Where the writer leaves what it says of its work.
#[derive(Debug, Default)]
#[expect(clippy::disallowed_types, reason = "see the import")]
pub(super) struct WorkBoard(Mutex<Work>);

impl WorkBoard {
    /// Changes what is said.
    pub(super) fn update(&self, change: impl FnOnce(&mut Work)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Returns what was last said.
    pub(super) fn read(&self) -> Work {
        let work = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        work.clone()
    }
}
