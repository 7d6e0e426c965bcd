//! The log: the events of a channel, or the private events of a user, each with an offset.
//!
//! Catch-up reads the log for clients that are new, slow, or have come back. The messages that
//! `/info` shows are in the [`history`](crate::core::history).

use std::collections::VecDeque;
use std::sync::Arc;

use crate::core::entry::{Entry, Record};
use crate::core::record::{FormerEpochs, LogChanges, LogState, Rewrite};
use crate::error::Lost;
use crate::limits::Retention;
use crate::name::MessageId;
use crate::position::{Epoch, Position};
use crate::protocol::event::EventBody;
use crate::protocol::message::Message;
use crate::protocol::timestamp::Moment;

/// A bounded series of entries without holes: every offset from the oldest entry to the end has an
/// entry.
#[derive(Debug)]
pub struct Log {
    epoch: Epoch,
    /// The former epochs of the log, oldest first.
    former: Vec<FormerEpochs>,
    entries: VecDeque<Entry>,
    end: u64,
    bytes: usize,
    own_bytes: usize,
    /// A number that grows with each edit and deletion.
    revision: u64,
    retention: Retention,
    /// The changes since they were last taken; `None` if nobody takes them.
    changes: Option<Box<LogChanges>>,
}

/// The meaning of a client's position in a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Located {
    /// The position is of the present epoch: the client has read up to this offset.
    Here(u64),
    /// The position is of a former epoch, and nothing that the client has read was lost: it has
    /// read up to this offset.
    Before(u64),
    /// The position is of a former epoch, and the client has read entries that were lost later. The
    /// entries that it has not read begin after this offset.
    Beyond(u64),
}

/// Returns what a position means in a log that is in the epoch `present`, and was in the epochs
/// `former` before; `None` if it is a position of another log.
pub fn locate(
    present: Epoch,
    former: &[FormerEpochs],
    (epoch, offset): Position,
) -> Option<Located> {
    if epoch == present {
        return Some(Located::Here(offset));
    }
    let is_in = |former: &&FormerEpochs| epoch.since(former.first) < former.count;
    let end = former.iter().find(is_in)?.end;
    Some(if offset <= end {
        Located::Before(offset)
    } else {
        Located::Beyond(end)
    })
}

impl Log {
    /// Creates an empty log.
    pub fn new(epoch: Epoch, retention: Retention) -> Self {
        Self {
            epoch,
            former: Vec::new(),
            entries: VecDeque::new(),
            end: 0,
            bytes: 0,
            own_bytes: 0,
            revision: 0,
            retention,
            changes: None,
        }
    }

    /// Restores a log from the store. Entries before a hole in the offsets are left out, since a
    /// log has no holes.
    pub fn restore(
        state: LogState,
        entries: impl IntoIterator<Item = Entry>,
        retention: Retention,
    ) -> Self {
        let mut log = Self::new(state.epoch, retention);
        log.collect_changes();
        log.former = state.former;
        log.end = state.end;
        for entry in entries {
            let next = log.entries.back().map(|last| last.offset + 1);
            if next.is_some_and(|next| next != entry.offset) {
                log.clear();
            }
            if entry.offset > state.start {
                log.bytes += entry.size();
                log.own_bytes += entry.own_size();
                log.entries.push_back(entry);
            }
        }
        if log
            .entries
            .back()
            .is_some_and(|last| last.offset != log.end)
        {
            log.clear();
        }
        log
    }

    fn clear(&mut self) {
        self.entries.clear();
        (self.bytes, self.own_bytes) = (0, 0);
    }

    /// Returns the numbering of the log.
    pub fn state(&self) -> LogState {
        LogState {
            epoch: self.epoch,
            former: self.former.clone(),
            start: self.oldest_position(),
            end: self.end,
        }
    }

    /// Returns what a position means in this log; `None` if it is a position of another log.
    pub fn locate(&self, position: Position) -> Option<Located> {
        locate(self.epoch, &self.former, position)
    }

    /// Collects changes from now on. The caller must take them regularly, since they pile up.
    pub fn collect_changes(&mut self) {
        self.changes = Some(Box::default());
    }

    /// Returns whether there are changes since they were last taken.
    pub fn has_changes(&self) -> bool {
        let changes = self.changes.as_ref();
        changes.is_some_and(|it| !it.appended.is_empty() || !it.rewritten.is_empty())
    }

    /// Takes the changes since they were last taken.
    pub fn take_changes(&mut self) -> LogChanges {
        self.changes
            .as_deref_mut()
            .map(std::mem::take)
            .unwrap_or_default()
    }

    /// Returns all entries as changes, for a store that has no data of this log.
    pub fn all_as_changes(&self) -> LogChanges {
        LogChanges {
            is_whole: true,
            appended: self.entries.iter().cloned().collect(),
            rewritten: Vec::new(),
        }
    }

    /// Returns the present epoch.
    pub fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// Returns the offset of the latest entry; 0 before the first entry.
    pub fn end(&self) -> u64 {
        self.end
    }

    /// Returns a number that changes whenever an entry of the log is edited or deleted.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// Returns the number of entries.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Returns the number of bytes that the entries take.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Returns the number of bytes that the entries take, without those that `memory.rs` counts
    /// with messages.
    pub fn own_bytes(&self) -> usize {
        self.own_bytes
    }

    /// Returns whether there are no entries.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Appends an event, and drops entries beyond the retention.
    pub fn push(&mut self, record: Record, now: Moment) {
        let Record {
            id,
            route,
            kept,
            is_in_history,
            body,
            message,
        } = record;
        self.append(Entry {
            offset: self.end + 1,
            route,
            kept,
            is_in_history,
            body: Some(body),
            id,
            at: now,
            message,
        });
        self.trim(now);
    }

    /// Appends an entry whose offset follows that of the last one.
    pub fn append(&mut self, entry: Entry) {
        self.end = entry.offset;
        self.bytes += entry.size();
        self.own_bytes += entry.own_size();
        if let Some(changes) = &mut self.changes {
            changes.appended.push(entry.clone());
        }
        self.reserve_one();
        self.entries.push_back(entry);
    }

    /// Drops entries beyond the retention. Returns whether there were any.
    pub fn trim(&mut self, now: Moment) -> bool {
        let before = self.entries.len();
        while let Some(oldest) = self.entries.front() {
            let too_many = self.entries.len() > self.retention.length;
            let too_large = self.bytes > self.retention.bytes && self.entries.len() > 1;
            let too_old = self.entries.len() > self.retention.frames
                && now.since(oldest.at) > self.retention.age;
            if !(too_many || too_large || too_old) {
                break;
            }
            self.drop_oldest();
        }
        self.shrink();
        self.entries.len() < before
    }

    /// Drops the oldest entries until the rest takes at most `bytes`.
    pub fn trim_to(&mut self, bytes: usize) {
        while self.bytes > bytes && !self.is_empty() {
            self.drop_oldest();
        }
        self.shrink();
    }

    fn drop_oldest(&mut self) {
        if let Some(oldest) = self.entries.pop_front() {
            self.bytes -= oldest.size();
            self.own_bytes -= oldest.own_size();
        }
    }

    /// Makes room for one more entry. The capacity grows in steps of an eighth. If it doubled, the
    /// memory of a server would depend on whether each log has once passed a power of two.
    fn reserve_one(&mut self) {
        let count = self.entries.len();
        if count == self.entries.capacity() {
            self.entries.reserve_exact(count / 8 + 4);
        }
    }

    /// Frees the memory that a burst of entries needed.
    fn shrink(&mut self) {
        let count = self.entries.len();
        if self.entries.capacity() > count + count / 2 + 16 {
            self.entries.shrink_to(count + count / 4);
        }
    }

    /// Returns the entries after `position`, oldest first.
    ///
    /// # Errors
    /// [`Lost`] when entries after `position` have left the log: the caller cannot go on without a
    /// gap.
    pub fn after(&self, position: u64) -> Result<impl Iterator<Item = &Entry>, Lost> {
        if position < self.oldest_position() {
            return Err(Lost);
        }
        let skip = usize::try_from(position - self.oldest_position())
            .unwrap_or(usize::MAX)
            .min(self.entries.len());
        Ok(self.entries.range(skip..))
    }

    /// Returns the last `count` entries, oldest first.
    pub fn last(&self, count: usize) -> impl Iterator<Item = &Entry> {
        self.entries
            .range(self.entries.len().saturating_sub(count)..)
    }

    /// Returns the position before the oldest entry. A reader at this position can read all entries
    /// that are left.
    pub fn oldest_position(&self) -> u64 {
        self.end - self.entries.len() as u64
    }

    /// Returns the position before the last `count` entries that are kept for clients that were not
    /// listening.
    pub fn position_before_frames(&self, count: usize) -> u64 {
        let kept = self
            .entries
            .iter()
            .rev()
            .filter(|entry| entry.kept && entry.body.is_some());
        kept.take(count)
            .last()
            .map_or(self.end, |entry| entry.offset - 1)
    }

    /// Returns the message with this id, if the log still holds it and it was not deleted.
    pub fn message(&self, id: MessageId) -> Option<&Arc<Message>> {
        self.entries
            .iter()
            .rev()
            .find(|entry| entry.id == id && entry.message.is_some())
            .and_then(|entry| entry.message.as_ref())
    }

    /// Returns the message with this id and its offset, if the log still holds it and it was not
    /// deleted.
    pub fn find(&self, id: MessageId) -> Option<(u64, Arc<Message>)> {
        let mut entries = self.entries.iter().rev().filter(|entry| entry.id == id);
        entries.find_map(|entry| Some((entry.offset, entry.message.clone()?)))
    }

    /// Replaces the message that has the same id with its edited form. Returns the offset of its
    /// entry, or `None` if there is no such message.
    pub fn replace(&mut self, message: &Arc<Message>, body: EventBody) -> Option<u64> {
        self.change(message.uuid, |entry| {
            entry.body = Some(body);
            entry.message = Some(message.clone());
        })
    }

    /// Empties the entry of the message with this id, which keeps its offset. Returns the offset,
    /// or `None` if there is no such message.
    pub fn erase(&mut self, id: MessageId) -> Option<u64> {
        self.change(id, |entry| {
            entry.body = None;
            entry.message = None;
        })
    }

    /// Changes the entry of the message with this id. Returns its offset, or `None` if there is no
    /// such message.
    fn change(&mut self, id: MessageId, change: impl FnOnce(&mut Entry)) -> Option<u64> {
        let is_it = |entry: &&mut Entry| entry.id == id && entry.message.is_some();
        let entry = self.entries.iter_mut().rev().find(is_it)?;
        let (before, own_before) = (entry.size(), entry.own_size());
        change(entry);
        self.bytes = self.bytes + entry.size() - before;
        self.own_bytes = self.own_bytes + entry.own_size() - own_before;
        self.revision += 1;
        Some(entry.offset)
    }

    /// Adds to the collected changes that the entry at this offset was edited, or emptied if
    /// `message` is `None`. The log may already have dropped the entry while the history still
    /// holds it.
    pub fn note_rewrite(&mut self, offset: Option<u64>, message: Option<Arc<Message>>) {
        if let (Some(changes), Some(offset)) = (&mut self.changes, offset) {
            changes.rewritten.push(Rewrite { offset, message });
        }
    }
}
