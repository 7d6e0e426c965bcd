//! Reads an object by its table, and collects all errors of the object. Keys that the table does
//! not name are ignored.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::errors::{Errors, REQUIRED};
use super::facts::{Facts, Lookup};
use super::fields::{Field, Fields};
use super::json::{entries, is_null, not_null};
use super::rule::Rule;

/// A reader of an object, with the errors that were found so far.
#[derive(Debug)]
pub struct BodyReader<'a> {
    entries: Vec<(Cow<'a, str>, &'a RawValue)>,
    facts: &'a Facts,
    errors: Errors,
    lookups: Vec<(&'static str, Lookup)>,
}

impl<'a> BodyReader<'a> {
    /// Creates a reader for an object.
    ///
    /// # Errors
    /// Returns an error under `_schema` if the value is not an object.
    pub fn new(value: &'a RawValue, facts: &'a Facts) -> Result<Self, Errors> {
        let entries = entries(value).ok_or_else(|| Errors::not_an_object(value))?;
        Ok(Self {
            entries,
            facts,
            errors: Errors::none(),
            lookups: Vec::new(),
        })
    }

    /// Returns the value of a key. If the key is repeated, the last value is used.
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

    /// Returns the errors that were found, and the lookups that are left to the broker.
    pub fn into_findings(self) -> (Errors, Vec<(&'static str, Lookup)>) {
        (self.errors, self.lookups)
    }
}

impl Fields for BodyReader<'_> {
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

    fn nullable<T>(&mut self, field: Field, rule: impl Rule<T>) -> Option<T> {
        let value = self.find(field.name).filter(|value| !is_null(value))?;
        self.note(field.name, rule.read(value))
    }

    fn either<T>(&mut self, newer: Field, older: Field, rule: impl Rule<T>) -> Option<T> {
        let is_older = self.find(newer.name).is_none() && self.find(older.name).is_some();
        self.required_or(if is_older { older } else { newer }, rule, REQUIRED)
    }

    fn look_up(&mut self, name: &'static str, lookup: Lookup) {
        self.lookups.push((name, lookup));
    }
}
