//! The count of the bytes that the server holds in memory, and the limit on them.
//!
//! The count has the bytes of messages, logs, histories and states, a fixed number for each actor,
//! place and socket, and the bytes of large bodies and answers while they are under way. The
//! resident size of the process is not used: an allocator gives memory back late and in parts, so
//! that size says little about how much could be freed.
//!
//! The bytes are of different kinds, which differ in what the server does when there are too many:
//!
//! - *passing* bytes, such as a body, are refused when they do not fit. An eighth of the limit is
//!   for these bytes only;
//! - *messages*, and the *entries* of logs and histories, are freed when logs and histories drop
//!   their oldest entries (`broker/trimming.rs`). That happens when less than that eighth is left,
//!   and publishing is refused meanwhile;
//! - *lasting* bytes, such as those of connections and states, cannot be freed. They may take at
//!   most three quarters of the limit, so trimming always makes room for messages.
//!
//! A message counts once, even if it is in several logs and histories.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};

use crate::error::Refused;
use crate::limits::LimitKind;

/// The number of bytes that a channel takes besides its entries.
pub(crate) const CHANNEL_BYTES: usize = 4 << 10;

/// The number of bytes that a user takes besides its private entries and its state.
pub(crate) const USER_BYTES: usize = 3 << 10;

/// The number of bytes that a connection takes besides its places.
pub(crate) const CONNECTION_BYTES: usize = 3 << 10;

/// The number of bytes that a channel takes in the list of those that a user's clients may join.
pub(crate) const GIVEN_BYTES: usize = 128;

/// The number of bytes that a place of a connection in a channel takes in the channel and in the
/// connection together.
pub(crate) const PLACE_BYTES: usize = 768;

/// The number of bytes that a value of a state takes besides its key and the value itself.
pub(crate) const STATE_VALUE_BYTES: usize = 128;

/// The number of bytes that an open socket takes.
pub const SOCKET_BYTES: usize = 16 << 10;

/// The counts of a broker's memory. Clones share them.
#[derive(Clone, Debug)]
pub struct Memory(Arc<MemoryState>);

#[derive(Debug, Default)]
struct MemoryState {
    messages: AtomicUsize,
    entries: AtomicUsize,
    lasting: AtomicUsize,
    passing: AtomicUsize,
    /// The bytes that logs hold, with the whole of each message. This number is only shown.
    logs: AtomicUsize,
    /// The same number for histories.
    histories: AtomicUsize,
    /// The largest number of bytes that may be counted.
    limit: usize,
    /// Whether too much was counted, and the count has not yet fallen clearly below the bound.
    is_full: AtomicBool,
    /// The number of times that logs and histories were trimmed because too much was counted.
    trims: AtomicU64,
}

/// The kind of bytes that are counted.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Message,
    Lasting,
    Passing,
}

/// A number of bytes that count until this value is dropped.
#[derive(Debug)]
pub struct HeldBytes {
    memory: Memory,
    kind: Kind,
    bytes: usize,
}

/// The numbers of bytes that an actor holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ActorBytes {
    /// The bytes of the actor's log, with the whole of each message.
    pub(crate) log: usize,
    /// The bytes of the actor's history, with the whole of each message.
    pub(crate) history: usize,
    /// The bytes of log and history without the bytes that are counted as messages.
    pub(crate) entries: usize,
    /// The bytes of everything else.
    pub(crate) lasting: usize,
}

/// The bytes that one actor holds. They count until this value is dropped.
#[derive(Debug)]
pub(crate) struct ActorMemory {
    memory: Memory,
    counted: ActorBytes,
}

impl Memory {
    /// Creates a count that may reach `limit` bytes; 0 means no limit.
    pub fn new(limit: usize) -> Self {
        Self(Arc::new(MemoryState {
            limit: if limit == 0 { usize::MAX } else { limit },
            ..MemoryState::default()
        }))
    }

    /// Returns the number of bytes that are counted.
    pub fn counted(&self) -> usize {
        self.kept() + self.0.passing.load(Relaxed)
    }

    /// Returns the number of bytes that all logs hold. A message counts in each log that has it.
    pub fn log_bytes(&self) -> usize {
        self.0.logs.load(Relaxed)
    }

    /// Returns the number of bytes that the histories of all channels hold. A message that is still
    /// in the log of its channel counts there as well.
    pub fn history_bytes(&self) -> usize {
        self.0.histories.load(Relaxed)
    }

    /// Returns the largest number of bytes that may be counted; `None` if there is no limit.
    pub fn limit(&self) -> Option<usize> {
        Some(self.0.limit).filter(|limit| *limit < usize::MAX)
    }

    /// Returns the number of times that logs and histories were trimmed because too much was
    /// counted.
    pub fn trims(&self) -> u64 {
        self.0.trims.load(Relaxed)
    }

    pub(crate) fn count_trim(&self) {
        self.0.trims.fetch_add(1, Relaxed);
    }

    /// Returns the number of bytes that are counted, without passing bytes.
    fn kept(&self) -> usize {
        let state = &self.0;
        [&state.messages, &state.entries, &state.lasting]
            .into_iter()
            .map(|count| count.load(Relaxed))
            .sum()
    }

    /// Returns the largest number of bytes that may be kept.
    fn most_kept(&self) -> usize {
        self.0.limit / 8 * 7
    }

    /// Returns whether messages are refused. They are refused from the moment when there is no room
    /// for them until 5 % of what may be kept is free.
    pub fn is_full(&self) -> bool {
        let is_full = &self.0.is_full;
        let (kept, most) = (self.kept(), self.most_kept());
        let was_full = is_full.load(Relaxed);
        let is = kept > most || (was_full && kept > most / 100 * 95);
        if is != was_full {
            is_full.store(is, Relaxed);
        }
        is
    }

    /// Returns the number of bytes that logs and histories must drop so that 10 % of what may be
    /// kept is free.
    pub(crate) fn excess(&self) -> usize {
        self.kept().saturating_sub(self.most_kept() / 100 * 90)
    }

    /// Checks that messages are accepted.
    ///
    /// # Errors
    /// Fails while the memory is full.
    pub(crate) fn accepts(&self) -> Result<(), Refused> {
        if self.is_full() { Err(FULL) } else { Ok(()) }
    }

    /// Returns whether there is room for more lasting bytes.
    pub fn has_room_for_lasting(&self) -> bool {
        self.0.lasting.load(Relaxed) <= self.0.limit / 4 * 3 && !self.is_full()
    }

    /// Counts the lasting bytes that a call may add, until the call ends.
    ///
    /// # Errors
    /// Fails when there is no room for more lasting bytes, or while the memory is full.
    pub(crate) fn reserve(&self, bytes: usize) -> Result<HeldBytes, Refused> {
        let reserved = self.hold_lasting(bytes);
        if self.has_room_for_lasting() {
            Ok(reserved)
        } else {
            Err(FULL)
        }
    }

    /// Begins to count the bytes that an actor holds. The actor reports each change.
    pub(crate) fn hold_for_actor(&self, now: ActorBytes) -> ActorMemory {
        let mut held = ActorMemory {
            memory: self.clone(),
            counted: ActorBytes::default(),
        };
        held.update(now);
        held
    }

    /// Counts the bytes of a message.
    pub(crate) fn hold_message(&self, bytes: usize) -> HeldBytes {
        self.hold(Kind::Message, bytes)
    }

    /// Counts lasting bytes, even if there is no room for them.
    pub fn hold_lasting(&self, bytes: usize) -> HeldBytes {
        self.hold(Kind::Lasting, bytes)
    }

    /// Begins to count passing bytes, from zero.
    pub fn hold_passing(&self) -> HeldBytes {
        self.hold(Kind::Passing, 0)
    }

    fn hold(&self, kind: Kind, bytes: usize) -> HeldBytes {
        let mut held = HeldBytes {
            memory: self.clone(),
            kind,
            bytes: 0,
        };
        held.set(bytes);
        held
    }
}

/// The refusal when there is no room.
const FULL: Refused = Refused::full(LimitKind::Memory);

/// Adds the difference between two numbers to a count.
fn change(count: &AtomicUsize, before: usize, now: usize) {
    if now > before {
        count.fetch_add(now - before, Relaxed);
    } else if now < before {
        count.fetch_sub(before - now, Relaxed);
    }
}

impl HeldBytes {
    /// Counts this many bytes from now on.
    pub(crate) fn set(&mut self, bytes: usize) {
        let state = &self.memory.0;
        let count = match self.kind {
            Kind::Message => &state.messages,
            Kind::Lasting => &state.lasting,
            Kind::Passing => &state.passing,
        };
        change(count, self.bytes, bytes);
        self.bytes = bytes;
    }

    /// Counts more bytes.
    pub(crate) fn add(&mut self, bytes: usize) {
        self.set(self.bytes.saturating_add(bytes));
    }

    /// Counts fewer bytes.
    pub(crate) fn remove(&mut self, bytes: usize) {
        self.set(self.bytes.saturating_sub(bytes));
    }

    /// Counts this many bytes from now on if there is room for them.
    ///
    /// # Errors
    /// Fails when there is no room. Then the count stays as it was.
    pub fn try_set(&mut self, bytes: usize) -> Result<(), Refused> {
        let before = self.bytes;
        self.set(bytes);
        if bytes > before && self.memory.counted() > self.memory.0.limit {
            self.set(before);
            return Err(FULL);
        }
        Ok(())
    }

    /// Returns the number of bytes that are counted.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }
}

impl Drop for HeldBytes {
    fn drop(&mut self) {
        self.set(0);
    }
}

impl ActorBytes {
    /// Returns the number of bytes that trimming can free.
    pub(crate) fn trimmable(self) -> usize {
        self.log + self.history
    }
}

impl ActorMemory {
    /// Counts the bytes of the actor from now on.
    pub(crate) fn update(&mut self, now: ActorBytes) {
        if now == self.counted {
            return;
        }
        let before = std::mem::replace(&mut self.counted, now);
        let state = &self.memory.0;
        change(&state.logs, before.log, now.log);
        change(&state.histories, before.history, now.history);
        change(&state.entries, before.entries, now.entries);
        change(&state.lasting, before.lasting, now.lasting);
    }
}

impl Drop for ActorMemory {
    fn drop(&mut self) {
        self.update(ActorBytes::default());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_full_above_seven_eighths_and_until_5_percent_are_free() {
        let memory = Memory::new(8000);
        let mut held = memory.hold_message(7000);
        assert!(!memory.is_full());
        held.set(7001);
        assert_eq!(memory.accepts(), Err(FULL));
        assert_eq!(memory.excess(), 701);
        held.set(6651);
        assert!(memory.is_full());
        held.set(6650);
        assert!(!memory.is_full());
        held.set(7000);
        assert!(!memory.is_full());
        let more = memory.hold_for_actor(ActorBytes {
            entries: 500,
            log: 3,
            history: 4,
            lasting: 0,
        });
        assert!(memory.is_full());
        assert_eq!((memory.log_bytes(), memory.history_bytes()), (3, 4));
        drop((held, more));
        assert_eq!((memory.is_full(), memory.counted()), (false, 0));
        assert_eq!((memory.log_bytes(), memory.history_bytes()), (0, 0));
    }

    #[test]
    fn lasting_bytes_take_at_most_three_quarters() {
        let memory = Memory::new(1000);
        let _actor = memory.hold_for_actor(ActorBytes {
            lasting: 700,
            ..ActorBytes::default()
        });
        let reserved = memory.reserve(50);
        assert!(reserved.is_ok() && memory.has_room_for_lasting());
        assert!(memory.reserve(1).is_err());
        assert_eq!(memory.accepts(), Ok(()));
        drop(reserved);
        assert!(memory.reserve(50).is_ok());
        assert_eq!(memory.counted(), 700);
    }

    #[test]
    fn passing_bytes_are_refused_and_do_not_make_memory_full() {
        let memory = Memory::new(1000);
        let _kept = memory.hold_message(800);
        let mut passing = memory.hold_passing();
        assert_eq!(passing.try_set(200), Ok(()));
        assert!(passing.try_set(201).is_err());
        assert_eq!((memory.counted(), memory.is_full()), (1000, false));
        assert_eq!(passing.try_set(10), Ok(()));
        drop(passing);
        assert_eq!(memory.counted(), 800);
    }

    #[test]
    fn memory_without_a_limit_is_never_full() {
        let memory = Memory::new(0);
        let _held = memory.hold_message(usize::MAX / 2);
        assert!(!memory.is_full() && memory.has_room_for_lasting());
        assert_eq!((memory.limit(), memory.excess()), (None, 0));
    }
}
