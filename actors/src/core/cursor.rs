//! The cursor of a subscriber: its place in a log.
//!
//! A subscriber that is new, slow, away or back has a position, and the entries after it are still
//! to be sent. Three offsets say what became of the entries since its latest transport began. They
//! always keep this order:
//!
//! ```text
//! attached  <=  sent  <=  position  <=  end of the log
//! ```
//!
//! - `attached`: where the transport began. The cursor goes back to here if nothing is known of
//!   what the client has read.
//! - `sent`: the last entry that was queued on the transport.
//! - `position`: the last entry that was queued, or passed over because it is not for this
//!   subscriber.
//!
//! The position moves back only when a transport ends and its client has read less than was sent.

use crate::core::log::Log;
use crate::core::planted::{Fault, has};

/// The number of a transport of a connection. Of two transports the one with the higher generation
/// wins.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Generation(u64);

impl Generation {
    /// Returns the generation of the transport that comes after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

/// What a client says that it has read of a log when its transport begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// The client brings no position.
    Nothing,
    /// The client has read up to this offset.
    Read(u64),
    /// The client has read up to this offset in a former epoch of the log.
    ReadBefore {
        /// The offset after which it goes on.
        offset: u64,
        /// Whether it has read more than that, so that it missed what has these offsets now.
        is_beyond: bool,
    },
    /// The client brings a position of logs that are gone, and it does not name this log. So it
    /// missed entries that nobody knows any more.
    Foreign,
}

/// How a transport begins.
#[derive(Clone, Copy, Debug)]
pub struct Beginning {
    /// The generation of the transport.
    pub generation: Generation,
    /// What the client says that it has read.
    pub claim: Claim,
    /// Whether entries that are in the log already count as missed. They do not where a connection
    /// that listens subscribes to one more channel.
    pub missed: bool,
    /// How many of the latest entries a subscriber gets that listens for the first time.
    pub frames: usize,
}

/// What a subscriber is to be sent next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// The event `catchup:gap`: entries after `after`, up to `last`, are gone.
    Gap {
        /// Where the client stands.
        after: u64,
        /// Where the entries begin that are left.
        last: u64,
    },
    /// The entries after `after`. Those up to `missed_up_to` are marked as caught up.
    Entries {
        /// The position before the first of the entries.
        after: u64,
        /// Zero where none of the entries counts as missed.
        missed_up_to: u64,
    },
    /// Nothing: all entries were sent, or no transport is attached.
    UpToDate,
    /// Nothing: entries after the position have left the log.
    Lost,
}

/// A subscriber's place in a log.
#[derive(Clone, Debug)]
pub struct Cursor {
    /// The generation of the latest transport that began or ended. Only a later one may begin.
    generation: Generation,
    is_attached: bool,
    attached: u64,
    sent: u64,
    position: u64,
    /// True while the client was not told that entries between `attached` and `position` are gone.
    has_untold_gap: bool,
    /// True while the client is not known to have heard that entries before `position` may be gone.
    owes_gap: bool,
    /// The position behind the gap that the latest transport began with, if it was told of one.
    gap_end: u64,
    missed_up_to: u64,
    /// True until a transport begins.
    is_new: bool,
}

impl Cursor {
    /// Creates a cursor at the end of a log: its subscriber is sent what comes from now on.
    pub fn at_end(log: &Log) -> Self {
        let position = log.end();
        Self {
            generation: Generation::default(),
            is_attached: false,
            attached: position,
            sent: position,
            position,
            has_untold_gap: false,
            owes_gap: false,
            gap_end: position,
            missed_up_to: 0,
            is_new: true,
        }
    }

    /// Creates the cursor of a subscriber that was at this position before a restart.
    /// `is_new` says that no transport has begun there, and `owes_gap` that it is told that entries
    /// may be gone.
    pub fn restored(position: u64, is_new: bool, owes_gap: bool) -> Self {
        Self {
            generation: Generation::default(),
            is_attached: false,
            attached: position,
            sent: position,
            position,
            has_untold_gap: false,
            owes_gap,
            gap_end: position,
            missed_up_to: 0,
            is_new,
        }
    }

    /// Returns the three offsets of the invariant: attached, sent, position.
    pub fn offsets(&self) -> [u64; 3] {
        [self.attached, self.sent, self.position]
    }

    /// Returns the offset where the latest transport began. Its client has read what comes before.
    pub fn attached(&self) -> u64 {
        self.attached
    }

    /// Returns the position. While no transport is attached, the client has read what comes before.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Returns whether the client is not known to have heard that entries before its position may be
    /// gone.
    pub fn owes_gap(&self) -> bool {
        self.owes_gap
    }

    /// Returns whether no transport has begun.
    pub fn is_new(&self) -> bool {
        self.is_new
    }

    /// Returns which transport began or ended last.
    pub fn generation(&self) -> Generation {
        self.generation
    }

    /// Returns whether all entries of the log were sent or passed over.
    pub fn has_all(&self, log: &Log) -> bool {
        self.position >= log.end()
    }

    /// Begins a transport. It is sent the entries that it missed, then those that are appended from
    /// now on. Returns false, and changes nothing, if a transport at least as young has begun or
    /// ended before.
    pub fn begin(&mut self, beginning: Beginning, log: &Log) -> bool {
        let Beginning {
            generation,
            claim,
            missed,
            frames,
        } = beginning;
        if generation <= self.generation {
            return false;
        }
        if self.is_attached && !has(Fault::Takeover) {
            // The older transport has not reported: nothing is known of what it was sent.
            self.rewind(None);
        }
        self.generation = generation;
        self.is_attached = true;
        let position = match claim {
            Claim::Read(read) => {
                // A position of this epoch comes with or after the gap that was owed.
                self.owes_gap &= read < self.gap_end;
                self.position.max(read.min(log.end()))
            }
            Claim::ReadBefore { offset, .. } => self.position.max(offset.min(log.end())),
            Claim::Nothing | Claim::Foreign => self.position,
        };
        let oldest = log.oldest_position();
        // The place of a new subscriber begins when it subscribes. What its client missed before is
        // out of its reach.
        let missed_before = match claim {
            Claim::Read(read) | Claim::ReadBefore { offset: read, .. } => {
                self.is_new && read < self.position
            }
            Claim::Nothing | Claim::Foreign => false,
        };
        let is_beyond = matches!(
            claim,
            Claim::ReadBefore {
                is_beyond: true,
                ..
            }
        );
        let has_gap = position < oldest
            || claim == Claim::Foreign
            || missed_before
            || is_beyond
            || self.owes_gap;
        self.attached = position;
        self.sent = position;
        self.position = position.max(oldest);
        if self.is_new && position >= oldest {
            self.position = position.max(log.position_before_frames(frames));
            self.attached = self.position;
            self.sent = self.position;
        }
        self.gap_end = self.position;
        self.is_new = false;
        self.has_untold_gap = has_gap && !has(Fault::Gap);
        self.missed_up_to = if missed && !has(Fault::Mark) {
            log.end()
        } else {
            self.position
        };
        true
    }

    /// Returns what is to be sent next.
    pub fn next(&self, log: &Log) -> Next {
        if !self.is_attached {
            Next::UpToDate
        } else if self.position < log.oldest_position() {
            Next::Lost
        } else if self.has_untold_gap {
            Next::Gap {
                after: self.attached.saturating_sub(u64::from(self.owes_gap)),
                last: self.position,
            }
        } else if self.position == log.end() {
            Next::UpToDate
        } else {
            // Beyond the end of what was missed the mark makes no difference, and all subscribers
            // there can share a list.
            let missed_up_to = if self.missed_up_to > self.position {
                self.missed_up_to
            } else {
                0
            };
            Next::Entries {
                after: self.position,
                missed_up_to,
            }
        }
    }

    /// Notes that everything up to `last` was queued on the transport: the gap before it, if there
    /// was one, and the entries.
    pub fn sent(&mut self, last: u64) {
        self.has_untold_gap = false;
        self.position = last + u64::from(has(Fault::Position));
        self.sent = self.position;
    }

    /// Notes that the entries up to `last` are not for this subscriber.
    pub fn passed(&mut self, last: u64) {
        self.position = last;
    }

    /// Ends a transport. `read` is the offset up to which its client has read; `None` if that is
    /// not known, so that the cursor goes back to where the transport began.
    pub fn end(&mut self, generation: Generation, read: Option<u64>) {
        if generation < self.generation {
            return;
        }
        if self.is_attached {
            self.rewind(read.filter(|_| generation == self.generation));
        }
        // The transport may still be on its way here; then it must not begin any more.
        self.generation = generation;
        self.is_attached = false;
    }

    fn rewind(&mut self, read: Option<u64>) {
        // The gap that is owed begins before `gap_end`, so a client has heard of it that has read up
        // to there.
        self.owes_gap &= self.has_untold_gap || read.is_none_or(|read| read < self.gap_end);
        let read = read.unwrap_or(self.attached);
        if self.has_untold_gap || self.owes_gap {
            self.position = self.attached;
        } else if read < self.sent && !has(Fault::Report) {
            self.position = read.max(self.attached);
        }
        self.has_untold_gap = false;
        self.attached = self.position;
        self.sent = self.position;
    }
}
