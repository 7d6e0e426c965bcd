//! The upkeep of the file: the times of the writer's tasks besides writing, and their statements.

use std::time::{Duration, Instant};

use rusqlite::Connection;

use crate::store::file::database::BUSY_TIMEOUT;

/// The time after which the running time is written, if nothing else was written.
const TIME_INTERVAL: Duration = Duration::from_secs(60);

/// The time after which the write-ahead log is emptied, so that deleted data leaves the disk.
pub(super) const TRUNCATE_INTERVAL: Duration = Duration::from_secs(3600);

/// The longest time to wait for readers when the write-ahead log is emptied.
const READER_TIMEOUT: Duration = Duration::from_millis(100);

/// The number of free pages that are given back at once.
const VACUUM_PAGES: i64 = 256;

/// The number of free pages that stay in the file for later use.
const SPARE_PAGES: i64 = 4096;

/// The state of the writer's tasks besides writing.
#[derive(Debug)]
pub(super) struct Upkeep {
    pub(super) looked_at: Instant,
    pub(super) committed_at: Instant,
    /// Whether something was written since the write-ahead log was synced.
    pub(super) is_written: bool,
    /// Whether the write-ahead log has changes that the file does not have yet.
    pub(super) is_file_old: bool,
    /// Whether something was written since the write-ahead log was emptied.
    pub(super) is_wal_used: bool,
    pub(super) truncate_at: Instant,
    pub(super) ballast_at: Instant,
    pub(super) wal_bytes: u64,
}

impl Upkeep {
    pub(super) fn new() -> Self {
        let now = Instant::now();
        Self {
            looked_at: now,
            committed_at: now,
            is_written: true,
            is_file_old: true,
            is_wal_used: true,
            truncate_at: now + TRUNCATE_INTERVAL,
            ballast_at: now,
            wal_bytes: 0,
        }
    }

    /// Notes that something was written.
    pub(super) fn note_commit(&mut self) {
        self.committed_at = Instant::now();
        self.is_written = true;
        self.is_file_old = true;
        self.is_wal_used = true;
    }

    /// Returns whether it is time to write the running time again.
    pub(super) fn has_to_write_time(&self) -> bool {
        self.committed_at.elapsed() >= TIME_INTERVAL
    }
}

/// Empties the write-ahead log. Returns false if a reader prevented it.
pub(super) fn truncate_wal(connection: &Connection) -> rusqlite::Result<bool> {
    connection.busy_timeout(READER_TIMEOUT)?;
    let is_busy = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| {
        row.get::<_, bool>(0)
    });
    connection.busy_timeout(BUSY_TIMEOUT)?;
    Ok(!is_busy?)
}

/// Returns the number of pages in the write-ahead log that the file does not have yet.
pub(super) fn pages_in_wal(connection: &Connection) -> rusqlite::Result<i64> {
    let query = "PRAGMA wal_checkpoint(NOOP)";
    connection.query_row(query, [], |row| {
        Ok(row.get::<_, i64>(1)? - row.get::<_, i64>(2)?)
    })
}

/// Copies the changes in the write-ahead log to the file. Returns false if a reader prevented a
/// part of it.
pub(super) fn checkpoint_wal(connection: &Connection) -> rusqlite::Result<bool> {
    let query = "PRAGMA wal_checkpoint(PASSIVE)";
    connection.query_row(query, [], |row| {
        Ok(row.get::<_, i64>(1)? == row.get::<_, i64>(2)?)
    })
}

/// Gives some free pages back to the file system, if there are more than `SPARE_PAGES`.
pub(super) fn give_space_back(connection: &Connection) -> rusqlite::Result<()> {
    let free: i64 = connection.query_row("PRAGMA freelist_count", [], |row| row.get(0))?;
    if free <= SPARE_PAGES {
        return Ok(());
    }
    let mut statement =
        connection.prepare(&format!("PRAGMA incremental_vacuum({VACUUM_PAGES})"))?;
    let mut rows = statement.query([])?;
    while rows.next()?.is_some() {}
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::store::file::database;
    use crate::store::file::place::create_private;
    use crate::store::file::schema::{MIGRATIONS, prepare};

    fn is_anywhere(folder: &Path, text: &str) -> bool {
        folder.read_dir().unwrap().any(|file| {
            let bytes = std::fs::read(file.unwrap().path()).unwrap();
            bytes
                .windows(text.len())
                .any(|part| part == text.as_bytes())
        })
    }

    #[test]
    fn deleted_data_is_gone_once_the_write_ahead_log_is_emptied() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.db");
        create_private(&path).unwrap();
        let connection = database::open(&path).unwrap();
        prepare(&connection, &path, MIGRATIONS).unwrap();
        let secret = "secret".repeat(5000);
        let insert = "INSERT INTO entry (log, first, last, in_history, entries)
                      VALUES (1, ?1, ?1, 0, ?2)";
        for first in 0..3 {
            connection
                .execute(insert, rusqlite::params![first, secret])
                .unwrap();
        }
        assert!(checkpoint_wal(&connection).unwrap());
        connection
            .execute_batch(
                "DELETE FROM entry WHERE first = 0;
                 UPDATE entry SET entries = 'short'",
            )
            .unwrap();
        assert!(is_anywhere(folder.path(), "secretsecret"));
        assert!(pages_in_wal(&connection).unwrap() > 0);
        assert!(truncate_wal(&connection).unwrap());
        assert!(!is_anywhere(folder.path(), "secretsecret"));
        let wal = folder.path().join("store.db-wal");
        assert_eq!(wal.metadata().unwrap().len(), 0);
    }

    #[test]
    fn free_pages_are_given_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.db");
        create_private(&path).unwrap();
        let connection = database::open(&path).unwrap();
        prepare(&connection, &path, MIGRATIONS).unwrap();
        let pages = || {
            let query = "PRAGMA page_count";
            connection
                .query_row(query, [], |row| row.get::<_, i64>(0))
                .unwrap()
        };
        connection
            .execute(
                "INSERT INTO entry (log, first, last, in_history, entries)
                 VALUES (1, 1, 1, 0, printf('%.*c', 40000000, 'x'))",
                [],
            )
            .unwrap();
        connection.execute_batch("DELETE FROM entry").unwrap();
        let before = pages();
        give_space_back(&connection).unwrap();
        assert_eq!(pages(), before - VACUUM_PAGES);
    }
}
