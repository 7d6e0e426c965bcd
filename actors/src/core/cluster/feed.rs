//! A node's place in the feed.

use crate::core::cluster::call::{FeedId, Term};
use crate::core::cluster::fed::Fed;

/// How far a node has read the feed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct FeedPlace {
    read_to: FeedId,
}

impl FeedPlace {
    /// Creates the place behind an entry.
    pub fn after(read_to: FeedId) -> Self {
        Self { read_to }
    }

    /// Returns the last entry that was read.
    pub fn read_to(self) -> FeedId {
        self.read_to
    }

    /// Notes that an entry was read; `None` for an entry that this version cannot read. Returns
    /// whether entries before it are missing, because Redis has trimmed the feed.
    pub fn read<E>(&mut self, id: FeedId, fed: Option<&Fed<E>>) -> bool {
        let (Term(term), number) = self.read_to;
        let is_next = match fed {
            // A term may begin before the place, if Redis has lost entries.
            Some(Fed::Fenced { kept }) => *kept <= self.read_to,
            _ => id == (Term(term), number + 1),
        };
        self.read_to = id;
        !is_next
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hole_is_noticed_within_a_term_and_between_two() {
        let fenced = |kept| Fed::<u64>::Fenced { kept };
        let mut place = FeedPlace::after((Term(1), 4));
        assert!(!place.read::<u64>((Term(1), 5), None));
        assert!(place.read((Term(1), 7), Some(&Fed::<u64>::Lost)));
        assert!(!place.read((Term(1), 8), Some(&Fed::<u64>::Lost)));
        let mut other = place;
        assert!(!place.read((Term(2), 1), Some(&fenced((Term(1), 8)))));
        assert!(other.read((Term(2), 1), Some(&fenced((Term(1), 9)))));
        // Redis has lost what was read last.
        assert!(!place.read((Term(3), 1), Some(&fenced((Term(1), 2)))));
        assert!(place.read((Term(4), 2), Some(&Fed::<u64>::Lost)));
    }
}
