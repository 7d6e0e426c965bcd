//! Writes the rows of channels and users, and the rows of their entries.

use std::hash::Hash;

use rusqlite::{Connection, params};

use crate::core::record::{ChannelRecord, Rewrite, UserRecord};
use crate::name::{ChannelName, UserName};
use crate::store::file::ids::Ids;
use crate::store::file::pending::{LogRecord, PendingLog, is_held};
use crate::store::file::runs::{CHANNEL_ENTRIES, PRIVATE_ENTRIES, RunTable, Runs, unwritable};
use crate::store::file::stored::entry::Owner;
use crate::store::file::stored::state::encode_epochs;

/// The number of new entries in one commit from which a log is trimmed in the same commit. Its new
/// rows then take the pages of the deleted rows, so those pages are written only once.
const BUSY_LOG: usize = 64;

/// Deletes the rows of entries that neither a log nor a history still holds.
pub(super) fn trim_logs<N: Log>(ids: &mut Ids<N>, connection: &Connection) -> rusqlite::Result<()> {
    for (log, (start, history_start)) in ids.untrimmed.drain() {
        N::ENTRIES.trim(connection, log, start, history_start)?;
    }
    Ok(())
}

/// The name of a channel or user, which has a log.
pub(super) trait Log: Hash + Eq + Clone {
    /// The record that is written beside the entries.
    type Record: LogRecord;

    /// The table to which the entries are written.
    const ENTRIES: &RunTable;

    /// The statement that deletes the row of the channel or user.
    const DELETE: &str;

    /// Returns the owner of the log.
    fn owner(&self) -> Owner<'_>;

    /// Writes the row of the channel or user.
    fn write(
        connection: &Connection,
        id: i64,
        record: &Self::Record,
        life: u64,
    ) -> rusqlite::Result<()>;
}

impl Log for ChannelName {
    type Record = ChannelRecord;

    const ENTRIES: &RunTable = &CHANNEL_ENTRIES;

    const DELETE: &str = "DELETE FROM channel WHERE id = ?1";

    fn owner(&self) -> Owner<'_> {
        Owner::Channel(self)
    }

    fn write(
        connection: &Connection,
        id: i64,
        record: &ChannelRecord,
        life: u64,
    ) -> rusqlite::Result<()> {
        let config =
            serde_json::to_string(&record.config).map_err(|error| unwritable(error.into()))?;
        connection
            .prepare_cached(
                "INSERT INTO channel
                 (id, name, uuid, config, last_active, last_active_uptime,
                  epoch, former, start, end, life, history_start)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)
                 ON CONFLICT (id) DO UPDATE SET uuid = ?3, config = ?4, last_active = ?5,
                 last_active_uptime = ?6, epoch = ?7, former = ?8, start = ?9, end = ?10,
                 life = ?11, history_start = ?12",
            )?
            .execute(params![
                id,
                record.name.as_str(),
                record.uuid.hyphenated().to_string(),
                config,
                record.last_active.micros().cast_signed(),
                record.last_active.uptime_micros().cast_signed(),
                u64::from(record.log.epoch).cast_signed(),
                encode_epochs(&record.log.former).map_err(unwritable)?,
                record.log.start.cast_signed(),
                record.log.end.cast_signed(),
                life.cast_signed(),
                record.history_start.cast_signed(),
            ])?;
        Ok(())
    }
}

impl Log for UserName {
    type Record = UserRecord;

    const ENTRIES: &RunTable = &PRIVATE_ENTRIES;

    const DELETE: &str = "DELETE FROM user WHERE id = ?1";

    fn owner(&self) -> Owner<'_> {
        Owner::User(self)
    }

    fn write(
        connection: &Connection,
        id: i64,
        record: &UserRecord,
        life: u64,
    ) -> rusqlite::Result<()> {
        let json = |json: Result<String, serde_json::Error>| {
            json.map_err(|error| unwritable(error.into()))
        };
        connection
            .prepare_cached(
                "INSERT INTO user
                 (id, name, uuid, state, public_keys, last_active, last_active_uptime,
                  epoch, former, start, end, life, given)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)
                 ON CONFLICT (id) DO UPDATE SET uuid = ?3, state = ?4, public_keys = ?5,
                 last_active = ?6, last_active_uptime = ?7, epoch = ?8, former = ?9, start = ?10,
                 end = ?11, life = ?12, given = ?13",
            )?
            .execute(params![
                id,
                record.name.as_str(),
                record.uuid.hyphenated().to_string(),
                json(serde_json::to_string(&record.state))?,
                json(serde_json::to_string(&record.public_keys))?,
                record.last_active.micros().cast_signed(),
                record.last_active.uptime_micros().cast_signed(),
                u64::from(record.log.epoch).cast_signed(),
                encode_epochs(&record.log.former).map_err(unwritable)?,
                record.log.start.cast_signed(),
                record.log.end.cast_signed(),
                life.cast_signed(),
                json(serde_json::to_string(&record.given))?,
            ])?;
        Ok(())
    }
}

/// A writer of channels and users with their entries.
pub(super) struct LogWriter<'a> {
    pub(super) connection: &'a Connection,
    pub(super) life: u64,
    pub(super) text: &'a mut Vec<u8>,
}

impl LogWriter<'_> {
    pub(super) fn write<N: Log>(
        &mut self,
        ids: &mut Ids<N>,
        name: &N,
        log: &PendingLog<N::Record>,
    ) -> rusqlite::Result<()> {
        let is_known = ids.contains(name);
        if log.record.is_none() && !is_known {
            return Ok(());
        }
        let id = ids.get_or_add(name);
        let runs = Runs {
            connection: self.connection,
            table: N::ENTRIES,
            log: id,
            owner: name.owner(),
        };
        if log.replaces && is_known {
            runs.clear()?;
            ids.untrimmed.remove(&id);
        }
        let Some(record) = &log.record else {
            self.connection.prepare_cached(N::DELETE)?.execute([id])?;
            return Ok(());
        };
        let (start, history_start) = (record.log().start, record.history_start());
        if ids.update_starts(name, (start, history_start)) && start > 0 {
            ids.untrimmed.insert(id, (start, history_start));
        }
        if log.appended.len() >= BUSY_LOG && ids.untrimmed.remove(&id).is_some() {
            N::ENTRIES.trim(self.connection, id, start, history_start)?;
        }
        N::write(self.connection, id, record, self.life)?;
        let held = log
            .appended
            .iter()
            .filter(|entry| is_held(entry, start, history_start));
        runs.append(held, self.text)?;
        for (offset, message) in &log.rewritten {
            runs.rewrite(&Rewrite {
                offset: *offset,
                message: message.clone(),
            })?;
        }
        Ok(())
    }
}
