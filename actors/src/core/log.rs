//! The log: every event of a channel, or every private one of a user, numbered, for those who have
//! not read it yet.
//!
//! What people read back is [`history`](super::history); this is what catch-up, slow clients and
//! reconnects read.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use crate::core::route::Route;
use crate::error::Lost;
use crate::name::MessageId;
use crate::protocol::event::Body;
use crate::protocol::message::Message;
use crate::protocol::panel::{LogEntry, beginning};
use crate::protocol::timestamp::Moment;

/// The life of a numbering: random, born with the log. Positions of another epoch mean nothing.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Epoch(u64);

impl Epoch {
    /// A new one.
    pub fn random() -> Self {
        Self(uuid::Uuid::new_v4().as_u64_pair().0)
    }
}

impl From<u64> for Epoch {
    /// One that was told to a client.
    fn from(number: u64) -> Self {
        Self(number)
    }
}

impl From<Epoch> for u64 {
    fn from(Epoch(number): Epoch) -> Self {
        number
    }
}

/// One event.
#[derive(Clone, Debug)]
pub struct Entry {
    /// 1, 2, 3 …; given once.
    pub offset: u64,
    /// Who may see it.
    pub route: Route,
    /// Whether one who was not listening is shown it later. Off where the channel stores no frames.
    pub kept: bool,
    /// What clients read; `None` once the message was deleted.
    pub body: Option<Body>,
    id: MessageId,
    at: Moment,
    /// Present where the entry can be edited.
    message: Option<Arc<Message>>,
}

impl Entry {
    /// Returns how many bytes it holds.
    fn size(&self) -> usize {
        let body = self.body.as_ref().map_or(0, Body::len);
        size_of::<Self>()
            + body
            + self.route.size()
            + self.message.as_ref().map_or(0, |message| message.size())
    }

    /// Returns whether it is a message, and not an edit, a deletion or a change of presence or
    /// state.
    pub fn is_message(&self) -> bool {
        self.message.is_some()
    }

    /// The entry as an operator sees it.
    pub fn inspect(&self) -> LogEntry {
        let event = self.body.as_ref().map(|body| beginning(body.live()));
        LogEntry {
            offset: self.offset,
            at: self.at,
            kept: self.kept,
            route: self.route.clone(),
            event,
        }
    }
}

/// How much a log keeps.
#[derive(Clone, Copy, Debug)]
pub struct Retention {
    /// So many of the latest entries stay whatever their age: they are for connections that listen
    /// for the first time.
    pub frames: usize,
    /// Entries beyond these stay so long: as long as a connection may be away and come back.
    pub age: Duration,
    /// Never more than so many.
    pub length: usize,
    /// Never more bytes than this, of all that entries hold, but always one entry.
    pub bytes: usize,
}

/// What is to be logged.
#[derive(Debug)]
pub struct Record {
    /// Id of the event.
    pub id: MessageId,
    /// Who may see it.
    pub route: Route,
    /// Whether it is shown to who comes later.
    pub kept: bool,
    /// What clients read.
    pub body: Body,
    /// Where it is a message: the message, for later edits.
    pub message: Option<Arc<Message>>,
}

/// A bounded run of entries without holes: the offsets from the oldest to the end are all there.
#[derive(Debug)]
pub struct Log {
    epoch: Epoch,
    entries: VecDeque<Entry>,
    end: u64,
    bytes: usize,
    /// Grows with each edit and deletion.
    revision: u64,
    retention: Retention,
}

impl Log {
    /// An empty one.
    pub fn new(epoch: Epoch, retention: Retention) -> Self {
        Self {
            epoch,
            entries: VecDeque::new(),
            end: 0,
            bytes: 0,
            revision: 0,
            retention,
        }
    }

    /// The life of this numbering.
    pub fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// The offset of the latest entry; 0 before the first.
    pub fn end(&self) -> u64 {
        self.end
    }

    /// Returns a number that changes whenever an entry that was logged before changes.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// How many entries it holds.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Appends an event and drops what is beyond the retention.
    pub fn push(&mut self, record: Record, now: Moment) {
        self.end += 1;
        let Record {
            id,
            route,
            kept,
            body,
            message,
        } = record;
        let entry = Entry {
            offset: self.end,
            route,
            kept,
            body: Some(body),
            id,
            at: now,
            message,
        };
        self.bytes += entry.size();
        self.entries.push_back(entry);
        self.trim(now);
    }

    /// Drops what is beyond the retention.
    pub fn trim(&mut self, now: Moment) {
        while let Some(oldest) = self.entries.front() {
            let too_many = self.entries.len() > self.retention.length;
            let too_large = self.bytes > self.retention.bytes && self.entries.len() > 1;
            let too_old = self.entries.len() > self.retention.frames
                && now.since(oldest.at) > self.retention.age;
            if !(too_many || too_large || too_old) {
                break;
            }
            self.bytes -= oldest.size();
            self.entries.pop_front();
        }
        // A burst must not leave its room behind.
        if self.entries.capacity() > 4 * self.entries.len().max(16) {
            self.entries.shrink_to(2 * self.entries.len());
        }
    }

    /// The entries after `position`, oldest first. Nothing when there are none.
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

    /// The last `count` entries.
    pub fn last(&self, count: usize) -> impl Iterator<Item = &Entry> {
        self.entries
            .range(self.entries.len().saturating_sub(count)..)
    }

    /// The position before the oldest entry: who stands here can read all that is left.
    pub fn oldest_position(&self) -> u64 {
        self.end - self.entries.len() as u64
    }

    /// The position before the last `count` entries that are kept for late comers.
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

    /// The message with this id, if it is here and can be edited.
    pub fn message(&self, id: MessageId) -> Option<&Arc<Message>> {
        self.entries
            .iter()
            .rev()
            .find(|entry| entry.id == id && entry.message.is_some())
            .and_then(|entry| entry.message.as_ref())
    }

    /// Puts an edited message in the place of the one with its id.
    pub fn replace(&mut self, message: &Arc<Message>, body: Body) {
        self.change(message.uuid, |entry| {
            entry.body = Some(body);
            entry.message = Some(message.clone());
        });
    }

    /// Empties the entry of the message with this id; its offset stays taken.
    pub fn erase(&mut self, id: MessageId) {
        self.change(id, |entry| {
            entry.body = None;
            entry.message = None;
        });
    }

    fn change(&mut self, id: MessageId, change: impl FnOnce(&mut Entry)) {
        let is_it = |entry: &&mut Entry| entry.id == id && entry.message.is_some();
        if let Some(entry) = self.entries.iter_mut().rev().find(is_it) {
            let before = entry.size();
            change(entry);
            self.bytes = self.bytes + entry.size() - before;
            self.revision += 1;
        }
    }
}
