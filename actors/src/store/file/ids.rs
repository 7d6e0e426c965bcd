//! The row ids of channels and users in the tables.

use std::collections::HashMap;
use std::hash::Hash;

/// The row ids of channels or users in the tables.
#[derive(Debug)]
pub(super) struct Ids<N> {
    ids: HashMap<N, Known>,
    next: i64,
    /// The logs whose old rows may be deleted, by row id. The values are the offsets up to which
    /// neither the log nor the history needs them.
    pub(super) untrimmed: HashMap<i64, (u64, u64)>,
}

/// A channel or user that is in the tables.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known {
    id: i64,
    /// The starts of the log and of the history up to which rows were last deleted, or are about to
    /// be deleted.
    trimmed: (u64, u64),
}

impl<N> Default for Ids<N> {
    fn default() -> Self {
        Self {
            ids: HashMap::new(),
            next: 1,
            untrimmed: HashMap::new(),
        }
    }
}

impl<N: Hash + Eq + Clone> Ids<N> {
    /// Notes the row id of a channel or user that was read from its table.
    pub(super) fn insert(&mut self, name: N, id: i64) {
        self.next = self.next.max(id.saturating_add(1));
        let trimmed = (0, 0);
        self.ids.insert(name, Known { id, trimmed });
    }

    /// Returns the row id of a channel or user, or gives it a new one. An id is given only once, so
    /// it does not matter whether the transaction succeeds for which it was given.
    pub(super) fn get_or_add(&mut self, name: &N) -> i64 {
        if let Some(known) = self.ids.get(name) {
            return known.id;
        }
        let id = self.next;
        self.insert(name.clone(), id);
        id
    }

    /// Notes the present starts of a log and its history. Returns whether they have moved, so that
    /// rows may have to be deleted.
    pub(super) fn update_starts(&mut self, name: &N, starts: (u64, u64)) -> bool {
        let known = self.ids.get_mut(name);
        known.is_some_and(|known| std::mem::replace(&mut known.trimmed, starts) != starts)
    }

    pub(super) fn forget_all(&mut self) {
        self.ids.clear();
        self.untrimmed.clear();
    }

    /// Returns whether a channel or user may be in its table.
    pub(super) fn contains(&self, name: &N) -> bool {
        self.ids.contains_key(name)
    }

    /// Forgets a channel or user that was removed from its table.
    pub(super) fn remove(&mut self, name: &N) {
        self.ids.remove(name);
    }
}
