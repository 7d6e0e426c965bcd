//! Opens the database and sets it up.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use crate::store::file::options::Durability;

/// The longest time to wait for another process that writes or has just started to read.
pub(super) const BUSY_TIMEOUT: Duration = Duration::from_secs(2);

/// The size, in bytes, to which SQLite cuts its write-ahead log when it starts the log again.
const WAL_KEPT: i64 = 64 << 20;

/// The size of a page, in bytes. Larger pages make entries cheaper, but scattered changes more
/// expensive.
const PAGE_BYTES: i64 = 8192;

/// The number of prepared statements that are kept.
const CACHED_STATEMENTS: usize = 64;

/// Opens the file for the writer. The file must exist. Opening does not change it.
pub(super) fn open(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_prepared_statement_cache_capacity(CACHED_STATEMENTS);
    Ok(connection)
}

/// Sets the database up for the writer. Some of the settings change the file.
pub(super) fn set_up(connection: &Connection) -> rusqlite::Result<()> {
    // These two have an effect only if there are no tables yet. Rows of entries are larger than a
    // page.
    connection.pragma_update(None, "page_size", PAGE_BYTES)?;
    connection.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    // Deleted data is overwritten.
    connection.pragma_update(None, "secure_delete", "ON")?;
    connection.pragma_update(None, "journal_size_limit", WAL_KEPT)?;
    // The writer makes the checkpoints itself, at times that it chooses.
    connection.pragma_update(None, "wal_autocheckpoint", 0)?;
    connection.pragma_update(None, "cell_size_check", "ON")?;
    connection.pragma_update(None, "trusted_schema", "OFF")?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    connection.pragma_update(None, "cache_size", -32_768)?;
    connection.pragma_update(None, "synchronous", "FULL")
}

/// Makes commits as safe as the settings ask for. Until this is called, each commit is synced.
pub(super) fn set_durability(
    connection: &Connection,
    durability: Durability,
) -> rusqlite::Result<()> {
    let synchronous = match durability {
        Durability::Interval => "NORMAL",
        Durability::Always => "FULL",
    };
    connection.pragma_update(None, "synchronous", synchronous)
}

/// Opens a file to read it. A server may write it at the same time.
pub(super) fn open_to_read(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.pragma_update(None, "cell_size_check", "ON")?;
    Ok(connection)
}
