//! What the writer does besides writing: checkpoints, giving space back, looking at sizes.

use std::fs::{self, File};
use std::time::{Duration, Instant};

use rusqlite::Connection;

use super::{Next, Writer};
use crate::store::file::faults::Failure;
use crate::store::file::options::Durability;
use crate::store::file::queue::Mode;
use crate::store::file::upkeep::{TRUNCATE, give_space_back, move_wal, pages_in_wal, truncate_wal};

/// How often the file is looked at and, if something was written, a checkpoint is made.
const BEAT: Duration = Duration::from_secs(1);

/// How soon that is tried again where a reader was in the way.
const TRUNCATE_RETRY: Duration = Duration::from_secs(60);

/// The size at which the write-ahead log is emptied before its time.
const LARGE_WAL: u64 = 256 << 20;

/// How many pages the write-ahead log holds when the file is brought up to date with it although
/// much is being written.
const LONG_WAL: i64 = 4096;

/// How often the ballast is made again.
const BALLAST: Duration = Duration::from_secs(60);

impl Writer {
    /// Looks after the file once a second.
    pub(super) fn look_after(&mut self, connection: &Connection, mode: Mode) -> Next {
        if self.upkeep.looked_at.elapsed() < BEAT {
            return Next::Continue;
        }
        let is_idle = self.upkeep.committed_at.elapsed() >= BEAT;
        self.upkeep.looked_at = Instant::now();
        let next = self.look_at_file(connection, mode);
        if next == Next::Reopen || !self.is_in_place() {
            return next;
        }
        self.measure();
        if let Err(error) = self.checkpoint(connection) {
            self.fails("cannot be brought up to date", &error);
            return next;
        }
        if is_idle && let Err(error) = give_space_back(connection) {
            log::debug!("store {}: {error}", self.path().display());
        }
        if self.not_before.is_none() && self.upkeep.ballast_at <= Instant::now() {
            self.look_after_ballast();
        }
        next
    }

    /// Notes how large the files are.
    fn measure(&mut self) {
        let size = |path| fs::metadata(path).map_or(0, |metadata| metadata.len());
        let file_bytes = size(self.place.path().to_owned());
        let wal_bytes = size(self.place.wal());
        self.upkeep.wal_bytes = wal_bytes;
        self.board.update(|work| {
            work.file_bytes = file_bytes;
            work.wal_bytes = wal_bytes;
        });
    }

    /// Makes sure that a power cut loses no more than what was written since the last second, and
    /// brings the file up to date with its write-ahead log: when nothing else is to be done, or
    /// when the log is long. What was changed many times since is then written once.
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
            self.upkeep.is_file_old = !move_wal(connection)?;
        }
        Ok(())
    }

    /// Syncs the write-ahead log. SQLite has no locks on this file that closing it could end.
    fn sync_wal(&self) -> std::io::Result<()> {
        File::open(self.place.wal())?.sync_data()
    }

    /// Empties the write-ahead log. Until then it may hold what was deleted.
    pub(super) fn empty_wal(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        let is_empty = truncate_wal(connection)?;
        let now = Instant::now();
        if is_empty {
            self.upkeep.is_wal_used = false;
            self.upkeep.is_file_old = false;
            self.upkeep.wal_bytes = 0;
            self.upkeep.truncate_at = now + TRUNCATE;
        } else {
            let path = self.path().display();
            log::warn!("store {path}: another process reads it for long, so its -wal file grows");
            self.upkeep.truncate_at = now + TRUNCATE_RETRY;
        }
        Ok(())
    }

    /// Makes the ballast where it is not there.
    pub(super) fn look_after_ballast(&mut self) {
        self.upkeep.ballast_at = Instant::now() + BALLAST;
        if let Err(error) = self.ballast.make() {
            let path = self.path().display();
            log::warn!("store {path}: the disk is nearly full: no ballast can be made: {error}");
        }
    }
}
