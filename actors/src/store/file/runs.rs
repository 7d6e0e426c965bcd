//! Runs: rows that hold several entries of a log each. One row for each entry would cost three
//! times the CPU time.

use rusqlite::{Connection, OptionalExtension, params};
use serde_json::value::RawValue;

use crate::core::entry::Entry;
use crate::core::record::Rewrite;
use crate::store::file::stored::Unreadable;
use crate::store::file::stored::entry::{Owner, decode_one, encode, offset_of};
use crate::store::file::stored::names::{KnownNames, Names};

/// The number of bytes at which a row ends and the next one begins.
const ROW_BYTES: usize = 60 << 10;

/// The largest number of entries in a row.
const ROW_ENTRIES: usize = 256;

/// The statements for one kind of log.
#[derive(Debug)]
pub(super) struct RunTable {
    insert: &'static str,
    find: &'static str,
    update: &'static str,
    trim: &'static str,
    clear: &'static str,
}

macro_rules! run_table {
    ($table:literal) => {
        RunTable {
            insert: concat!(
                "INSERT OR REPLACE INTO ",
                $table,
                " (log, first, last, in_history, entries) VALUES (?1, ?2, ?3, ?4, ?5)"
            ),
            find: concat!(
                "SELECT id, entries FROM ",
                $table,
                " WHERE log = ?1 AND first <= ?2 ORDER BY first DESC LIMIT 1"
            ),
            update: concat!("UPDATE ", $table, " SET entries = ?2 WHERE id = ?1"),
            trim: concat!(
                "DELETE FROM ",
                $table,
                " WHERE log = ?1 AND first <= ?2 AND last <= ?2 AND in_history <= ?3"
            ),
            clear: concat!("DELETE FROM ", $table, " WHERE log = ?1"),
        }
    };
}

/// The statements for the entries of channels.
pub(super) const CHANNEL_ENTRIES: RunTable = run_table!("entry");

/// The statements for the private entries of users.
pub(super) const PRIVATE_ENTRIES: RunTable = run_table!("private_entry");

impl RunTable {
    /// Deletes the rows of a log whose entries neither the log nor the history still holds.
    pub(super) fn trim(
        &self,
        connection: &Connection,
        log: i64,
        start: u64,
        history_start: u64,
    ) -> rusqlite::Result<()> {
        connection.prepare_cached(self.trim)?.execute(params![
            log,
            start.cast_signed(),
            history_start.cast_signed()
        ])?;
        Ok(())
    }
}

/// The rows of one log.
#[derive(Clone, Copy, Debug)]
pub(super) struct Runs<'a> {
    pub(super) connection: &'a Connection,
    pub(super) table: &'static RunTable,
    pub(super) log: i64,
    pub(super) owner: Owner<'a>,
}

impl Runs<'_> {
    /// Writes new entries after the existing ones. `text` is memory to use again; its contents are
    /// lost.
    pub(super) fn append<'e>(
        &self,
        entries: impl IntoIterator<Item = &'e Entry>,
        text: &mut Vec<u8>,
    ) -> rusqlite::Result<()> {
        let mut row = Row::default();
        text.clear();
        for entry in entries {
            if row.entries == 0 {
                text.push(b'[');
                row.first = entry.offset;
            } else {
                text.extend_from_slice(b",\n");
            }
            encode(entry, self.owner, text).map_err(unwritable)?;
            row.add(entry);
            if row.entries == ROW_ENTRIES || text.len() >= ROW_BYTES {
                self.insert(&row, text)?;
                row = Row::default();
            }
        }
        if row.entries > 0 {
            self.insert(&row, text)?;
        }
        Ok(())
    }

    fn insert(&self, row: &Row, text: &mut Vec<u8>) -> rusqlite::Result<()> {
        text.push(b']');
        let entries = str::from_utf8(text).map_err(|error| rusqlite::Error::Utf8Error(4, error))?;
        self.connection
            .prepare_cached(self.table.insert)?
            .execute(params![
                self.log,
                row.first.cast_signed(),
                row.last.cast_signed(),
                row.in_history.cast_signed(),
                entries
            ])?;
        text.clear();
        Ok(())
    }

    /// Changes an entry, if it still has a row.
    pub(super) fn rewrite(&self, rewrite: &Rewrite) -> rusqlite::Result<()> {
        let offset = rewrite.offset;
        let row = self
            .connection
            .prepare_cached(self.table.find)?
            .query_row(params![self.log, offset.cast_signed()], |row| {
                Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?))
            })
            .optional()?;
        let Some((id, entries)) = row else {
            return Ok(());
        };
        let Some(changed) = self.changed(&entries, rewrite).map_err(unwritable)? else {
            return Ok(());
        };
        self.connection
            .prepare_cached(self.table.update)?
            .execute(params![id, changed])?;
        Ok(())
    }

    /// Returns a row with one entry changed; `None` if the entry is not in it.
    fn changed(&self, row: &str, rewrite: &Rewrite) -> Result<Option<String>, Unreadable> {
        let mut entries: Vec<&RawValue> = serde_json::from_str(row)?;
        let mut found = None;
        for (index, entry) in entries.iter().enumerate() {
            if offset_of(entry)? == rewrite.offset {
                found = Some(index);
                break;
            }
        }
        let Some(slot) = found.and_then(|index| entries.get_mut(index)) else {
            return Ok(None);
        };
        let known = KnownNames::default();
        let mut entry = decode_one(slot, self.owner, &mut Names::new(&known))?;
        entry.message.clone_from(&rewrite.message);
        let mut text = Vec::new();
        encode(&entry, self.owner, &mut text)?;
        let text = String::from_utf8(text).map_err(|error| Unreadable::new(error.to_string()))?;
        let replaced = RawValue::from_string(text)?;
        *slot = &replaced;
        Ok(Some(join(&entries)))
    }

    /// Deletes all rows of the log.
    pub(super) fn clear(&self) -> rusqlite::Result<()> {
        self.connection
            .prepare_cached(self.table.clear)?
            .execute([self.log])?;
        Ok(())
    }
}

/// The values of a row besides its text.
#[derive(Default)]
struct Row {
    entries: usize,
    first: u64,
    last: u64,
    in_history: u64,
}

impl Row {
    fn add(&mut self, entry: &Entry) {
        self.entries += 1;
        self.last = entry.offset;
        if entry.is_in_history && entry.message.is_some() {
            self.in_history = entry.offset;
        }
    }
}

/// Returns the text of a row.
fn join(entries: &[&RawValue]) -> String {
    let texts: Vec<&str> = entries.iter().map(|entry| entry.get()).collect();
    format!("[{}]", texts.join(",\n"))
}

/// Converts the error of a value that cannot be written as JSON into an error of SQLite.
pub(super) fn unwritable(error: Unreadable) -> rusqlite::Error {
    rusqlite::Error::ToSqlConversionFailure(Box::new(error))
}
