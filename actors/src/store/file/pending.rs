//! What waits to be written: the notes, merged. The latest value of everything wins, and entries of
//! logs add up, so it grows only with what is really to be written.

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

/// About how many bytes a note takes besides texts and entries.
const NOTE: usize = size_of::<Note>();

/// How many entries of a log wait before those are looked for that need not be written any more.
const MANY_ENTRIES: usize = 1024;

/// What waits to be written.
#[derive(Debug, Default)]
pub(super) struct Pending {
    pub(super) channels: HashMap<ChannelName, PendingLog<ChannelRecord>>,
    pub(super) users: HashMap<UserName, PendingLog<UserRecord>>,
    /// `None`: it has ended.
    pub(super) connections: HashMap<ConnId, Option<ConnectionRecord>>,
    /// `None`: it was forgotten.
    pub(super) calls: HashMap<String, Option<CallRecord>>,
    /// How many bytes it holds, about.
    bytes: usize,
}

/// What waits of a channel or a user.
#[derive(Debug)]
pub(super) struct PendingLog<R> {
    /// `None`: it was forgotten.
    pub(super) record: Option<R>,
    /// Whether the entries that were written before do not count any more.
    pub(super) replaces: bool,
    /// The new entries, by offset.
    pub(super) appended: Vec<Entry>,
    /// What was edited or emptied of the entries that were written before.
    pub(super) rewritten: BTreeMap<u64, Option<Arc<Message>>>,
    /// How many entries wait when it is looked again for those that need not be written.
    look_again_at: usize,
}

/// A record of something that has a log.
pub(super) trait LogRecord {
    /// The numbering of the log.
    fn log(&self) -> &LogState;

    /// The offset before the oldest entry that the history holds; the end of the log where there
    /// is no history.
    fn history_start(&self) -> u64;

    /// How many bytes it holds besides itself.
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
            StateValue::Text(text) => key.len() + text.len() + NOTE,
            _ => key.len() + NOTE,
        };
        self.name.as_str().len() + self.state.iter().map(value).sum::<usize>()
    }
}

/// Returns whether the log or the history still holds an entry.
pub(super) fn is_held(entry: &Entry, log_start: u64, history_start: u64) -> bool {
    let is_in_history = entry.is_in_history && entry.message.is_some();
    entry.offset > log_start || (is_in_history && entry.offset > history_start)
}

/// Returns how many bytes a note takes, about.
pub(super) fn size_of_note(note: &Note) -> usize {
    NOTE + match note {
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
    /// Returns whether nothing waits.
    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns how many channels, users, connections and calls wait.
    pub(super) fn len(&self) -> usize {
        self.channels.len() + self.users.len() + self.connections.len() + self.calls.len()
    }

    /// Returns how many bytes wait, about.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Forgets all that waits, and keeps the memory of the tables for what comes next, unless it
    /// is much.
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

/// Replaces what waits of a connection. Returns how many bytes that took.
fn replace_connection(
    pending: &mut Pending,
    id: ConnId,
    record: Option<ConnectionRecord>,
) -> usize {
    let replaced = pending.connections.insert(id, record);
    replaced.map_or(0, |record| {
        NOTE + record.as_ref().map_or(0, size_of_connection)
    })
}

/// Replaces what waits of a call. Returns how many bytes that took.
fn replace_call(pending: &mut Pending, key: String, record: Option<CallRecord>) -> usize {
    let length = key.len();
    let replaced = pending.calls.insert(key, record);
    replaced.map_or(0, |record| {
        NOTE + length + size_of_call("", record.as_ref())
    })
}

/// Notes that a channel or user was forgotten. Returns how many bytes are not needed any more.
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

/// Adds a channel or user. Returns how many bytes are not needed any more.
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
        NOTE + self.record.as_ref().map_or(0, LogRecord::text_bytes)
            + size_of_entries(&self.appended)
            + rewrites
                .map(|message| size_of_rewrite(message.as_ref()))
                .sum::<usize>()
    }

    /// Adds what happened since. Returns how many bytes are not needed any more.
    fn merge(&mut self, record: R, changes: LogChanges) -> usize {
        let mut unneeded = if changes.is_whole {
            self.size()
        } else {
            NOTE + self.record.as_ref().map_or(0, LogRecord::text_bytes)
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

    /// Adds edits and deletions. An entry that was not written yet is changed at once.
    fn rewrite(&mut self, rewritten: Vec<Rewrite>) -> usize {
        let mut unneeded = 0;
        for Rewrite { offset, message } in rewritten {
            let index = self
                .appended
                .binary_search_by_key(&offset, |entry| entry.offset);
            let entry = index.ok().and_then(|index| self.appended.get_mut(index));
            if let Some(entry) = entry {
                unneeded += entry.size() + size_of_rewrite(message.as_ref());
                // What is written of an event is its body, and of a message all but that.
                entry.body = None;
                entry.message = message;
                unneeded = unneeded.saturating_sub(entry.size());
            } else if let Some(replaced) = self.rewritten.insert(offset, message) {
                unneeded += size_of_rewrite(replaced.as_ref());
            }
        }
        unneeded
    }

    /// Drops entries that neither the log nor the history holds any more. Returns how many bytes
    /// they took.
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
