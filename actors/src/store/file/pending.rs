//! The merged notes that wait to be written. Only the latest record of everything counts, and the
//! entries of logs add up. So the size grows only with what must really be written.

use std::collections::btree_map::BTreeMap;
use std::collections::hash_map::{Entry as Slot, HashMap};
use std::hash::Hash;
use std::sync::Arc;

use crate::core::entry::Entry;
use crate::core::record::{
    ChannelRecord, ConnectionRecord, LogChanges, LogState, Rewrite, UserRecord,
};
use crate::name::{ChannelName, ConnId, UserName};
use crate::protocol::message::Message;
use crate::protocol::state::StateValue;
use crate::store::note::{CallRecord, Note};

/// The approximate number of bytes that a note takes besides texts and entries.
const NOTE_BYTES: usize = size_of::<Note>();

/// The number of waiting entries of a log at which the first search begins for entries that need
/// not be written any more.
const MANY_ENTRIES: usize = 1024;

/// The merged notes that wait to be written.
#[derive(Debug, Default)]
pub(super) struct Pending {
    pub(super) channels: HashMap<ChannelName, PendingLog<ChannelRecord>>,
    pub(super) users: HashMap<UserName, PendingLog<UserRecord>>,
    /// The connections; `None` for a connection that has ended.
    pub(super) connections: HashMap<ConnId, Option<ConnectionRecord>>,
    /// The calls with an `Idempotency-Key`, by key; `None` for a call that was forgotten.
    pub(super) calls: HashMap<String, Option<CallRecord>>,
    /// The approximate number of bytes that all of it takes.
    bytes: usize,
}

/// The waiting changes of a channel or a user.
#[derive(Debug)]
pub(super) struct PendingLog<R> {
    /// The latest record; `None` if the channel or user was forgotten.
    pub(super) record: Option<R>,
    /// Whether the entries that were written before must be deleted.
    pub(super) replaces: bool,
    /// The new entries, by offset.
    pub(super) appended: Vec<Entry>,
    /// The entries that were written before and then edited or emptied (`None`), by offset.
    pub(super) rewritten: BTreeMap<u64, Option<Arc<Message>>>,
    /// The number of waiting entries at which the next search begins for entries that need not be
    /// written.
    look_again_at: usize,
}

/// The record of a channel or user, which has a log.
pub(super) trait LogRecord {
    /// Returns the numbering of the log.
    fn log(&self) -> &LogState;

    /// Returns the offset before the oldest entry that the history holds; the end of the log if
    /// there is no history.
    fn history_start(&self) -> u64;

    /// Returns the approximate number of bytes that the record takes besides the struct itself.
    fn text_bytes(&self) -> usize;
}

impl LogRecord for ChannelRecord {
    fn log(&self) -> &LogState {
        &self.log
    }

    fn history_start(&self) -> u64 {
        self.history_start
    }

    fn text_bytes(&self) -> usize {
        self.name.as_str().len()
    }
}

impl LogRecord for UserRecord {
    fn log(&self) -> &LogState {
        &self.log
    }

    fn history_start(&self) -> u64 {
        self.log.end
    }

    fn text_bytes(&self) -> usize {
        let value = |(key, value): (&String, &StateValue)| match value {
            StateValue::Text(text) => key.len() + text.len() + NOTE_BYTES,
            _ => key.len() + NOTE_BYTES,
        };
        self.name.as_str().len() + self.state.iter().map(value).sum::<usize>()
    }
}

/// Returns whether the log or the history still holds an entry.
pub(super) fn is_held(entry: &Entry, log_start: u64, history_start: u64) -> bool {
    let is_in_history = entry.is_in_history && entry.message.is_some();
    entry.offset > log_start || (is_in_history && entry.offset > history_start)
}

/// Returns the approximate number of bytes that a note takes.
pub(super) fn size_of_note(note: &Note) -> usize {
    NOTE_BYTES
        + match note {
            Note::Channel(record, changes) => record.text_bytes() + size_of_changes(changes),
            Note::User(record, changes) => record.text_bytes() + size_of_changes(changes),
            Note::ChannelForgotten(_) | Note::UserForgotten(_) | Note::ConnectionEnded(_) => 0,
            Note::Connection(_, record) => size_of_connection(record),
            Note::Call(key, record) => size_of_call(key, Some(record)),
            Note::CallForgotten(key) => key.len(),
        }
}

fn size_of_changes(changes: &LogChanges) -> usize {
    let rewrites = changes.rewritten.iter();
    size_of_entries(&changes.appended)
        + rewrites
            .map(|rewrite| size_of_rewrite(rewrite.message.as_ref()))
            .sum::<usize>()
}

fn size_of_entries(entries: &[Entry]) -> usize {
    entries.iter().map(Entry::size).sum()
}

fn size_of_rewrite(message: Option<&Arc<Message>>) -> usize {
    size_of::<Rewrite>() + message.map_or(0, |message| message.size())
}

fn size_of_connection(record: &ConnectionRecord) -> usize {
    let places = record.channels.len() + record.presumed.len();
    places * size_of::<(ChannelName, Option<(u64, u64)>)>()
}

fn size_of_call(key: &str, record: Option<&CallRecord>) -> usize {
    let answer = record.and_then(|record| record.answer.as_ref());
    key.len() + answer.map_or(0, |answer| answer.len())
}

impl Pending {
    /// Returns whether no changes wait.
    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the number of channels, users, connections and calls whose changes wait.
    pub(super) fn len(&self) -> usize {
        self.channels.len() + self.users.len() + self.connections.len() + self.calls.len()
    }

    /// Returns the approximate number of bytes that wait.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Removes everything. Keeps some memory of the maps for later notes, but not more than for
    /// 4,096 each.
    pub(super) fn clear(&mut self) {
        fn clear<K: Eq + Hash, V>(map: &mut HashMap<K, V>) {
            map.clear();
            map.shrink_to(4096);
        }
        clear(&mut self.channels);
        clear(&mut self.users);
        clear(&mut self.connections);
        clear(&mut self.calls);
        self.bytes = 0;
    }

    /// Adds a note.
    pub(super) fn merge(&mut self, note: Note) {
        self.bytes += size_of_note(&note);
        let replaced = match note {
            Note::Channel(record, changes) => {
                merge_log(&mut self.channels, record.name.clone(), record, changes)
            }
            Note::User(record, changes) => {
                merge_log(&mut self.users, record.name.clone(), record, changes)
            }
            Note::ChannelForgotten(name) => forget_log(&mut self.channels, name),
            Note::UserForgotten(name) => forget_log(&mut self.users, name),
            Note::Connection(id, record) => replace_connection(self, id, Some(record)),
            Note::ConnectionEnded(id) => replace_connection(self, id, None),
            Note::Call(key, record) => replace_call(self, key, Some(record)),
            Note::CallForgotten(key) => replace_call(self, key, None),
        };
        self.bytes = self.bytes.saturating_sub(replaced);
    }
}

/// Replaces the waiting record of a connection. Returns the number of bytes that the old one took.
fn replace_connection(
    pending: &mut Pending,
    id: ConnId,
    record: Option<ConnectionRecord>,
) -> usize {
    let replaced = pending.connections.insert(id, record);
    replaced.map_or(0, |record| {
        NOTE_BYTES + record.as_ref().map_or(0, size_of_connection)
    })
}

/// Replaces the waiting record of a call. Returns the number of bytes that the old one took.
fn replace_call(pending: &mut Pending, key: String, record: Option<CallRecord>) -> usize {
    let length = key.len();
    let replaced = pending.calls.insert(key, record);
    replaced.map_or(0, |record| {
        NOTE_BYTES + length + size_of_call("", record.as_ref())
    })
}

/// Notes that a channel or user was forgotten. Returns the number of bytes that become free.
fn forget_log<N: Hash + Eq, R: LogRecord>(logs: &mut HashMap<N, PendingLog<R>>, name: N) -> usize {
    let forgotten = PendingLog {
        record: None,
        replaces: true,
        appended: Vec::new(),
        rewritten: BTreeMap::new(),
        look_again_at: MANY_ENTRIES,
    };
    logs.insert(name, forgotten).map_or(0, |log| log.size())
}

/// Adds the changes of a channel or user. Returns the number of bytes that become free.
fn merge_log<N: Hash + Eq, R: LogRecord>(
    logs: &mut HashMap<N, PendingLog<R>>,
    name: N,
    record: R,
    changes: LogChanges,
) -> usize {
    match logs.entry(name) {
        Slot::Vacant(slot) => {
            let log = slot.insert(PendingLog {
                record: Some(record),
                replaces: changes.is_whole,
                appended: changes.appended,
                rewritten: BTreeMap::new(),
                look_again_at: MANY_ENTRIES,
            });
            log.rewrite(changes.rewritten)
        }
        Slot::Occupied(mut slot) => slot.get_mut().merge(record, changes),
    }
}

impl<R: LogRecord> PendingLog<R> {
    fn size(&self) -> usize {
        let rewrites = self.rewritten.values();
        NOTE_BYTES
            + self.record.as_ref().map_or(0, LogRecord::text_bytes)
            + size_of_entries(&self.appended)
            + rewrites
                .map(|message| size_of_rewrite(message.as_ref()))
                .sum::<usize>()
    }

    /// Adds later changes. Returns the number of bytes that become free.
    fn merge(&mut self, record: R, changes: LogChanges) -> usize {
        let mut unneeded = if changes.is_whole {
            self.size()
        } else {
            NOTE_BYTES + self.record.as_ref().map_or(0, LogRecord::text_bytes)
        };
        self.record = Some(record);
        if changes.is_whole {
            self.replaces = true;
            self.appended = changes.appended;
            self.rewritten.clear();
        } else if self.appended.is_empty() {
            self.appended = changes.appended;
        } else {
            self.appended.extend(changes.appended);
        }
        unneeded += self.rewrite(changes.rewritten);
        if self.appended.len() >= self.look_again_at {
            unneeded += self.drop_unneeded();
        }
        unneeded
    }

    /// Adds edits and deletions. An entry that still waits is changed in place. Returns the number
    /// of bytes that become free.
    fn rewrite(&mut self, rewritten: Vec<Rewrite>) -> usize {
        let mut unneeded = 0;
        for Rewrite { offset, message } in rewritten {
            let index = self
                .appended
                .binary_search_by_key(&offset, |entry| entry.offset);
            let entry = index.ok().and_then(|index| self.appended.get_mut(index));
            if let Some(entry) = entry {
                unneeded += entry.size() + size_of_rewrite(message.as_ref());
                // Messages are written without their body. Only other events are written with it.
                entry.body = None;
                entry.message = message;
                unneeded = unneeded.saturating_sub(entry.size());
            } else if let Some(replaced) = self.rewritten.insert(offset, message) {
                unneeded += size_of_rewrite(replaced.as_ref());
            }
        }
        unneeded
    }

    /// Drops entries that neither the log nor the history still holds. Returns the number of bytes
    /// that they took.
    fn drop_unneeded(&mut self) -> usize {
        let Some(record) = &self.record else {
            return 0;
        };
        let (log_start, history_start) = (record.log().start, record.history_start());
        let before = size_of_entries(&self.appended);
        self.appended
            .retain(|entry| is_held(entry, log_start, history_start));
        self.look_again_at = MANY_ENTRIES.max(2 * self.appended.len());
        before - size_of_entries(&self.appended)
    }
}

#[cfg(test)]
mod tests;
