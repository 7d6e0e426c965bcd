//! How the database is opened and set up.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use crate::store::file::options::Durability;

/// How long it is waited for another process that writes or has just started to read.
pub(super) const BUSY: Duration = Duration::from_secs(2);

/// The size at which SQLite cuts its write-ahead log once it begins to use it anew.
const WAL_KEPT: i64 = 64 << 20;

/// The size of a page. Larger ones make entries cheaper, and what changes here and there dearer.
const PAGE: i64 = 8192;

/// How many statements are kept ready.
const STATEMENTS: usize = 64;

/// Opens the file for the writer. It must exist. Nothing in it is changed yet.
pub(super) fn open(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    Ok(connection)
}

/// Sets the database up for the writer. Some of this changes the file.
pub(super) fn set_up(connection: &Connection) -> rusqlite::Result<()> {
    // These two only where there are no tables yet. Rows of entries are larger than a page.
    connection.pragma_update(None, "page_size", PAGE)?;
    connection.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    // What was deleted is overwritten.
    connection.pragma_update(None, "secure_delete", "ON")?;
    connection.pragma_update(None, "journal_size_limit", WAL_KEPT)?;
    // The writer does it itself, at its time.
    connection.pragma_update(None, "wal_autocheckpoint", 0)?;
    connection.pragma_update(None, "cell_size_check", "ON")?;
    connection.pragma_update(None, "trusted_schema", "OFF")?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    connection.pragma_update(None, "cache_size", -32_768)?;
    connection.pragma_update(None, "synchronous", "FULL")
}

/// Makes commits as safe as the settings ask for. Before, each is synced.
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

/// Opens a file to look at it, also while a server writes it.
pub(super) fn open_to_read(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY)?;
    connection.pragma_update(None, "cell_size_check", "ON")?;
    Ok(connection)
}
