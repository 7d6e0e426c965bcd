//! What a node knows of the feed, so that a loss in Redis is noticed.

use std::collections::BTreeMap;

use crate::core::cluster::call::{FeedId, Term};

/// The last entries of the feed that a node has read, or that the answers to its calls named.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Witness {
    /// The number of the last entry, by term.
    last: BTreeMap<Term, u64>,
}

impl Witness {
    /// Notes that the feed had an entry.
    pub fn saw(&mut self, (term, number): FeedId) {
        let last = self.last.entry(term).or_default();
        *last = number.max(*last);
    }

    /// Returns whether the node knows that the feed had an entry.
    pub fn knows(&self, (term, number): FeedId) -> bool {
        self.last.get(&term).is_some_and(|last| *last >= number)
    }

    /// Notes that a term has begun with an entry `Fenced`, before which `kept` is the last entry
    /// that Redis has. Returns whether Redis has lost entries that this node knows of.
    pub fn fenced(&mut self, term: Term, kept: FeedId) -> bool {
        let later = self.last.split_off(&term);
        let earlier = std::mem::replace(&mut self.last, later);
        let last = earlier.last_key_value();
        last.is_some_and(|(term, number)| (*term, *number) > kept)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loss_is_noticed_once_and_only_by_who_knows_more() {
        let mut witness = Witness::default();
        assert!(!witness.fenced(Term(1), (Term(0), 0)));
        witness.saw((Term(1), 7));
        witness.saw((Term(1), 5));
        // An answer of the new term may arrive before its entry `Fenced` is read.
        witness.saw((Term(2), 3));
        assert!(witness.clone().fenced(Term(2), (Term(1), 6)));
        assert!(!witness.clone().fenced(Term(2), (Term(1), 7)));
        assert!(witness.fenced(Term(2), (Term(0), 9)));
        assert!(!witness.fenced(Term(2), (Term(0), 9)));
        assert!(witness.fenced(Term(3), (Term(2), 2)));
    }
}
