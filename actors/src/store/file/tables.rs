//! Writes the waiting notes into the tables.

use std::time::{Duration, Instant};

use rusqlite::{Connection, params};

use crate::core::record::ConnectionRecord;
use crate::name::{ChannelName, ConnId, UserName};
use crate::store::file::ids::Ids;
use crate::store::file::logs::{LogWriter, trim_logs};
use crate::store::file::pending::Pending;
use crate::store::file::runs::unwritable;
use crate::store::file::schema::KEPT_TABLES;
use crate::store::file::stored::connection::encode as encode_connection;
use crate::store::note::CallRecord;

/// The time between two deletions of rows that no log or history still holds.
const TRIM_INTERVAL: Duration = Duration::from_secs(1);

/// The writer's knowledge of the tables: the row ids, and the logs with old rows.
#[derive(Debug)]
pub(super) struct Tables {
    pub(super) channels: Ids<ChannelName>,
    pub(super) users: Ids<UserName>,
    /// The life that is written with each log.
    life: u64,
    trimmed_at: Instant,
    /// Memory to use again for the text of rows.
    text: Vec<u8>,
}

impl Tables {
    /// Creates the knowledge of tables that have these channels and users.
    pub(super) fn new(life: u64, channels: Ids<ChannelName>, users: Ids<UserName>) -> Self {
        Self {
            channels,
            users,
            life,
            trimmed_at: Instant::now(),
            text: Vec::new(),
        }
    }

    /// Writes the waiting notes. Empties the tables first if `replaces_all` is true.
    pub(super) fn write(
        &mut self,
        connection: &Connection,
        pending: &Pending,
        replaces_all: bool,
    ) -> rusqlite::Result<()> {
        if replaces_all {
            for table in KEPT_TABLES {
                connection.execute(&format!("DELETE FROM {table}"), [])?;
            }
            self.channels.forget_all();
            self.users.forget_all();
        }
        self.trim(connection)?;
        let mut writer = LogWriter {
            connection,
            life: self.life,
            text: &mut self.text,
        };
        for (name, log) in &pending.channels {
            writer.write(&mut self.channels, name, log)?;
        }
        for (name, log) in &pending.users {
            writer.write(&mut self.users, name, log)?;
        }
        for (id, record) in &pending.connections {
            write_connection(connection, *id, record.as_ref())?;
        }
        for (key, record) in &pending.calls {
            write_call(connection, key, record.as_ref())?;
        }
        Ok(())
    }

    /// Notes that the transaction with these notes succeeded.
    pub(super) fn note_committed(&mut self, pending: &Pending) {
        for (name, log) in &pending.channels {
            if log.record.is_none() {
                self.channels.remove(name);
            }
        }
        for (name, log) in &pending.users {
            if log.record.is_none() {
                self.users.remove(name);
            }
        }
    }

    /// Returns whether it is time to delete rows that no log or history still holds.
    pub(super) fn has_to_trim(&self) -> bool {
        let untrimmed = self.channels.untrimmed.len() + self.users.untrimmed.len();
        untrimmed > 0 && self.trimmed_at.elapsed() >= TRIM_INTERVAL
    }

    fn trim(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        if !self.has_to_trim() {
            return Ok(());
        }
        self.trimmed_at = Instant::now();
        trim_logs(&mut self.channels, connection)?;
        trim_logs(&mut self.users, connection)
    }
}

fn write_connection(
    connection: &Connection,
    id: ConnId,
    record: Option<&ConnectionRecord>,
) -> rusqlite::Result<()> {
    let id = uuid::Uuid::from(id);
    let Some(record) = record else {
        connection
            .prepare_cached("DELETE FROM connection WHERE conn_id = ?1")?
            .execute([id.as_bytes()])?;
        return Ok(());
    };
    connection
        .prepare_cached(
            "INSERT INTO connection (conn_id, user, record) VALUES (?1, ?2, ?3)
             ON CONFLICT (conn_id) DO UPDATE SET user = ?2, record = ?3",
        )?
        .execute(params![
            id.as_bytes(),
            record.user.as_str(),
            encode_connection(record).map_err(unwritable)?
        ])?;
    Ok(())
}

fn write_call(
    connection: &Connection,
    key: &str,
    record: Option<&CallRecord>,
) -> rusqlite::Result<()> {
    let Some(record) = record else {
        connection
            .prepare_cached("DELETE FROM call WHERE key = ?1")?
            .execute([key])?;
        return Ok(());
    };
    connection
        .prepare_cached(
            "INSERT INTO call (key, digest, begun_at, begun_at_uptime, seed, answer)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)
             ON CONFLICT (key) DO UPDATE SET digest = ?2, begun_at = ?3, begun_at_uptime = ?4,
             seed = ?5, answer = ?6",
        )?
        .execute(params![
            key,
            record.digest,
            record.begun_at.micros().cast_signed(),
            record.begun_at.uptime_micros().cast_signed(),
            record.seed.hyphenated().to_string(),
            record.answer.as_deref()
        ])?;
    Ok(())
}
