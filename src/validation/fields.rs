//! The table of an object's fields: names, rules, defaults, descriptions and examples, in one
//! place.
//!
//! A [`Table`] is used twice: a [`BodyReader`](super::reader::BodyReader) reads a body by it, and
//! [`describe`](super::describer::describe) writes the schema of the same object. The description
//! of a request therefore always agrees with the fields that are read.

use super::boolean::boolean;
use super::errors::{Errors, REQUIRED};
use super::facts::{Facts, Lookup};
use super::rule::Rule;

/// An object of a request, as a table of its fields.
pub trait Table {
    /// The type that the object is read into.
    type Value;

    /// The meaning of the object, for the description.
    const ABOUT: &'static str;

    /// Visits all fields. Returns `None` if one of them is wrong, or if the fields are only
    /// described.
    fn visit_fields(fields: &mut impl Fields) -> Option<Self::Value>;
}

/// A field of a [`Table`].
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// The key.
    pub name: &'static str,
    /// The meaning of the field, in whole sentences.
    pub about: &'static str,
    /// An example of a value, as JSON.
    pub example: Option<&'static str>,
}

/// Creates a field with its name and its meaning.
pub const fn field(name: &'static str, about: &'static str) -> Field {
    Field {
        name,
        about,
        example: None,
    }
}

impl Field {
    /// Adds an example of a value, as JSON.
    pub const fn example(self, json: &'static str) -> Self {
        Self {
            example: Some(json),
            ..self
        }
    }
}

/// A visitor of a table's fields, with one method for each kind of field. Each method returns
/// `None` if the field is wrong.
pub trait Fields {
    /// Returns the facts that the rules may use besides the body.
    fn facts(&self) -> &Facts;

    /// Visits a required field. `missing` is the message if the field is absent.
    fn required_or<T>(
        &mut self,
        field: Field,
        rule: impl Rule<T>,
        missing: &'static str,
    ) -> Option<T>;

    /// Visits a field that may be absent. If it is absent, `absent` returns the value or an
    /// error. A null does not count as absent.
    fn or_else<T>(
        &mut self,
        field: Field,
        rule: impl Rule<T>,
        absent: impl FnOnce(&Facts) -> Result<T, Errors>,
    ) -> Option<T>;

    /// Visits a field that may be absent or null. A wrong value also counts as absent, but its
    /// error is noted, so the request is refused.
    fn nullable<T>(&mut self, field: Field, rule: impl Rule<T>) -> Option<T>;

    /// Visits a required field that has two names. If both names are present, the first one is
    /// used.
    fn either<T>(&mut self, newer: Field, older: Field, rule: impl Rule<T>) -> Option<T>;

    /// Notes a connection or user that the broker is asked about. If it does not exist, the field
    /// is wrong.
    fn look_up(&mut self, name: &'static str, lookup: Lookup);

    /// Visits a required field.
    fn required<T>(&mut self, field: Field, rule: impl Rule<T>) -> Option<T> {
        self.required_or(field, rule, REQUIRED)
    }

    /// Visits a field that may be absent. A wrong value also counts as absent, but its error is
    /// noted, so the request is refused.
    fn optional<T>(&mut self, field: Field, rule: impl Rule<T>) -> Option<T> {
        self.or_else(field, rule.map(Some), |_| Ok(None)).flatten()
    }

    /// Visits a field that is empty if it is absent.
    fn or_empty<T: Default>(&mut self, field: Field, rule: impl Rule<T>) -> Option<T> {
        self.or_else(field, rule, |_| Ok(T::default()))
    }

    /// Visits a boolean that is `default` if it is absent.
    fn flag(&mut self, field: Field, default: bool) -> Option<bool> {
        self.or_else(field, boolean(default), |_| Ok(default))
    }
}
