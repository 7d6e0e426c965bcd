//! The status of the store, for the panel and for readiness.

use std::path::PathBuf;
#[expect(
    clippy::disallowed_types,
    reason = "the writer leaves its status here, and others may read it at any time"
)]
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::store::file::options::Durability;

/// The status of a file store.
#[derive(Clone, Debug)]
pub struct StoreStatus {
    /// The file.
    pub path: PathBuf,
    /// The point at which a change counts as kept.
    pub durability: Durability,
    /// The size of the file, in bytes.
    pub file_bytes: u64,
    /// The size of the write-ahead log beside it, in bytes.
    pub wal_bytes: u64,
    /// The number of notes that the writer has not taken yet.
    pub waiting_notes: usize,
    /// The approximate number of bytes that wait to be written.
    pub waiting_bytes: usize,
    /// The time since something was last written; `None` if nothing was written since the start.
    pub last_commit: Option<Duration>,
    /// The number of transactions that were written since the start.
    pub commits: u64,
    /// The text of the present fault, if there is one.
    pub error: Option<String>,
    /// Whether calls that change something are accepted.
    pub(super) is_ready: bool,
}

impl StoreStatus {
    /// Returns whether calls that change something are accepted.
    pub fn is_ready(&self) -> bool {
        self.is_ready
    }
}

/// The status that the writer reports of its work.
#[derive(Clone, Debug, Default)]
pub(super) struct WriterStatus {
    pub(super) file_bytes: u64,
    pub(super) wal_bytes: u64,
    pub(super) last_commit: Option<Instant>,
    pub(super) commits: u64,
    pub(super) error: Option<String>,
}

/// The shared place where the writer leaves its status.
#[derive(Debug, Default)]
#[expect(clippy::disallowed_types, reason = "see the import")]
pub(super) struct SharedWriterStatus(Mutex<WriterStatus>);

impl SharedWriterStatus {
    /// Changes the status.
    pub(super) fn update(&self, change: impl FnOnce(&mut WriterStatus)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Returns the latest status.
    pub(super) fn read(&self) -> WriterStatus {
        let status = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        status.clone()
    }
}
