//! What is wrong with a request, as a tree: `{field: [message, …]}` and its nested forms.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};

/// Messages of one place, or of the places inside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Errors {
    /// What is wrong here.
    Messages(Vec<String>),
    /// What is wrong in which part: field names, indexes, keys.
    Parts(BTreeMap<String, Errors>),
}

impl Errors {
    /// One message.
    pub fn message(text: impl Into<String>) -> Self {
        Self::Messages(vec![text.into()])
    }

    /// Nothing wrong so far.
    pub fn none() -> Self {
        Self::Parts(BTreeMap::new())
    }

    /// Wrong in one part.
    pub fn part(name: impl Into<String>, errors: Self) -> Self {
        let mut parts = Self::none();
        parts.add(name, errors);
        parts
    }

    /// A body or nested object that is none.
    pub fn schema(text: &str) -> Self {
        Self::part("_schema", Self::message(text))
    }

    /// Whether nothing is wrong.
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Messages(messages) => messages.is_empty(),
            Self::Parts(parts) => parts.is_empty(),
        }
    }

    /// Adds what is wrong in a part; messages of the same part stand together.
    pub fn add(&mut self, name: impl Into<String>, errors: Self) {
        let Self::Parts(parts) = self else { return };
        match (parts.entry(name.into()).or_insert_with(|| Self::Messages(Vec::new())), errors) {
            (Self::Messages(present), Self::Messages(more)) => present.extend(more),
            (present, errors) => *present = errors,
        }
    }

    /// Itself if anything is wrong.
    pub fn into_result(self) -> Result<(), Self> {
        if self.is_empty() { Ok(()) } else { Err(self) }
    }
}

impl Serialize for Errors {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Messages(messages) => messages.serialize(serializer),
            Self::Parts(parts) => parts.serialize(serializer),
        }
    }
}
