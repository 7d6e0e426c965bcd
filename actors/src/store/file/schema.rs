//! The tables, and the upgrade of a file with older tables.

use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::Connection;

use crate::store::file::database;
use crate::store::file::error::OpenError;
use crate::store::file::place::{beside, create_private};

/// The number that marks a file as one of this application: `CSTR` in ASCII.
const APPLICATION: i64 = 0x4353_5452;

/// The tables. Moments are in microseconds: the wall clock, and (`…_uptime`) the running time.
pub(super) const TABLES: &str = r"
CREATE TABLE meta (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    -- Grows when entries may have been lost, so that their offsets are not taken for new ones.
    life INTEGER NOT NULL,
    -- 1 only between an orderly stop and the next start.
    is_clean INTEGER NOT NULL,
    -- 1 in a backup from which no server has started yet.
    is_copy INTEGER NOT NULL,
    durability TEXT NOT NULL,
    -- When something was last written.
    at INTEGER NOT NULL,
    at_uptime INTEGER NOT NULL
) STRICT;

CREATE TABLE channel (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    uuid TEXT NOT NULL,
    config TEXT NOT NULL,
    last_active INTEGER NOT NULL,
    last_active_uptime INTEGER NOT NULL,
    -- The log: its epoch, the epochs before, the offset before its first entry, and that of its last.
    epoch INTEGER NOT NULL,
    former TEXT NOT NULL,
    start INTEGER NOT NULL,
    end INTEGER NOT NULL,
    -- The life in which the row was written.
    life INTEGER NOT NULL,
    history_start INTEGER NOT NULL
) STRICT;

CREATE TABLE user (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    uuid TEXT NOT NULL,
    state TEXT NOT NULL,
    public_keys TEXT NOT NULL,
    last_active INTEGER NOT NULL,
    last_active_uptime INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    former TEXT NOT NULL,
    start INTEGER NOT NULL,
    end INTEGER NOT NULL,
    life INTEGER NOT NULL,
    given TEXT NOT NULL DEFAULT '[]'
) STRICT;

-- Several entries of a channel's log in each row, with their first and last offset. in_history is
-- the last offset that is in the history, 0 for none. New rows of all logs stand together, so that
-- a transaction writes few pages.
CREATE TABLE entry (
    id INTEGER PRIMARY KEY,
    log INTEGER NOT NULL,
    first INTEGER NOT NULL,
    last INTEGER NOT NULL,
    in_history INTEGER NOT NULL,
    entries TEXT NOT NULL,
    UNIQUE (log, first)
) STRICT;

CREATE TABLE private_entry (
    id INTEGER PRIMARY KEY,
    log INTEGER NOT NULL,
    first INTEGER NOT NULL,
    last INTEGER NOT NULL,
    in_history INTEGER NOT NULL,
    entries TEXT NOT NULL,
    UNIQUE (log, first)
) STRICT;

CREATE TABLE connection (
    id INTEGER PRIMARY KEY,
    conn_id BLOB NOT NULL UNIQUE,
    user TEXT NOT NULL,
    record TEXT NOT NULL
) STRICT;

-- Calls with an Idempotency-Key. No answer: the call is under way.
CREATE TABLE call (
    id INTEGER PRIMARY KEY,
    key TEXT NOT NULL UNIQUE,
    digest BLOB NOT NULL,
    begun_at INTEGER NOT NULL,
    begun_at_uptime INTEGER NOT NULL,
    seed TEXT NOT NULL,
    answer TEXT
) STRICT;
";

/// The tables with the contents of the store: all except `meta`.
pub(super) const KEPT_TABLES: &[&str] = &[
    "channel",
    "user",
    "entry",
    "private_entry",
    "connection",
    "call",
];

/// The statements that turn the tables of schema 1 into those of schema 2, and so on.
pub(super) const MIGRATIONS: &[&str] =
    &["ALTER TABLE user ADD COLUMN given TEXT NOT NULL DEFAULT '[]';"];

/// Returns the schema that these migrations lead to.
pub(super) fn newest(migrations: &[&str]) -> i64 {
    1 + i64::try_from(migrations.len()).unwrap_or(i64::MAX - 1)
}

/// The contents of a file when it is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// The file has no tables.
    Nothing,
    /// The file has the tables of this schema.
    Schema(i64),
}

/// Finds out whether the file is empty or has a schema of this application. Fails if it is the file
/// of another application.
pub(super) fn identify(connection: &Connection, path: &Path) -> Result<Found, OpenError> {
    let failed =
        |error: rusqlite::Error| OpenError::of_database(path, "reading the schema", &error);
    let number = |query: &str| connection.query_row(query, [], |row| row.get::<_, i64>(0));
    let application = number("PRAGMA application_id").map_err(failed)?;
    let schema = number("PRAGMA user_version").map_err(failed)?;
    let tables = number("SELECT count(*) FROM sqlite_schema").map_err(failed)?;
    match (application, schema, tables) {
        (0, 0, 0) => Ok(Found::Nothing),
        (APPLICATION, 1.., _) => Ok(Found::Schema(schema)),
        _ => Err(OpenError::OfOtherApplication(path.to_owned())),
    }
}

/// Sets the database up, and creates the tables of the newest schema or upgrades older tables to
/// it. The file of another application is not changed.
pub(super) fn prepare(
    connection: &Connection,
    path: &Path,
    migrations: &[&str],
) -> Result<(), OpenError> {
    let known = newest(migrations);
    let found = identify(connection, path)?;
    if let Found::Schema(found) = found
        && found > known
    {
        return Err(OpenError::NewerSchema {
            path: path.to_owned(),
            found,
            known,
        });
    }
    let failed =
        |error: rusqlite::Error| OpenError::of_database(path, "creating the tables", &error);
    database::set_up(connection).map_err(failed)?;
    match found {
        Found::Nothing => create(connection, known).map_err(failed),
        Found::Schema(found) if found < known => migrate(connection, path, migrations, found),
        Found::Schema(_) => Ok(()),
    }
}

fn create(connection: &Connection, schema: i64) -> rusqlite::Result<()> {
    let transaction = connection.unchecked_transaction()?;
    transaction.execute_batch(TABLES)?;
    mark(&transaction, schema)?;
    transaction.commit()
}

/// Marks the file as one of this application, with this schema.
fn mark(connection: &Connection, schema: i64) -> rusqlite::Result<()> {
    connection.pragma_update(None, "application_id", APPLICATION)?;
    connection.pragma_update(None, "user_version", schema)
}

fn migrate(
    connection: &Connection,
    path: &Path,
    migrations: &[&str],
    found: i64,
) -> Result<(), OpenError> {
    let doing = "upgrading the tables of an older version";
    let failed = |error: rusqlite::Error| OpenError::of_database(path, doing, &error);
    let copy = beside(path, &format!(".before-{}", newest(migrations)));
    copy_whole(connection, path, &copy)?;
    log::info!(
        "{}: upgrading from schema {found} to {}; the old file is kept as {}",
        path.display(),
        newest(migrations),
        copy.display()
    );
    let done = usize::try_from(found - 1).unwrap_or(usize::MAX);
    for (index, migration) in migrations.iter().enumerate().skip(done) {
        let transaction = connection.unchecked_transaction().map_err(failed)?;
        transaction.execute_batch(migration).map_err(failed)?;
        mark(
            &transaction,
            newest(migrations.get(..=index).unwrap_or(migrations)),
        )
        .map_err(failed)?;
        transaction.commit().map_err(failed)?;
    }
    Ok(())
}

/// Copies the whole database under a temporary name and then renames the copy, so that a file with
/// the final name is always complete.
fn copy_whole(connection: &Connection, path: &Path, to: &Path) -> Result<(), OpenError> {
    let doing = "copying the old file";
    let part: PathBuf = beside(to, ".part");
    drop(fs::remove_file(&part));
    let failed = |error: std::io::Error| OpenError::of_system(&part, doing, &error);
    // The file gets its mode before it has any contents.
    create_private(&part).map_err(failed)?;
    connection
        .execute("VACUUM INTO ?1", [part.to_string_lossy()])
        .map_err(|error| OpenError::of_database(path, doing, &error))?;
    fs::File::open(&part)
        .and_then(|file| file.sync_all())
        .map_err(failed)?;
    fs::rename(&part, to).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Opens a file in a folder of its own.
    fn file() -> (tempfile::TempDir, PathBuf, Connection) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.db");
        let connection = Connection::open(&path).unwrap();
        (folder, path, connection)
    }

    #[test]
    fn an_older_schema_is_migrated_after_a_copy_was_made() {
        let (folder, path, connection) = file();
        prepare(&connection, &path, &[]).unwrap();
        connection
            .execute(
                "INSERT INTO connection VALUES (1, x'00', 'alice', '{}')",
                [],
            )
            .unwrap();
        let migrations = [
            "ALTER TABLE connection ADD COLUMN colour TEXT NOT NULL DEFAULT 'red';",
            "UPDATE connection SET colour = 'blue'; CREATE TABLE later (id INTEGER) STRICT;",
        ];
        prepare(&connection, &path, &migrations).unwrap();
        let found = identify(&connection, &path).unwrap();
        assert_eq!(found, Found::Schema(3));
        let colour: String = connection
            .query_row("SELECT colour FROM connection", [], |row| row.get(0))
            .unwrap();
        assert_eq!(colour, "blue");

        let copy = folder.path().join("store.db.before-3");
        let mode = std::os::unix::fs::MetadataExt::mode(&fs::metadata(&copy).unwrap());
        assert_eq!(mode & 0o777, 0o600);
        let copy_connection = Connection::open(&copy).unwrap();
        assert_eq!(identify(&copy_connection, &copy).unwrap(), Found::Schema(1));
        // A second start has nothing to do.
        prepare(&connection, &path, &migrations).unwrap();
    }

    #[test]
    fn the_migrations_lead_to_the_tables_of_a_new_file() {
        let columns = |connection: &Connection| -> Vec<String> {
            let query = "SELECT name FROM pragma_table_info('user') ORDER BY cid";
            let mut statement = connection.prepare(query).unwrap();
            let names = statement.query_map([], |row| row.get(0)).unwrap();
            names.map(Result::unwrap).collect()
        };
        let (_folder, path, connection) = file();
        prepare(&connection, &path, MIGRATIONS).unwrap();
        let expected = columns(&connection);
        let (_folder, path, connection) = file();
        prepare(&connection, &path, &[]).unwrap();
        connection
            .execute_batch("ALTER TABLE user DROP COLUMN given;")
            .unwrap();
        prepare(&connection, &path, MIGRATIONS).unwrap();
        assert_eq!(columns(&connection), expected);
    }

    #[test]
    fn a_migration_that_fails_leaves_the_schema_before_it() {
        let (_folder, path, connection) = file();
        prepare(&connection, &path, &[]).unwrap();
        let migrations = ["CREATE TABLE later (id INTEGER);", "DROP TABLE nothing;"];
        assert!(prepare(&connection, &path, &migrations).is_err());
        assert_eq!(identify(&connection, &path).unwrap(), Found::Schema(2));
        prepare(
            &connection,
            &path,
            &["", "CREATE TABLE other (id INTEGER);"],
        )
        .unwrap();
        assert_eq!(identify(&connection, &path).unwrap(), Found::Schema(3));
    }

    #[test]
    fn a_newer_schema_is_refused_with_both_versions() {
        let (_folder, path, connection) = file();
        prepare(&connection, &path, &["", ""]).unwrap();
        let error = prepare(&connection, &path, &[]).unwrap_err().to_string();
        assert!(error.contains("its schema is 3"), "{error}");
        assert!(error.contains("schemas up to 1"), "{error}");
    }

    #[test]
    fn the_database_of_another_application_is_refused() {
        let (_folder, path, connection) = file();
        connection
            .execute_batch("CREATE TABLE other (id INTEGER); PRAGMA user_version = 1;")
            .unwrap();
        let error = prepare(&connection, &path, &[]).unwrap_err();
        assert!(matches!(error, OpenError::OfOtherApplication(_)), "{error}");
    }
}
