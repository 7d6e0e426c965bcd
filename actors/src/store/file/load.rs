//! Reads the contents of a store at the start of a server.

use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, Scope, ScopedJoinHandle};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use rusqlite::types::ValueRef;

use crate::core::entry::Entry;
use crate::name::{ChannelName, UserName};
use crate::store::file::error::OpenError;
use crate::store::file::ids::Ids;
use crate::store::file::pending::is_held;
use crate::store::file::rows::{
    self, ChannelRow, RowError, UserRow, read_calls, read_channels, read_connections, read_users,
};
use crate::store::file::stored::entry::{Owner, decode_row};
use crate::store::file::stored::names::{KnownNames, Names};
use crate::store::note::Kept;

/// The number of bytes of rows that the reader hands to a decoder at once.
const PORTION_BYTES: usize = 256 << 10;

/// The largest number of portions that wait for a decoder.
const PORTIONS: usize = 8;

/// The largest number of threads that decode entries.
const DECODERS: usize = 4;

/// The time between two lines in the server's log that report the progress of reading.
const PROGRESS: Duration = Duration::from_secs(1);

/// The contents of a store, and the row ids of channels and users in the tables.
#[derive(Debug)]
pub(super) struct Loaded {
    pub(super) kept: Kept,
    pub(super) channels: Ids<ChannelName>,
    pub(super) users: Ids<UserName>,
}

/// Reads the contents of a store. A log that was written in an earlier life begins one new epoch
/// for each life since.
pub(super) fn load(connection: &Connection, path: &Path, life: u64) -> Result<Loaded, OpenError> {
    read(connection, path, life).map_err(|error| match error {
        RowError::Database(error) => OpenError::of_database(path, "reading the tables", &error),
        RowError::Unreadable(found) => OpenError::Damaged {
            path: path.to_owned(),
            found,
        },
    })
}

fn read(connection: &Connection, path: &Path, life: u64) -> Result<Loaded, RowError> {
    let mut progress = Progress::new(path);
    let mut channel_rows = read_channels(connection)?;
    let mut user_rows = read_users(connection)?;
    let mut known = KnownNames::default();
    let (mut channels, mut users) = (Ids::default(), Ids::default());
    for row in &mut channel_rows {
        let log = &mut row.record.log;
        log.begin_epochs(life.saturating_sub(row.life));
        known.channels.insert(row.record.name.clone());
        channels.insert(row.record.name.clone(), row.id);
    }
    for row in &mut user_rows {
        let log = &mut row.record.log;
        log.begin_epochs(life.saturating_sub(row.life));
        known.users.insert(row.record.name.clone());
        users.insert(row.record.name.clone(), row.id);
    }
    progress.report(|| {
        let (channels, users) = (channel_rows.len(), user_rows.len());
        format!("{channels} channels and {users} users")
    });
    let channel_entries = read_entries(connection, "entry", &channel_rows, &known, &mut progress)?;
    let private_entries = read_entries(
        connection,
        "private_entry",
        &user_rows,
        &known,
        &mut progress,
    )?;
    let mut names = Names::new(&known);
    let connections = read_connections(connection, &mut names)?;
    let calls = read_calls(connection)?;
    let records = channel_rows.into_iter().map(|row| row.record);
    let user_records = user_rows.into_iter().map(|row| row.record);
    Ok(Loaded {
        kept: Kept {
            channels: records.zip(channel_entries).collect(),
            users: user_records.zip(private_entries).collect(),
            connections,
            calls,
            may_miss_entries: false,
        },
        channels,
        users,
    })
}

/// Reports the progress of reading in the server's log, if it takes long.
struct Progress<'a> {
    path: &'a Path,
    logged_at: Instant,
}

impl<'a> Progress<'a> {
    fn new(path: &'a Path) -> Self {
        Self {
            path,
            logged_at: Instant::now(),
        }
    }

    fn report(&mut self, what: impl FnOnce() -> String) {
        if self.logged_at.elapsed() >= PROGRESS {
            self.logged_at = Instant::now();
            log::info!("{}: reading: {} so far", self.path.display(), what());
        }
    }
}

/// The row of a channel or user whose log is read.
trait HasLog: Sync {
    fn id(&self) -> i64;

    fn owner(&self) -> Owner<'_>;

    /// Returns the offsets before the log and before the history.
    fn starts(&self) -> (u64, u64);
}

impl HasLog for ChannelRow {
    fn id(&self) -> i64 {
        self.id
    }

    fn owner(&self) -> Owner<'_> {
        Owner::Channel(&self.record.name)
    }

    fn starts(&self) -> (u64, u64) {
        (self.record.log.start, self.record.history_start)
    }
}

impl HasLog for UserRow {
    fn id(&self) -> i64 {
        self.id
    }

    fn owner(&self) -> Owner<'_> {
        Owner::User(&self.record.name)
    }

    fn starts(&self) -> (u64, u64) {
        (self.record.log.start, u64::MAX)
    }
}

/// A row of several entries, not decoded yet.
struct Raw {
    /// The index of its channel or user in the list of logs.
    log: usize,
    first: i64,
    text: String,
}

/// A row of several entries, decoded.
struct Decoded {
    log: usize,
    first: i64,
    entries: Vec<Entry>,
}

/// Reads the entries of all these logs, which are in the order of their row ids. One thread reads
/// rows, and others decode them.
fn read_entries<L: HasLog>(
    connection: &Connection,
    table: &'static str,
    logs: &[L],
    known: &KnownNames,
    progress: &mut Progress<'_>,
) -> Result<Vec<Vec<Entry>>, RowError> {
    let decoders = thread::available_parallelism().map_or(1, usize::from);
    let mut decoded = thread::scope(|scope| {
        let decoders: Vec<_> = (0..decoders.min(DECODERS))
            .map(|_| start_decoder(scope, table, logs, known))
            .collect();
        let read = read_rows(connection, table, logs, progress, &decoders);
        let mut decoded = Vec::new();
        for Decoder { portions, thread } in decoders {
            drop(portions);
            let part = thread
                .join()
                .map_err(|_| RowError::Unreadable(format!("table {table}: not read")))?;
            decoded.extend(part?);
        }
        read.map(|()| decoded)
    })?;
    decoded.sort_unstable_by_key(|row| (row.log, row.first));
    let mut entries: Vec<Vec<Entry>> = Vec::new();
    entries.resize_with(logs.len(), Vec::new);
    for row in decoded {
        match entries.get_mut(row.log) {
            Some(log) if log.is_empty() => *log = row.entries,
            Some(log) => log.extend(row.entries),
            None => {}
        }
    }
    Ok(entries)
}

/// A thread that decodes rows.
struct Decoder<'scope> {
    portions: SyncSender<Vec<Raw>>,
    thread: ScopedJoinHandle<'scope, Result<Vec<Decoded>, RowError>>,
}

fn start_decoder<'scope, 'env, L: HasLog>(
    scope: &'scope Scope<'scope, 'env>,
    table: &'static str,
    logs: &'env [L],
    known: &'env KnownNames,
) -> Decoder<'scope> {
    let (portions, rows) = sync_channel(PORTIONS);
    let thread = scope.spawn(move || decode_rows(&rows, table, logs, known));
    Decoder { portions, thread }
}

/// Reads the rows of a table and hands them to the decoders in turn.
fn read_rows<L: HasLog>(
    connection: &Connection,
    table: &str,
    logs: &[L],
    progress: &mut Progress<'_>,
    decoders: &[Decoder<'_>],
) -> Result<(), RowError> {
    // Rows are read in the order of the table, and sorted after they are decoded.
    let query = format!("SELECT log, first, entries FROM {table}");
    let mut statement = connection.prepare(&query)?;
    let mut rows = statement.query([])?;
    let mut decoders = decoders.iter().cycle();
    let (mut portion, mut bytes, mut count) = (Vec::new(), 0, 0_u64);
    // A decoder that has found an unreadable row takes no more rows. Its error is returned when its
    // thread is joined.
    let mut hand_over = |portion: Vec<Raw>| {
        let decoder = decoders.next();
        decoder.is_some_and(|decoder| decoder.portions.send(portion).is_ok())
    };
    while let Some(row) = rows.next()? {
        let (log, first) = (row.get::<_, i64>(0)?, row.get::<_, i64>(1)?);
        let index = logs.binary_search_by_key(&log, HasLog::id);
        let index = index.map_err(|_| rows::unreadable(table, log, "entries of no log"))?;
        let ValueRef::Text(text) = row.get_ref(2)? else {
            return Err(rows::unreadable(table, log, "the entries are not text"));
        };
        let text = String::from_utf8(text.to_vec());
        let text = text.map_err(|_| rows::unreadable(table, log, "the entries are not UTF-8"))?;
        bytes += text.len();
        portion.push(Raw {
            log: index,
            first,
            text,
        });
        count += 1;
        if bytes >= PORTION_BYTES {
            bytes = 0;
            if !hand_over(std::mem::take(&mut portion)) {
                return Ok(());
            }
            progress.report(|| format!("{count} rows of table {table}"));
        }
    }
    hand_over(portion);
    Ok(())
}

/// Decodes rows, and leaves out entries that neither the log nor the history still holds.
fn decode_rows<L: HasLog>(
    portions: &Receiver<Vec<Raw>>,
    table: &str,
    logs: &[L],
    known: &KnownNames,
) -> Result<Vec<Decoded>, RowError> {
    let mut names = Names::new(known);
    let mut decoded = Vec::new();
    for Raw { log, first, text } in portions.iter().flatten() {
        let Some(owner) = logs.get(log) else {
            continue;
        };
        let (log_start, history_start) = owner.starts();
        let mut entries =
            decode_row(&text, owner.owner(), log_start, &mut names).map_err(|error| {
                let reason = format!("the row that begins with offset {first}: {error}");
                rows::unreadable(table, owner.id(), &reason)
            })?;
        entries.retain(|entry| is_held(entry, log_start, history_start));
        if !entries.is_empty() {
            entries.shrink_to_fit();
            decoded.push(Decoded {
                log,
                first,
                entries,
            });
        }
    }
    Ok(decoded)
}
