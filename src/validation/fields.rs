//! Takes an object apart, key by key, and collects all that is wrong with it. Keys nobody asks for are ignored.

use std::borrow::Cow;
use std::fmt;

use channelstream_actors::name::{ConnId, UserName};
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer as _};
use serde_json::value::RawValue;

use super::errors::Errors;

/// Something named in a request that the broker must know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mention {
    /// A connection; else `Unknown connection`.
    Connection(ConnId),
    /// A user; else `Unknown user`.
    User(UserName),
}

/// An object under validation.
#[derive(Debug)]
pub struct Fields<'a> {
    entries: Vec<(Cow<'a, str>, &'a RawValue)>,
    errors: Errors,
    mentions: Vec<(&'static str, Mention)>,
}

/// A rule reads a value that is not null.
pub trait Rule<T>: FnOnce(&RawValue) -> Result<T, Errors> {}

impl<T, F: FnOnce(&RawValue) -> Result<T, Errors>> Rule<T> for F {}

const REQUIRED: &str = "Missing data for required field.";
const NULL: &str = "Field may not be null.";

impl<'a> Fields<'a> {
    /// Takes the object apart.
    ///
    /// # Errors
    /// `_schema` when it is no object.
    pub fn new(value: &'a RawValue) -> Result<Self, Errors> {
        let entries = entries(value).ok_or_else(|| Errors::schema("Invalid input type."))?;
        Ok(Self { entries, errors: Errors::none(), mentions: Vec::new() })
    }

    /// Of a repeated key the last counts.
    fn find(&self, name: &str) -> Option<&'a RawValue> {
        self.entries.iter().rev().find(|(key, _)| key == name).map(|(_, value)| *value)
    }

    /// Whether the key is there.
    pub fn has(&self, name: &str) -> bool {
        self.find(name).is_some()
    }

    /// A field that must be there. `None` when something is wrong with it; the error is noted.
    pub fn required<T>(&mut self, name: &'static str, rule: impl Rule<T>) -> Option<T> {
        match self.find(name) {
            Some(value) => self.note(name, not_null(value, rule)),
            None => self.fail(name, REQUIRED),
        }
    }

    /// A field that may be absent; then it is `default`. Null is not absent.
    pub fn or<T>(&mut self, name: &'static str, default: impl FnOnce() -> T, rule: impl Rule<T>) -> Option<T> {
        match self.find(name) {
            Some(value) => self.note(name, not_null(value, rule)),
            None => Some(default()),
        }
    }

    /// A field that may be absent.
    pub fn optional<T>(&mut self, name: &'static str, rule: impl Rule<T>) -> Option<Option<T>> {
        self.or(name, || None, |value| rule(value).map(Some))
    }

    /// A field that may be absent or null.
    pub fn nullable<T>(&mut self, name: &'static str, rule: impl Rule<T>) -> Option<Option<T>> {
        match self.find(name) {
            Some(value) if !is_null(value) => self.note(name, rule(value).map(Some)),
            _ => Some(None),
        }
    }

    /// A field of an older dialect or from elsewhere is wrong.
    pub fn fail<T>(&mut self, name: &'static str, message: &str) -> Option<T> {
        self.note(name, Err(Errors::message(message)))
    }

    /// The broker must know this; if not, the field is told so.
    pub fn mention(&mut self, name: &'static str, mention: Mention) {
        self.mentions.push((name, mention));
    }

    fn note<T>(&mut self, name: &'static str, result: Result<T, Errors>) -> Option<T> {
        result.map_err(|errors| self.errors.add(name, errors)).ok()
    }

    /// What was found wrong, and what is still to be looked up.
    pub fn into_findings(self) -> (Errors, Vec<(&'static str, Mention)>) {
        (self.errors, self.mentions)
    }
}

/// Applies a rule to a value that may not be null.
///
/// # Errors
/// Those of the rule.
pub fn not_null<T>(value: &RawValue, rule: impl Rule<T>) -> Result<T, Errors> {
    if is_null(value) { Err(Errors::message(NULL)) } else { rule(value) }
}

/// Whether it is `null`.
pub fn is_null(value: &RawValue) -> bool {
    value.get() == "null"
}

/// The keys and values of an object, as they stand there.
pub fn entries(value: &RawValue) -> Option<Vec<(Cow<'_, str>, &RawValue)>> {
    /// A key, which has to be copied only if characters in it are escaped.
    #[derive(Deserialize)]
    struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

    struct Entries;

    impl<'de> Visitor<'de> for Entries {
        type Value = Vec<(Cow<'de, str>, &'de RawValue)>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut entries = Vec::new();
            while let Some((Key(key), value)) = map.next_entry()? {
                entries.push((key, value));
            }
            Ok(entries)
        }
    }

    serde_json::Deserializer::from_str(value.get()).deserialize_map(Entries).ok()
}
