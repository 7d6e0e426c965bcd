//! The table of an object's fields: names, rules, defaults, descriptions and examples, in one
//! place.
//!
//! A [`Table`] is walked twice: by a [`BodyReader`](super::reader::BodyReader), which takes a body
//! apart, and by [`describe`](super::describer::describe), which writes the schema of the same
//! object. So the description of a request cannot say anything else than what is read.

use super::boolean::boolean;
use super::errors::{Errors, REQUIRED};
use super::facts::{Facts, Lookup};
use super::rule::Rule;

/// An object of a request.
pub trait Table {
    /// What the object is read into.
    type Value;

    /// What the object is, for the description.
    const ABOUT: &'static str;

    /// Goes through all fields. `None` when something is wrong with one of them, or when the fields
    /// are only described.
    fn walk(fields: &mut impl Fields) -> Option<Self::Value>;
}

/// A field of a [`Table`].
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// The key.
    pub name: &'static str,
    /// What the field is for, in whole sentences.
    pub about: &'static str,
    /// A value, as JSON.
    pub example: Option<&'static str>,
}

/// Names a field and says what it is for.
pub const fn field(name: &'static str, about: &'static str) -> Field {
    Field {
        name,
        about,
        example: None,
    }
}

impl Field {
    /// Adds a value, as JSON.
    pub const fn example(self, json: &'static str) -> Self {
        Self {
            example: Some(json),
            ..self
        }
    }
}

/// What walks through a table: one method for each kind of field. All return `None` when something
/// is wrong with the field.
pub trait Fields {
    /// What the rules may look at besides the body.
    fn facts(&self) -> &Facts;

    /// Walks over a field that must be there; `missing` is the message when it is not.
    fn required_or<T>(
        &mut self,
        field: Field,
        rule: impl Rule<T>,
        missing: &'static str,
    ) -> Option<T>;

    /// Walks over a field that may be absent; then `absent` gives the value or an error. Null is
    /// not absent.
    fn or_else<T>(
        &mut self,
        field: Field,
        rule: impl Rule<T>,
        absent: impl FnOnce(&Facts) -> Result<T, Errors>,
    ) -> Option<T>;

    /// Walks over a field that may be absent or null. A wrong value counts as absent: the error is
    /// noted, so no request comes of it.
    fn nullable<T>(&mut self, field: Field, rule: impl Rule<T>) -> Option<T>;

    /// Walks over a field that must be there under one of two names. The first counts when both are
    /// there.
    fn either<T>(&mut self, newer: Field, older: Field, rule: impl Rule<T>) -> Option<T>;

    /// Notes a name that the broker is asked about. If it does not exist, the field is wrong.
    fn look_up(&mut self, name: &'static str, lookup: Lookup);

    /// Walks over a field that must be there.
    fn required<T>(&mut self, field: Field, rule: impl Rule<T>) -> Option<T> {
        self.required_or(field, rule, REQUIRED)
    }

    /// Walks over a field that may be absent. A wrong value counts as absent: the error is noted,
    /// so no request comes of it.
    fn optional<T>(&mut self, field: Field, rule: impl Rule<T>) -> Option<T> {
        self.or_else(field, rule.map(Some), |_| Ok(None)).flatten()
    }

    /// Walks over a field that is empty when it is absent.
    fn or_empty<T: Default>(&mut self, field: Field, rule: impl Rule<T>) -> Option<T> {
        self.or_else(field, rule, |_| Ok(T::default()))
    }

    /// Walks over a boolean that is `default` when it is absent.
    fn flag(&mut self, field: Field, default: bool) -> Option<bool> {
        self.or_else(field, boolean(default), |_| Ok(default))
    }
}
