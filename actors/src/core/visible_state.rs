//! A user's state, and the part of it that others may see.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use crate::protocol::state::{Change, State, StateValue};

/// The values that a caller sets, by key.
pub type Values = BTreeMap<String, StateValue>;

/// The state of a user. The keys in `public_keys` say which values others may see.
#[derive(Debug, Default)]
pub struct VisibleState {
    state: State,
    public_keys: Vec<String>,
    /// The values under the public keys, made again after each change.
    public_state: State,
}

impl VisibleState {
    /// Creates a state again from what was kept of it.
    pub fn restore(state: State, public_keys: Vec<String>) -> Self {
        let mut restored = Self {
            state,
            public_keys,
            public_state: State::default(),
        };
        restored.update_public_state();
        restored
    }

    /// Returns the whole state.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Returns what others may see of it.
    pub fn public_state(&self) -> &State {
        &self.public_state
    }

    /// Returns the keys that others may see.
    pub fn public_keys(&self) -> &[String] {
        &self.public_keys
    }

    /// Sets values, and the public keys where they are given. Returns the values that changed, and
    /// whether the keys did.
    pub fn set(&mut self, values: Values, public_keys: Option<Vec<String>>) -> (Vec<Change>, bool) {
        let changed = self.set_values(values);
        let has_new_keys = public_keys
            .as_ref()
            .is_some_and(|keys| *keys != self.public_keys);
        if let Some(keys) = public_keys.filter(|_| has_new_keys) {
            self.public_keys = keys;
        }
        if !changed.is_empty() || has_new_keys {
            self.update_public_state();
        }
        (changed, has_new_keys)
    }

    /// Sets values and returns those that changed. Null for a key that is not set is no change and
    /// sets nothing (`protocol.md` §5).
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

    fn update_public_state(&mut self) {
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
    }
}
