//! What the server holds in memory, as far as it is counted, and how much it may be.
//!
//! Counted are the bytes of messages, logs, histories and states, a fixed sum for each actor, place
//! and socket, and large bodies and answers while they are under way. The resident size is not
//! looked at: an allocator gives memory back late and in parts, so that size says little about what
//! could be freed.
//!
//! What is counted falls into kinds, by what can be done when there is too much of it:
//!
//! - what is *passing*, such as a body, is refused itself where it does not fit. An eighth of the
//!   limit is for this only;
//! - *messages*, and the *entries* of logs and histories, go when logs and histories lose their oldest
//!   (`broker/trimming.rs`). That happens when less than that eighth is left, and publishing is
//!   refused meanwhile;
//! - what is *lasting*, such as connections and states, cannot be given up, so it may take three
//!   quarters of the limit only: trimming always makes room for messages.
//!
//! A message counts once, in however many logs and histories it is.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};

use crate::error::Refused;
use crate::limits::LimitKind;

/// What a channel takes besides its entries, in bytes.
pub(crate) const CHANNEL: usize = 4 << 10;

/// What a user takes besides its private entries and its state, in bytes.
pub(crate) const USER: usize = 3 << 10;

/// What a connection takes besides its places, in bytes.
pub(crate) const CONNECTION: usize = 3 << 10;

/// What a place of a connection in a channel takes on both sides, in bytes.
pub(crate) const PLACE: usize = 768;

/// What a value of a state takes besides its key and itself, in bytes.
pub(crate) const STATE_VALUE: usize = 128;

/// What an open socket takes, in bytes.
pub const SOCKET: usize = 16 << 10;

/// The memory of a broker. A clone shares it.
#[derive(Clone, Debug)]
pub struct Memory(Arc<MemoryState>);

#[derive(Debug, Default)]
struct MemoryState {
    messages: AtomicUsize,
    entries: AtomicUsize,
    lasting: AtomicUsize,
    passing: AtomicUsize,
    /// What logs hold, with all of each message. It is shown only.
    logs: AtomicUsize,
    /// The same for histories.
    histories: AtomicUsize,
    /// How much may be counted.
    limit: usize,
    /// Whether it was too much, and is not yet clearly less again.
    is_full: AtomicBool,
    /// How often logs and histories were trimmed because it was too much.
    trims: AtomicU64,
}

/// What bytes are counted as.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Message,
    Lasting,
    Passing,
}

/// Bytes that count until this is dropped.
#[derive(Debug)]
pub struct HeldBytes {
    memory: Memory,
    kind: Kind,
    bytes: usize,
}

/// How many bytes an actor holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ActorBytes {
    /// The bytes of its log, with all of each message.
    pub(crate) log: usize,
    /// The bytes of its history, with all of each message.
    pub(crate) history: usize,
    /// The bytes of log and history without what is counted with messages.
    pub(crate) entries: usize,
    /// The bytes of everything else.
    pub(crate) lasting: usize,
}

/// The bytes that one actor holds. They count until this is dropped.
#[derive(Debug)]
pub(crate) struct ActorMemory {
    memory: Memory,
    counted: ActorBytes,
}

impl Memory {
    /// Creates a count that may reach `limit` bytes; 0 stands for any number.
    pub fn new(limit: usize) -> Self {
        Self(Arc::new(MemoryState {
            limit: if limit == 0 { usize::MAX } else { limit },
            ..MemoryState::default()
        }))
    }

    /// Returns how many bytes are counted.
    pub fn counted(&self) -> usize {
        self.kept() + self.0.passing.load(Relaxed)
    }

    /// Returns how many bytes all logs hold. A message counts in each of them.
    pub fn log_bytes(&self) -> usize {
        self.0.logs.load(Relaxed)
    }

    /// Returns how many bytes the histories of all channels hold. A message that is still in the
    /// log of its channel counts there as well.
    pub fn history_bytes(&self) -> usize {
        self.0.histories.load(Relaxed)
    }

    /// Returns how many bytes may be counted; `None` for any number.
    pub fn limit(&self) -> Option<usize> {
        Some(self.0.limit).filter(|limit| *limit < usize::MAX)
    }

    /// Returns how often logs and histories were trimmed because too much was counted.
    pub fn trims(&self) -> u64 {
        self.0.trims.load(Relaxed)
    }

    pub(crate) fn count_trim(&self) {
        self.0.trims.fetch_add(1, Relaxed);
    }

    /// Returns how many bytes are counted, without what passes.
    fn kept(&self) -> usize {
        let state = &self.0;
        [&state.messages, &state.entries, &state.lasting]
            .into_iter()
            .map(|count| count.load(Relaxed))
            .sum()
    }

    /// Returns how many bytes may be kept.
    fn most_kept(&self) -> usize {
        self.0.limit / 8 * 7
    }

    /// Returns whether no messages are taken: from when there was no room for them until 5 % of
    /// what may be kept is free.
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

    /// Returns how many bytes of logs and histories are too much: after as many are dropped, 10 % of
    /// what may be kept is free.
    pub(crate) fn excess(&self) -> usize {
        self.kept().saturating_sub(self.most_kept() / 100 * 90)
    }

    /// Checks whether messages are taken.
    ///
    /// # Errors
    /// Fails while the memory is full.
    pub(crate) fn accepts(&self) -> Result<(), Refused> {
        if self.is_full() { Err(FULL) } else { Ok(()) }
    }

    /// Returns whether there may be more of what is lasting.
    pub fn has_room_to_last(&self) -> bool {
        self.0.lasting.load(Relaxed) <= self.0.limit / 4 * 3 && !self.is_full()
    }

    /// Counts what a call may add to what is lasting, until its end.
    ///
    /// # Errors
    /// Fails when that would be too much, or while the memory is full.
    pub(crate) fn reserve(&self, bytes: usize) -> Result<HeldBytes, Refused> {
        let reserved = self.last(bytes);
        if self.has_room_to_last() {
            Ok(reserved)
        } else {
            Err(FULL)
        }
    }

    /// Counts what an actor holds, as it tells of it.
    pub(crate) fn of_actor(&self, now: ActorBytes) -> ActorMemory {
        let mut held = ActorMemory {
            memory: self.clone(),
            counted: ActorBytes::default(),
        };
        held.tell(now);
        held
    }

    /// Counts a message.
    pub(crate) fn keep(&self, bytes: usize) -> HeldBytes {
        self.hold(Kind::Message, bytes)
    }

    /// Counts lasting bytes, in any case.
    pub fn last(&self, bytes: usize) -> HeldBytes {
        self.hold(Kind::Lasting, bytes)
    }

    /// Begins to count something that passes.
    pub fn pass(&self) -> HeldBytes {
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

/// The answer when there is no room.
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
    /// Fails when there is none. Then the number is what it was.
    pub fn try_set(&mut self, bytes: usize) -> Result<(), Refused> {
        let before = self.bytes;
        self.set(bytes);
        if bytes > before && self.memory.counted() > self.memory.0.limit {
            self.set(before);
            return Err(FULL);
        }
        Ok(())
    }

    /// Returns how many bytes are counted.
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
    /// Returns how many bytes can be given up.
    pub(crate) fn trimmable(self) -> usize {
        self.log + self.history
    }
}

impl ActorMemory {
    /// Counts the bytes of the actor from now on.
    pub(crate) fn tell(&mut self, now: ActorBytes) {
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
        self.tell(ActorBytes::default());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_full_with_more_than_seven_eighths_and_until_5_percent_of_them_are_free() {
        let memory = Memory::new(8000);
        let mut held = memory.keep(7000);
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
        let more = memory.of_actor(ActorBytes {
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
    fn what_lasts_takes_three_quarters_at_most() {
        let memory = Memory::new(1000);
        let _actor = memory.of_actor(ActorBytes {
            lasting: 700,
            ..ActorBytes::default()
        });
        let reserved = memory.reserve(50);
        assert!(reserved.is_ok() && memory.has_room_to_last());
        assert!(memory.reserve(1).is_err());
        assert_eq!(memory.accepts(), Ok(()));
        drop(reserved);
        assert!(memory.reserve(50).is_ok());
        assert_eq!(memory.counted(), 700);
    }

    #[test]
    fn what_passes_is_refused_itself_and_fills_nothing() {
        let memory = Memory::new(1000);
        let _kept = memory.keep(800);
        let mut passing = memory.pass();
        assert_eq!(passing.try_set(200), Ok(()));
        assert!(passing.try_set(201).is_err());
        assert_eq!((memory.counted(), memory.is_full()), (1000, false));
        assert_eq!(passing.try_set(10), Ok(()));
        drop(passing);
        assert_eq!(memory.counted(), 800);
    }

    #[test]
    fn without_a_limit_it_is_never_full() {
        let memory = Memory::new(0);
        let _held = memory.keep(usize::MAX / 2);
        assert!(!memory.is_full() && memory.has_room_to_last());
        assert_eq!((memory.limit(), memory.excess()), (None, 0));
    }
}
