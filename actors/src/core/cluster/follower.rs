//! A node's copy of a log, which follows the feed.

use crate::core::cluster::call::Loaded;
use crate::core::log::{Located, locate};
use crate::core::record::FormerEpochs;
use crate::position::{Epoch, Position};

/// How far a node's copy of a log goes.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Follower {
    numbering: Option<Numbering>,
    /// Whether the copy must be read anew.
    is_stale: bool,
    /// The last entry that the feed had while the copy was stale.
    passed: Option<Position>,
}

/// The numbering of a log.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Numbering {
    epoch: Epoch,
    former: Vec<FormerEpochs>,
    end: u64,
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
        match &mut self.numbering {
            Some(numbering) if !self.is_stale && numbering.epoch == epoch => {
                if offset <= numbering.end {
                    return Follow::Skip;
                }
                if offset == numbering.end + 1 {
                    numbering.end = offset;
                    return Follow::Append;
                }
            }
            _ => {}
        }
        self.is_stale = true;
        self.passed = Some(position);
        Follow::Load
    }

    /// Notes that entries of the feed were missed, or that Redis may have lost some.
    pub fn distrust(&mut self) {
        self.is_stale = true;
    }

    /// Returns whether the log must be read anew.
    pub fn is_stale(&self) -> bool {
        self.is_stale
    }

    /// Notes that the log was read. It stays stale if the feed has had an entry meanwhile that is
    /// not among those that were read.
    pub fn loaded(&mut self, loaded: &Loaded) {
        let numbering = Numbering {
            epoch: loaded.epoch,
            former: loaded.former.clone(),
            end: loaded.start + loaded.entries.len() as u64,
        };
        let is_missing = self.passed.take().is_some_and(|(epoch, offset)| {
            match locate(numbering.epoch, &numbering.former, (epoch, offset)) {
                Some(Located::Here(offset)) => offset > numbering.end,
                Some(Located::Before(_) | Located::Beyond(_)) => false,
                None => true,
            }
        });
        self.numbering = Some(numbering);
        self.is_stale = is_missing;
    }

    /// Returns the position of the last entry; `None` if the log was not read yet.
    pub fn end(&self) -> Option<Position> {
        let numbering = self.numbering.as_ref()?;
        Some((numbering.epoch, numbering.end))
    }

    /// Returns what a client's position means in this log; `None` if it is of another log, or the
    /// log was not read yet.
    pub fn locate(&self, position: Position) -> Option<Located> {
        let numbering = self.numbering.as_ref()?;
        locate(numbering.epoch, &numbering.former, position)
    }
}
