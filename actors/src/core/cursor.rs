//! The cursor of a subscriber: its place in a log.
//!
//! Every subscriber has a position, also while it is slow or away. The entries after the position
//! must still be sent to the subscriber. Three offsets say what became of the entries since its
//! latest transport began. They always keep this order:
//!
//! ```text
//! attached  <=  sent  <=  position  <=  end of the log
//! ```
//!
//! - `attached`: the offset where the transport began. The cursor goes back here if it is not known
//!   what the client has read.
//! - `sent`: the offset of the last entry that was queued on the transport.
//! - `position`: the offset of the last entry that was queued, or passed over because it is not for
//!   this subscriber.
//!
//! The position moves back only when a transport ends and its client has read less than was sent.

use crate::core::log::{Located, Log};
use crate::core::planted::{Fault, is_planted};

/// The number of a transport of a connection. A transport with a higher generation replaces one
/// with a lower generation.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Generation(u64);

impl Generation {
    /// Returns the generation of the transport that comes after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

/// The position up to which a client claims to have read, as its transport begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// The client brings no position.
    Nothing,
    /// The client has read up to this offset.
    Read(u64),
    /// The client has read up to this offset, since it polls again after it was answered. It has
    /// missed nothing if it left the channel and entered it again since then.
    Presumed(u64),
    /// The client has read up to this offset in a former epoch of the log.
    ReadBefore {
        /// The offset after which the client goes on.
        offset: u64,
        /// Whether the client has read beyond that offset. The later offsets now belong to other
        /// entries, and the client has missed those.
        is_beyond: bool,
    },
    /// The client brings positions of logs that no longer exist, and no position of this log. So it
    /// has missed entries that are lost.
    Foreign,
}

/// The conditions under which a transport begins.
#[derive(Clone, Copy, Debug)]
pub struct Beginning {
    /// The generation of the transport.
    pub generation: Generation,
    /// The position up to which the client claims to have read.
    pub claim: Claim,
    /// The offset up to which entries count as missed: the end of the log, or 0 if a connection
    /// that is already listening subscribes to one more channel.
    pub missed_up_to: u64,
    /// The number of latest entries that a subscriber is sent when it listens for the first time.
    pub frames: usize,
}

/// The next thing to send to a subscriber.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// The event `catchup:gap`: entries after `after`, up to and including `last`, are gone.
    Gap {
        /// The position of the client, before the gap; `None` if no position comes before it, since
        /// the log may have lost its very first entries.
        after: Option<u64>,
        /// The position behind the gap, where the remaining entries begin.
        last: u64,
    },
    /// The entries after `after`. Those up to `missed_up_to` are marked as caught up.
    Entries {
        /// The position before the first of the entries.
        after: u64,
        /// The offset of the last missed entry; zero if none of the entries counts as missed.
        missed_up_to: u64,
    },
    /// Nothing to send: all entries were sent, or no transport is attached.
    UpToDate,
    /// Delivery cannot go on without a gap: entries after the position have left the log.
    Lost,
}

/// A subscriber's place in a log.
#[derive(Clone, Debug)]
pub struct Cursor {
    /// The generation of the latest transport that began or ended. Only a transport with a higher
    /// generation may begin.
    generation: Generation,
    is_attached: bool,
    attached: u64,
    sent: u64,
    position: u64,
    /// True if entries between `attached` and `position` are gone and the gap has not been sent to
    /// the client yet.
    has_unsent_gap: bool,
    /// True if entries before `position` may be gone and it is not known whether the client has
    /// read the event for this gap.
    owes_gap: bool,
    /// The first position of the latest transport. If the transport began with a gap, this is the
    /// position behind the gap.
    gap_end: u64,
    missed_up_to: u64,
    /// True until the first transport begins.
    is_new: bool,
}

impl Cursor {
    /// Creates a cursor at the end of a log: its subscriber is sent the entries that are appended
    /// from now on.
    pub fn at_end(log: &Log) -> Self {
        let position = log.end();
        Self {
            generation: Generation::default(),
            is_attached: false,
            attached: position,
            sent: position,
            position,
            has_unsent_gap: false,
            owes_gap: false,
            gap_end: position,
            missed_up_to: 0,
            is_new: true,
        }
    }

    /// Creates the cursor of a subscriber that was at this position before a restart. `is_new` says
    /// that no transport of the subscriber has begun yet. `owes_gap` says that the client must be
    /// told that entries may be gone.
    pub fn restored(position: u64, is_new: bool, owes_gap: bool) -> Self {
        Self {
            generation: Generation::default(),
            is_attached: false,
            attached: position,
            sent: position,
            position,
            has_unsent_gap: false,
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

    /// Returns the offset where the latest transport began. The client has read the entries up to
    /// this offset.
    pub fn attached(&self) -> u64 {
        self.attached
    }

    /// Returns the position. While no transport is attached, the client has read the entries up to
    /// this offset.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Returns whether the client must still be told of a gap: entries before the position may be
    /// gone, and the client may not have read the event that says so.
    pub fn owes_gap(&self) -> bool {
        self.owes_gap
    }

    /// Returns whether the client must be told of a gap next.
    pub fn has_unsent_gap(&self) -> bool {
        self.has_unsent_gap
    }

    /// Returns whether no transport has begun yet.
    pub fn is_new(&self) -> bool {
        self.is_new
    }

    /// Returns the generation of the latest transport that began or ended.
    pub fn generation(&self) -> Generation {
        self.generation
    }

    /// Returns whether all entries of the log were sent or passed over.
    pub fn has_all(&self, log: &Log) -> bool {
        self.position >= log.end()
    }

    /// Begins a transport: [`next`](Self::next) then returns the missed entries, and after them the
    /// entries that are appended from now on. Returns false, and changes nothing, if a transport of
    /// the same or a higher generation has already begun or ended.
    pub fn begin(&mut self, beginning: Beginning, log: &Log) -> bool {
        let Beginning {
            generation,
            claim,
            missed_up_to,
            frames,
        } = beginning;
        if generation <= self.generation {
            return false;
        }
        if self.is_attached && !is_planted(Fault::Takeover) {
            // The older transport has not reported, so it is not known what its client has read.
            self.rewind(None);
        }
        self.generation = generation;
        self.is_attached = true;
        let position = match claim {
            Claim::Read(read) | Claim::Presumed(read) => {
                // The client gets a position behind the owed gap only together with the gap or
                // later.
                self.owes_gap &= read < self.gap_end;
                self.position.max(read.min(log.end()))
            }
            Claim::ReadBefore { offset, .. } => self.position.max(offset.min(log.end())),
            Claim::Nothing | Claim::Foreign => self.position,
        };
        let oldest = log.oldest_position();
        // The place of a new subscriber begins where it subscribed. It cannot be sent the entries
        // between the client's claim and that place, so they are a gap.
        let missed_before = match claim {
            Claim::Read(read) | Claim::ReadBefore { offset: read, .. } => {
                self.is_new && read < self.position
            }
            Claim::Nothing | Claim::Presumed(_) | Claim::Foreign => false,
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
        self.has_unsent_gap = has_gap && !is_planted(Fault::Gap);
        self.missed_up_to = if is_planted(Fault::Mark) {
            self.position
        } else {
            self.position.max(missed_up_to)
        };
        true
    }

    /// Moves the cursor into another epoch of the log, in which its position means this. If entries
    /// were lost that the client has read, it goes back behind the entries that are left, and the
    /// client is told of a gap. If it is not known which of them the client has read, all of them
    /// come again. Everything that the log has by then is marked as caught up.
    pub fn relocate(&mut self, located: Option<Located>, log: &Log) {
        let (end, is_lost) = match located {
            Some(Located::Here(_) | Located::Before(_)) => (log.end(), false),
            Some(Located::Beyond(end)) => (end, true),
            None => (log.oldest_position(), true),
        };
        let oldest = log.oldest_position();
        // Entries may also be gone because this version cannot read them.
        let is_lost = is_lost || self.position.min(end) < oldest;
        self.position = self.position.min(end).max(oldest);
        self.sent = self.sent.min(self.position);
        self.attached = self.attached.min(self.sent);
        if is_lost {
            self.owes_gap = true;
            self.has_unsent_gap = self.is_attached;
            self.gap_end = self.position;
            self.attached = self.position;
            self.sent = self.position;
            self.missed_up_to = log.end();
        } else {
            self.missed_up_to = self.missed_up_to.min(log.end());
        }
    }

    /// Returns the next thing to send to the subscriber.
    pub fn next(&self, log: &Log) -> Next {
        if !self.is_attached {
            Next::UpToDate
        } else if self.position < log.oldest_position() {
            Next::Lost
        } else if self.has_unsent_gap {
            Next::Gap {
                after: self.attached.checked_sub(u64::from(self.owes_gap)),
                last: self.position,
            }
        } else if self.position == log.end() {
            Next::UpToDate
        } else {
            // Zero once all missed entries were sent: then all subscribers at this position can
            // share a batch.
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

    /// Notes that everything up to `last` was queued on the transport: a gap, if one was due, or
    /// the entries.
    pub fn sent(&mut self, last: u64) {
        self.has_unsent_gap = false;
        self.position = last + u64::from(is_planted(Fault::Position));
        self.sent = self.position;
    }

    /// Notes that the entries up to `last` were passed over, because they are not for this
    /// subscriber.
    pub fn passed(&mut self, last: u64) {
        self.position = last;
    }

    /// Ends a transport. `read` is the offset up to which its client has read; `None` if that is
    /// not known. Then the cursor goes back to where the transport began.
    pub fn end(&mut self, generation: Generation, read: Option<u64>) {
        if generation < self.generation {
            return;
        }
        if self.is_attached {
            self.rewind(read.filter(|_| generation == self.generation));
        }
        // The message that begins this transport may still be on its way. It must not take effect
        // then.
        self.generation = generation;
        self.is_attached = false;
    }

    fn rewind(&mut self, read: Option<u64>) {
        // The owed gap lies before `gap_end`, so a client that has read up to `gap_end` knows of
        // it.
        self.owes_gap &= self.has_unsent_gap || read.is_none_or(|read| read < self.gap_end);
        let read = read.unwrap_or(self.attached);
        if self.has_unsent_gap || self.owes_gap {
            self.position = self.attached;
        } else if read < self.sent && !is_planted(Fault::Report) {
            self.position = read.max(self.attached);
        }
        self.has_unsent_gap = false;
        self.attached = self.position;
        self.sent = self.position;
    }
}
