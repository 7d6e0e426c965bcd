//! Reads the rows of all tables, except the tables of entries.

use std::fmt::Display;

use bytestring::ByteString;
use rusqlite::{Connection, Row};
use uuid::Uuid;

use crate::core::record::{ChannelRecord, ConnectionRecord, LogState, UserRecord};
use crate::name::{ChannelName, ConnId, UserName};
use crate::position::Epoch;
use crate::protocol::timestamp::Moment;
use crate::store::file::stored::connection;
use crate::store::file::stored::names::Names;
use crate::store::file::stored::state::{decode_epochs, decode_state};
use crate::store::note::CallRecord;

/// The reason why rows cannot be read.
#[derive(Debug)]
pub(super) enum RowError {
    /// An error of SQLite.
    Database(rusqlite::Error),
    /// A row has contents that this application does not write; the text says where and what.
    Unreadable(String),
}

impl From<rusqlite::Error> for RowError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Database(error)
    }
}

/// Creates the error that says which row of a table cannot be read, and why.
pub(super) fn unreadable(table: &str, row: impl Display, reason: &str) -> RowError {
    RowError::Unreadable(format!("table {table}, row {row}: {reason}"))
}

/// A row of the table `channel`.
#[derive(Debug)]
pub(super) struct ChannelRow {
    pub(super) id: i64,
    pub(super) record: ChannelRecord,
    pub(super) life: u64,
}

/// A row of the table `user`.
#[derive(Debug)]
pub(super) struct UserRow {
    pub(super) id: i64,
    pub(super) record: UserRecord,
    pub(super) life: u64,
}

fn number(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    Ok(row.get::<_, i64>(column)?.cast_unsigned())
}

fn moment(row: &Row<'_>, column: usize) -> rusqlite::Result<Moment> {
    Ok(Moment::from_clocks(
        number(row, column)?,
        number(row, column + 1)?,
    ))
}

/// Reads the four columns of a log's numbering.
fn log_state(row: &Row<'_>, column: usize) -> Result<LogState, RowFault> {
    let former: String = row.get(column + 1)?;
    Ok(LogState {
        epoch: Epoch::from(number(row, column)?),
        former: decode_epochs(&former).map_err(|error| RowFault::Reason(error.to_string()))?,
        start: number(row, column + 2)?,
        end: number(row, column + 3)?,
    })
}

/// The reason why one row cannot be read.
enum RowFault {
    Database(rusqlite::Error),
    Reason(String),
}

impl From<rusqlite::Error> for RowFault {
    fn from(error: rusqlite::Error) -> Self {
        Self::Database(error)
    }
}

fn row_fault(reason: impl Display) -> RowFault {
    RowFault::Reason(reason.to_string())
}

/// Reads all rows of a query, each with `read`.
fn read_all<T>(
    connection: &Connection,
    table: &str,
    query: &str,
    mut read: impl FnMut(&Row<'_>) -> Result<T, RowFault>,
) -> Result<Vec<T>, RowError> {
    let mut statement = connection.prepare(query)?;
    let mut rows = statement.query([])?;
    let mut all = Vec::new();
    while let Some(row) = rows.next()? {
        let read = read(row).map_err(|fault| match fault {
            // A wrong type or text in a column is an error of the row, not of the database.
            RowFault::Database(error) if error.sqlite_error().is_some() => {
                RowError::Database(error)
            }
            RowFault::Database(error) => unreadable(table, all.len() + 1, &error.to_string()),
            RowFault::Reason(reason) => unreadable(table, all.len() + 1, &reason),
        })?;
        all.push(read);
    }
    Ok(all)
}

/// Reads the channels, in the order of their row ids.
pub(super) fn read_channels(connection: &Connection) -> Result<Vec<ChannelRow>, RowError> {
    let query = "SELECT id, name, uuid, config, last_active, last_active_uptime,
                 epoch, former, start, end, life, history_start FROM channel ORDER BY id";
    read_all(connection, "channel", query, |row| {
        let (name, uuid, config): (String, String, String) =
            (row.get(1)?, row.get(2)?, row.get(3)?);
        Ok(ChannelRow {
            id: row.get(0)?,
            record: ChannelRecord {
                name: ChannelName::new(name),
                uuid: Uuid::try_parse(&uuid).map_err(row_fault)?,
                config: serde_json::from_str(&config).map_err(row_fault)?,
                last_active: moment(row, 4)?,
                log: log_state(row, 6)?,
                history_start: number(row, 11)?,
            },
            life: number(row, 10)?,
        })
    })
}

/// Reads the users, in the order of their row ids.
pub(super) fn read_users(connection: &Connection) -> Result<Vec<UserRow>, RowError> {
    let query = "SELECT id, name, uuid, state, public_keys, last_active, last_active_uptime,
                 epoch, former, start, end, life, given FROM user ORDER BY id";
    read_all(connection, "user", query, |row| {
        let (name, uuid): (String, String) = (row.get(1)?, row.get(2)?);
        let (state, public_keys): (String, String) = (row.get(3)?, row.get(4)?);
        let given: Vec<String> =
            serde_json::from_str(&row.get::<_, String>(12)?).map_err(row_fault)?;
        Ok(UserRow {
            id: row.get(0)?,
            record: UserRecord {
                name: UserName::new(name),
                uuid: Uuid::try_parse(&uuid).map_err(row_fault)?,
                state: decode_state(&state).map_err(row_fault)?,
                public_keys: serde_json::from_str(&public_keys).map_err(row_fault)?,
                given: given.into_iter().map(ChannelName::new).collect(),
                last_active: moment(row, 5)?,
                log: log_state(row, 7)?,
            },
            life: number(row, 11)?,
        })
    })
}

/// Reads the connections.
pub(super) fn read_connections(
    connection: &Connection,
    names: &mut Names<'_>,
) -> Result<Vec<(ConnId, ConnectionRecord)>, RowError> {
    let query = "SELECT conn_id, user, record FROM connection";
    read_all(connection, "connection", query, |row| {
        let id: [u8; 16] = row.get(0)?;
        let user = row.get_ref(1)?.as_str().map_err(rusqlite::Error::from)?;
        let record = row.get_ref(2)?.as_str().map_err(rusqlite::Error::from)?;
        let record = connection::decode(user, record, names).map_err(row_fault)?;
        Ok((ConnId::from(Uuid::from_bytes(id)), record))
    })
}

/// Reads the calls with an `Idempotency-Key`.
pub(super) fn read_calls(connection: &Connection) -> Result<Vec<(String, CallRecord)>, RowError> {
    let query = "SELECT key, digest, begun_at, begun_at_uptime, seed, answer FROM call";
    read_all(connection, "call", query, |row| {
        let (key, seed): (String, String) = (row.get(0)?, row.get(4)?);
        let answer: Option<String> = row.get(5)?;
        let record = CallRecord {
            digest: row.get(1)?,
            begun_at: moment(row, 2)?,
            seed: Uuid::try_parse(&seed).map_err(row_fault)?,
            answer: answer.map(ByteString::from),
        };
        Ok((key, record))
    })
}
