//! A node's copy of a log, which follows the feed.

use crate::core::log::{Located, locate};
use crate::core::record::LogState;
use crate::position::{Epoch, Position};

/// How far a node's copy of a log goes.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Follower {
    /// The numbering of the copy; `None` before the log was read.
    log: Option<LogState>,
    /// The first epoch since which no entry was lost.
    whole_since: Option<Epoch>,
    /// Whether the copy must be read anew.
    is_stale: bool,
    /// Whether a log that is being read now must be read once more.
    is_outdated: bool,
    /// The last entry that the feed had while the copy was stale.
    passed: Option<Position>,
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
        Self {
            is_stale: true,
            ..Self::default()
        }
    }

    /// Decides what to do with an entry of the feed.
    pub fn follow(&mut self, position: Position) -> Follow {
        let (epoch, offset) = position;
        if let Some(log) = &mut self.log
            && !self.is_stale
            && log.epoch == epoch
        {
            if offset <= log.end {
                return Follow::Skip;
            }
            if offset == log.end + 1 {
                log.end = offset;
                return Follow::Append;
            }
        }
        self.is_stale = true;
        self.passed = Some(position);
        Follow::Load
    }

    /// Notes that entries of the feed were missed, or that Redis may have lost some.
    pub fn distrust(&mut self) {
        (self.is_stale, self.is_outdated) = (true, true);
    }

    /// Notes that the log is being read.
    pub fn load(&mut self) {
        self.is_outdated = false;
    }

    /// Notes that the log was read. It stays stale if the node has lost its trust meanwhile, or the
    /// feed has had an entry that is not among those that were read.
    pub fn loaded(&mut self, log: LogState, whole_since: Epoch) {
        let is_missing = |position| match locate(log.epoch, &log.former, position) {
            Some(Located::Here(offset)) => offset > log.end,
            Some(Located::Before(_) | Located::Beyond(_)) => false,
            None => true,
        };
        self.is_stale = self.passed.take().is_some_and(is_missing) || self.is_outdated;
        self.log = Some(log);
        self.whole_since = Some(whole_since);
    }

    /// Returns the numbering of the copy; `None` if it must be read anew.
    pub fn log(&self) -> Option<&LogState> {
        self.log.as_ref().filter(|_| !self.is_stale)
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
