//! The tasks of the writer besides writing: it makes checkpoints, gives space back, and measures
//! files.

use std::fs::{self, File};
use std::time::{Duration, Instant};

use rusqlite::Connection;

use super::{Next, Writer};
use crate::store::file::faults::Failure;
use crate::store::file::options::Durability;
use crate::store::file::queue::Mode;
use crate::store::file::upkeep::{
    TRUNCATE_INTERVAL, checkpoint_wal, give_space_back, pages_in_wal, truncate_wal,
};

/// The time between two rounds: the file is looked at and, if something was written, a checkpoint
/// is made.
const UPKEEP_INTERVAL: Duration = Duration::from_secs(1);

/// The time after which the write-ahead log is emptied, if a reader prevented it the last time.
const TRUNCATE_RETRY: Duration = Duration::from_secs(60);

/// The size, in bytes, at which the write-ahead log is emptied before its time.
const LARGE_WAL: u64 = 256 << 20;

/// The number of pages in the write-ahead log above which they are copied to the file although much
/// is being written.
const LONG_WAL: i64 = 4096;

/// The time after which the ballast is made again if it is missing.
const BALLAST_INTERVAL: Duration = Duration::from_secs(60);

impl Writer {
    /// Does the upkeep of the file, once a second.
    pub(super) fn do_upkeep(&mut self, connection: &Connection, mode: Mode) -> Next {
        if self.upkeep.looked_at.elapsed() < UPKEEP_INTERVAL {
            return Next::Continue;
        }
        let is_idle = self.upkeep.committed_at.elapsed() >= UPKEEP_INTERVAL;
        self.upkeep.looked_at = Instant::now();
        let next = self.look_at_file(connection, mode);
        if next == Next::Reopen || !self.is_in_place() {
            return next;
        }
        self.measure();
        if let Err(error) = self.checkpoint(connection) {
            self.note_failure("cannot be brought up to date", &error);
            return next;
        }
        if is_idle && let Err(error) = give_space_back(connection) {
            log::debug!("store {}: {error}", self.path().display());
        }
        if self.not_before.is_none() && self.upkeep.ballast_at <= Instant::now() {
            self.ensure_ballast();
        }
        next
    }

    /// Notes the sizes of the files.
    fn measure(&mut self) {
        let size = |path| fs::metadata(path).map_or(0, |metadata| metadata.len());
        let file_bytes = size(self.place.path().to_owned());
        let wal_bytes = size(self.place.wal());
        self.upkeep.wal_bytes = wal_bytes;
        self.status.update(|status| {
            status.file_bytes = file_bytes;
            status.wal_bytes = wal_bytes;
        });
    }

    /// Syncs the write-ahead log, so that a power cut loses at most the changes of the last second.
    /// Copies the changes in the write-ahead log to the file when nothing else is being written, or
    /// when the log is long. A page that was changed many times is then written once.
    fn checkpoint(&mut self, connection: &Connection) -> Result<(), Failure> {
        let is_time = self.upkeep.truncate_at <= Instant::now() && self.upkeep.is_wal_used;
        if is_time || self.upkeep.wal_bytes > LARGE_WAL {
            self.empty_wal(connection)?;
        }
        let was_busy = std::mem::take(&mut self.upkeep.is_written);
        if was_busy && self.meta.durability == Durability::Interval {
            self.sync_wal()?;
        }
        if self.upkeep.is_file_old && (!was_busy || pages_in_wal(connection)? > LONG_WAL) {
            self.upkeep.is_file_old = !checkpoint_wal(connection)?;
        }
        Ok(())
    }

    /// Syncs the write-ahead log. It may be opened here: SQLite has no locks on this file that
    /// closing it could end.
    fn sync_wal(&self) -> std::io::Result<()> {
        File::open(self.place.wal())?.sync_data()
    }

    /// Empties the write-ahead log, which may still have deleted data.
    pub(super) fn empty_wal(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        let is_empty = truncate_wal(connection)?;
        let now = Instant::now();
        if is_empty {
            self.upkeep.is_wal_used = false;
            self.upkeep.is_file_old = false;
            self.upkeep.wal_bytes = 0;
            self.upkeep.truncate_at = now + TRUNCATE_INTERVAL;
        } else {
            let path = self.path().display();
            log::warn!(
                "store {path}: another process reads it for a long time, so its -wal file grows"
            );
            self.upkeep.truncate_at = now + TRUNCATE_RETRY;
        }
        Ok(())
    }

    /// Makes the ballast if it is missing.
    pub(super) fn ensure_ballast(&mut self) {
        self.upkeep.ballast_at = Instant::now() + BALLAST_INTERVAL;
        if let Err(error) = self.ballast.make() {
            let path = self.path().display();
            log::warn!(
                "store {path}: the disk is nearly full: the ballast cannot be made: {error}"
            );
        }
    }
}
