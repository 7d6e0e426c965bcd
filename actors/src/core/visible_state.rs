//! A user's state, and the part of it that others may see.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use crate::limits::{LimitReached, StateBounds};
use crate::memory::STATE_VALUE_BYTES;
use crate::protocol::state::{Change, State, StateValue};

/// The values that a caller sets, by key.
pub type Values = BTreeMap<String, StateValue>;

/// The state of a user. Others may see the values whose keys are in `public_keys`.
#[derive(Debug, Default)]
pub struct VisibleState {
    state: State,
    public_keys: Vec<String>,
    /// The values of the public keys, rebuilt after each change.
    public_state: State,
    /// The approximate number of bytes that the state, its public part and the public keys take.
    size: usize,
}

impl VisibleState {
    /// Restores a state from the store.
    pub fn restore(state: State, public_keys: Vec<String>) -> Self {
        let mut restored = Self {
            state,
            public_keys,
            ..Self::default()
        };
        restored.update();
        restored
    }

    /// Returns the whole state.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Returns the part of the state that others may see.
    pub fn public_state(&self) -> &State {
        &self.public_state
    }

    /// Returns the keys that others may see.
    pub fn public_keys(&self) -> &[String] {
        &self.public_keys
    }

    /// Returns the approximate number of bytes that the state, its public part and the public keys
    /// take.
    pub fn size(&self) -> usize {
        self.size
    }

    /// Checks the size that the state would have if these values were set, one map after the other.
    /// A state that does not grow passes even if it is beyond the limits: they may have been larger
    /// before.
    ///
    /// # Errors
    /// Fails when the state would be larger than its limits allow.
    pub fn check(&self, values: &[&Values], bounds: StateBounds) -> Result<(), LimitReached> {
        let keys: usize = values.iter().map(|values| values.len()).sum();
        let bytes: usize = values.iter().copied().map(size_of_values).sum();
        // A quick check first: most states are far from the limits, even if all keys were new.
        if bounds.keys.check(self.state.len() + keys).is_ok()
            && bounds.bytes.check(self.size + bytes).is_ok()
        {
            return Ok(());
        }
        let mut sizes: BTreeMap<&str, usize> = (self.state.iter())
            .map(|(key, value)| (key.as_str(), value.size()))
            .collect();
        let measure = |sizes: &BTreeMap<&str, usize>| {
            let bytes = sizes.iter().map(|(key, size)| key.len() + size).sum();
            (sizes.len(), bytes)
        };
        let before: (usize, usize) = measure(&sizes);
        for (key, value) in values.iter().copied().flatten() {
            if *value != StateValue::Null || sizes.contains_key(key.as_str()) {
                sizes.insert(key, value.size());
            }
        }
        let after = measure(&sizes);
        if after.0 > before.0 {
            bounds.keys.check(after.0)?;
        }
        if after.1 > before.1 {
            bounds.bytes.check(after.1)?;
        }
        Ok(())
    }

    /// Sets values, and the public keys if they are given. Returns the values that changed, and
    /// whether the public keys changed.
    pub fn set(&mut self, values: Values, public_keys: Option<Vec<String>>) -> (Vec<Change>, bool) {
        let changed = self.set_values(values);
        let has_new_keys = public_keys
            .as_ref()
            .is_some_and(|keys| *keys != self.public_keys);
        if let Some(keys) = public_keys.filter(|_| has_new_keys) {
            self.public_keys = keys;
        }
        if !changed.is_empty() || has_new_keys {
            self.update();
        }
        (changed, has_new_keys)
    }

    /// Sets values, and returns the values that changed. Null for a key that is not set is no
    /// change and sets nothing (`protocol.md` §5).
    fn set_values(&mut self, values: Values) -> Vec<Change> {
        let mut changed = Vec::new();
        for (key, value) in values {
            let is_change = match self.state.get(&key) {
                Some(present) => *present != value,
                None => value != StateValue::Null,
            };
            if is_change {
                Arc::make_mut(&mut self.state).insert(key.clone(), value.clone());
                changed.push(Change { key, value });
            }
        }
        changed
    }

    /// Computes the public state and the size again.
    fn update(&mut self) {
        let keys: HashSet<&str> = self.public_keys.iter().map(String::as_str).collect();
        let visible = self
            .state
            .iter()
            .filter(|(key, _)| keys.contains(key.as_str()));
        self.public_state = Arc::new(
            visible
                .map(|(key, value)| (key.clone(), value.clone()))
                .collect(),
        );
        let keys = self.public_keys.iter();
        let of_keys: usize = keys.map(|key| size_of::<String>() + key.len()).sum();
        self.size = size_of_values(&self.state) + size_of_values(&self.public_state) + of_keys;
    }
}

/// Returns the approximate number of bytes that values take in a state.
pub fn size_of_values(values: &Values) -> usize {
    let size = |(key, value): (&String, &StateValue)| STATE_VALUE_BYTES + key.len() + value.size();
    values.iter().map(size).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::{Bound, LimitKind};

    const BOUNDS: StateBounds = StateBounds {
        keys: Bound::new(LimitKind::StateKeys, 2),
        bytes: Bound::new(LimitKind::StateBytes, 10),
    };

    fn values(pairs: &[(&str, &str)]) -> Values {
        let value = |text: &str| StateValue::Text(text.into());
        (pairs.iter())
            .map(|(key, text)| ((*key).to_owned(), value(text)))
            .collect()
    }

    fn check(state: &VisibleState, pairs: &[(&str, &str)]) -> Option<LimitKind> {
        let checked = state.check(&[&values(pairs)], BOUNDS);
        checked.err().map(|reached| reached.kind())
    }

    #[test]
    fn existing_values_count_with_new_values() {
        let mut state = VisibleState::default();
        state.set(values(&[("a", "1234")]), None);
        assert_eq!(check(&state, &[("b", "1234")]), None);
        assert_eq!(
            check(&state, &[("b", "12345")]),
            Some(LimitKind::StateBytes)
        );
        assert_eq!(check(&state, &[("a", "123456789")]), None);
        assert_eq!(
            check(&state, &[("b", ""), ("c", "")]),
            Some(LimitKind::StateKeys)
        );
        let null = Values::from([("b".to_owned(), StateValue::Null)]);
        let more = values(&[("c", "")]);
        assert_eq!(state.check(&[&null, &more], BOUNDS), Ok(()));
    }

    #[test]
    fn an_oversized_state_may_shrink() {
        let mut state = VisibleState::default();
        state.set(values(&[("a", "1234567890"), ("b", ""), ("c", "")]), None);
        assert_eq!(check(&state, &[("a", "12345678")]), None);
        assert_eq!(check(&state, &[("b", "1")]), Some(LimitKind::StateBytes));
    }
}
