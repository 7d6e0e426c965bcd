//! Summarizes the contents of a store.

use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OptionalExtension};

use crate::protocol::timestamp::Moment;
use crate::store::file::database;
use crate::store::file::error::OpenError;
use crate::store::file::lock::holder;
use crate::store::file::meta;
use crate::store::file::options::Durability;
use crate::store::file::place::Place;
use crate::store::file::schema::{self, Found, KEPT_TABLES};

/// A summary of the contents of a store.
#[derive(Clone, Debug)]
pub struct StoreSummary {
    /// The file.
    pub path: PathBuf,
    /// The version of the tables.
    pub schema: i64,
    /// A number that is 1 for a new file, and higher after each run that did not end in order.
    pub life: u64,
    /// Whether the last run ended in order; false while a server runs.
    pub is_clean: bool,
    /// Whether the file is a backup from which no server has started yet.
    pub is_copy: bool,
    /// The durability of the last run: the point at which a change counted as kept.
    pub durability: Durability,
    /// The time at which something was last written.
    pub written_at: Moment,
    /// The process that holds the store; `None` if there is none.
    pub holder: Option<String>,
    /// The size of the file, in bytes.
    pub file_bytes: u64,
    /// The size of the write-ahead log beside it, in bytes.
    pub wal_bytes: u64,
    /// The number of channels.
    pub channels: u64,
    /// The number of users.
    pub users: u64,
    /// The number of connections.
    pub connections: u64,
    /// The number of calls with an `Idempotency-Key`.
    pub calls: u64,
    /// The number of entries in the logs of channels.
    pub entries: u64,
    /// The number of entries in the private logs of users.
    pub private_entries: u64,
    /// The number of messages in the histories of channels.
    pub history_messages: u64,
    /// The time at which the oldest entry was appended.
    pub oldest_entry: Option<Moment>,
    /// The time at which the newest entry was appended.
    pub newest_entry: Option<Moment>,
}

/// Opens the file of a store to read it.
pub(super) fn open(path: &Path) -> Result<(Place, Connection), OpenError> {
    let place = Place::find(path)?;
    if place.identity().is_none() {
        return Err(OpenError::NoFile(place.path().to_owned()));
    }
    let connection = database::open_to_read(place.path())
        .map_err(|error| OpenError::of_database(place.path(), "opening", &error))?;
    Ok((place, connection))
}

/// Returns a summary of the contents of a store. A server may run meanwhile.
///
/// # Errors
/// Fails when the file cannot be read or is not the file of a store.
pub fn show(path: &Path) -> Result<StoreSummary, OpenError> {
    let (place, connection) = open(path)?;
    let path = place.path();
    let schema = match schema::identify(&connection, path)? {
        Found::Schema(schema) => schema,
        Found::Nothing => return Err(OpenError::OfOtherApplication(path.to_owned())),
    };
    summarize(&connection, &place, schema)
        .map_err(|error| OpenError::of_database(path, "reading the tables", &error))
}

fn summarize(
    connection: &Connection,
    place: &Place,
    schema: i64,
) -> rusqlite::Result<StoreSummary> {
    // One transaction, so that all numbers are of the same moment.
    let _transaction = connection.unchecked_transaction()?;
    let number = |query: &str| {
        connection
            .query_row(query, [], |row| row.get::<_, i64>(0))
            .map(i64::cast_unsigned)
    };
    let [channels, users, _, _, connections, calls] = KEPT_TABLES else {
        return Err(rusqlite::Error::InvalidQuery);
    };
    let rows = |table: &str| number(&format!("SELECT count(*) FROM {table}"));
    let meta = meta::read(connection)?.ok_or(rusqlite::Error::QueryReturnedNoRows)?;
    let size = |path: &Path| fs::metadata(path).map_or(0, |metadata| metadata.len());
    let moment = |element: &str, order: &str| {
        let of = |table: &str| format!("SELECT entries ->> '$[{element}].at' AS at FROM {table}");
        let query = format!(
            "SELECT at ->> 0, at ->> 1 FROM ({} UNION ALL {}) ORDER BY 1 {order} LIMIT 1",
            of("entry"),
            of("private_entry")
        );
        connection
            .query_row(&query, [], |row| {
                let (wall, uptime): (i64, i64) = (row.get(0)?, row.get(1)?);
                Ok(Moment::from_clocks(
                    wall.cast_unsigned(),
                    uptime.cast_unsigned(),
                ))
            })
            .optional()
    };
    Ok(StoreSummary {
        path: place.path().to_owned(),
        schema,
        life: meta.life,
        is_clean: meta.is_clean,
        is_copy: meta.is_copy,
        durability: meta.durability,
        written_at: meta.at,
        holder: holder(place),
        file_bytes: size(place.path()),
        wal_bytes: size(&place.wal()),
        channels: rows(channels)?,
        users: rows(users)?,
        connections: rows(connections)?,
        calls: rows(calls)?,
        entries: number("SELECT coalesce(sum(end - start), 0) FROM channel")?,
        private_entries: number("SELECT coalesce(sum(end - start), 0) FROM user")?,
        history_messages: number(
            "SELECT count(*) FROM entry, channel ON channel.id = entry.log,
             json_each(entries)
             WHERE in_history > history_start
             AND json_extract(value, '$.in_history')
             AND json_extract(value, '$.message') IS NOT NULL
             AND json_extract(value, '$.offset') > history_start",
        )?,
        oldest_entry: moment("0", "ASC")?,
        newest_entry: moment("#-1", "DESC")?,
    })
}
