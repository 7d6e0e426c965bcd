//! A node's copy of a log, which follows the feed.

use crate::core::cluster::call::FeedId;
use crate::core::log::{Located, locate};
use crate::core::record::LogState;
use crate::position::{Epoch, Position};

/// How far a node's copy of a log goes.
///
/// A copy that was just read may be ahead of the feed that the node has read. It is not used before
/// the node has come as far: the node may not know yet that a client has left the channel.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Follower {
    /// The numbering of the copy; `None` before the log was read.
    log: Option<LogState>,
    /// The first epoch since which no entry was lost.
    whole_since: Option<Epoch>,
    /// The last entry of the feed when the log was read.
    read_at: FeedId,
    /// The entry of the feed that the log must not be read before.
    not_before: FeedId,
}

/// What to do with an entry of the feed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Follow {
    /// Append it to the copy.
    Append,
    /// Nothing: the copy has it.
    Skip,
    /// Read the log anew.
    Load,
}

impl Follower {
    /// Creates a follower that has to read the log first.
    pub fn new() -> Self {
        Self::default()
    }

    /// Decides what to do with an entry of the feed that appends to the log.
    pub fn follow(&mut self, id: FeedId, (epoch, offset): Position) -> Follow {
        if !self.must_load() {
            if id <= self.read_at {
                return Follow::Skip;
            }
            if let Some(log) = &mut self.log
                && log.epoch == epoch
                && offset == log.end + 1
            {
                log.end = offset;
                return Follow::Append;
            }
        }
        self.distrust(id);
        Follow::Load
    }

    /// Decides whether to apply an entry of the feed that changes something else than the log.
    pub fn is_news(&mut self, id: FeedId) -> bool {
        if self.must_load() {
            self.distrust(id);
            return false;
        }
        id > self.read_at
    }

    /// Notes that the log must be read anew, not before this entry of the feed.
    pub fn distrust(&mut self, id: FeedId) {
        self.not_before = id.max(self.not_before);
    }

    /// Notes that the log must be read anew by a node that has read the feed up to this entry.
    pub fn read_anew(&mut self, read_to: FeedId) {
        self.log = None;
        self.distrust(read_to);
    }

    /// Notes that the log was read. `read_at` was the last entry of the feed then.
    pub fn loaded(&mut self, log: LogState, whole_since: Epoch, read_at: FeedId) {
        self.log = Some(log);
        self.whole_since = Some(whole_since);
        self.read_at = read_at;
    }

    /// Returns whether the log must be read.
    pub fn must_load(&self) -> bool {
        self.log.is_none() || self.read_at < self.not_before
    }

    /// Returns the numbering of the copy, for a node that has read the feed up to this entry;
    /// `None` if the copy must not be used now.
    pub fn log(&self, read_to: FeedId) -> Option<&LogState> {
        let is_usable = !self.must_load() && self.read_at <= read_to;
        self.log.as_ref().filter(|_| is_usable)
    }

    /// Returns what a client's position means in this log; `None` if it is of another log, or the
    /// log was not read yet.
    pub fn locate(&self, position: Position) -> Option<Located> {
        let log = self.log.as_ref()?;
        match locate(log.epoch, &log.former, position)? {
            Located::Before(offset) if Some(position.0) < self.whole_since => {
                Some(Located::Beyond(offset))
            }
            located => Some(located),
        }
    }
}
