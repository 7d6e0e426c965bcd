//! Takes an object apart by its table, and collects all that is wrong with it. Keys that the table
//! does not name are ignored.

use std::borrow::Cow;
use std::fmt;

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer as _};
use serde_json::value::RawValue;

use super::body::Facts;
use super::errors::{Errors, Kind};
use super::fields::{Field, Fields, Mention, NULL, REQUIRED};
use super::rules::Rule;

/// An object that is read.
#[derive(Debug)]
pub struct Reader<'a> {
    entries: Vec<(Cow<'a, str>, &'a RawValue)>,
    facts: &'a Facts,
    errors: Errors,
    mentions: Vec<(&'static str, Mention)>,
}

impl<'a> Reader<'a> {
    /// Takes the object apart.
    ///
    /// # Errors
    /// Returns `_schema` when the value is not an object.
    pub fn new(value: &'a RawValue, facts: &'a Facts) -> Result<Self, Errors> {
        let entries = entries(value).ok_or_else(|| Errors::not_an_object(value))?;
        Ok(Self {
            entries,
            facts,
            errors: Errors::none(),
            mentions: Vec::new(),
        })
    }

    /// Of a repeated key the last counts.
    fn find(&self, name: &str) -> Option<&'a RawValue> {
        self.entries
            .iter()
            .rev()
            .find(|(key, _)| key == name)
            .map(|(_, value)| *value)
    }

    fn note<T>(&mut self, name: &'static str, result: Result<T, Errors>) -> Option<T> {
        result.map_err(|errors| self.errors.add(name, errors)).ok()
    }

    /// Returns what was found wrong, and what is still to be looked up.
    pub fn into_findings(self) -> (Errors, Vec<(&'static str, Mention)>) {
        (self.errors, self.mentions)
    }
}

impl Fields for Reader<'_> {
    fn facts(&self) -> &Facts {
        self.facts
    }

    fn required_or<T>(
        &mut self,
        field: Field,
        rule: impl Rule<T>,
        missing: &'static str,
    ) -> Option<T> {
        match self.find(field.name) {
            Some(value) => self.note(field.name, not_null(value, &rule)),
            None => self.note(field.name, Err(Errors::missing(field.name, missing))),
        }
    }

    fn or_else<T>(
        &mut self,
        field: Field,
        rule: impl Rule<T>,
        absent: impl FnOnce(&Facts) -> Result<T, Errors>,
    ) -> Option<T> {
        match self.find(field.name) {
            Some(value) => self.note(field.name, not_null(value, &rule)),
            None => self.note(field.name, absent(self.facts)),
        }
    }

    fn nullable<T>(&mut self, field: Field, rule: impl Rule<T>) -> Option<Option<T>> {
        match self.find(field.name) {
            Some(value) if !is_null(value) => self.note(field.name, rule.read(value).map(Some)),
            _ => Some(None),
        }
    }

    fn either<T>(&mut self, newer: Field, older: Field, rule: impl Rule<T>) -> Option<T> {
        let is_older = self.find(newer.name).is_none() && self.find(older.name).is_some();
        self.required_or(if is_older { older } else { newer }, rule, REQUIRED)
    }

    fn mention(&mut self, name: &'static str, mention: Mention) {
        self.mentions.push((name, mention));
    }
}

/// Applies a rule to a value that may not be null.
///
/// # Errors
/// Returns those of the rule.
pub fn not_null<T>(value: &RawValue, rule: &impl Rule<T>) -> Result<T, Errors> {
    if is_null(value) {
        Err(Errors::message(NULL))
    } else {
        rule.read(value)
    }
}

/// Returns whether the value is `null`.
pub fn is_null(value: &RawValue) -> bool {
    Kind::of(value) == Kind::Null
}

/// Returns the keys and values of an object, as they stand there.
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

    serde_json::Deserializer::from_str(value.get())
        .deserialize_map(Entries)
        .ok()
}
