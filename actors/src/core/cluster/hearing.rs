//! Whether the reader of the feed hears what there is to read.

use crate::core::cluster::call::FeedId;

/// The number of looks in a row at which a reader without progress counts as deaf.
const LOOKS: u32 = 3;

/// What a node knows of the progress of its reader. A reader may be connected to a server that gets
/// no more entries, because another one has become the primary. Then nothing tells it so.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Hearing {
    /// The last entry that was read. `None` before the reader has begun.
    read_to: Option<FeedId>,
    /// The number of looks that found more to read since the last progress.
    looks: u32,
}

impl Hearing {
    /// Notes up to where the feed was read.
    pub fn read(&mut self, id: FeedId) {
        self.read_to = Some(id);
        self.looks = 0;
    }

    /// Looks at the last entry of the feed. Returns whether the reader is deaf: it has made no
    /// progress for several looks, although there was something to read at each of them.
    pub fn look(&mut self, last: FeedId) -> bool {
        let is_behind = self.read_to.is_some_and(|read_to| read_to < last);
        self.looks = if is_behind { self.looks + 1 } else { 0 };
        self.is_deaf()
    }

    /// Returns whether the last look found that the reader is deaf.
    pub fn is_deaf(&self) -> bool {
        self.looks >= LOOKS
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::cluster::call::Term;

    #[test]
    fn a_reader_is_deaf_if_it_makes_no_progress_while_there_is_something() {
        let id = |number| (Term(1), number);
        let mut hearing = Hearing::default();
        assert!((0..9).all(|_| !hearing.look(id(1))), "it has not begun");
        hearing.read(id(1));
        assert!((0..9).all(|_| !hearing.look(id(1))), "nothing to read");
        let deaf: Vec<_> = (2..6).map(|last| hearing.look(id(last))).collect();
        assert_eq!(deaf, [false, false, true, true]);
        hearing.read(id(2));
        assert!(!hearing.look(id(9)), "it makes progress");
        assert!(!hearing.look((Term(2), 1)));
        assert!(hearing.look((Term(2), 1)), "a later term is more");
    }
}
