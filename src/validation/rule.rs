//! The trait of rules, and the functions that make simple rules.

use std::marker::PhantomData;

use serde_json::value::RawValue;
use utoipa::openapi::{Ref, RefOr, Schema};

use super::errors::Errors;
use crate::error_name::ErrorName;

/// The schemas that other schemas refer to, by name.
pub type Components = Vec<(String, RefOr<Schema>)>;

/// A rule that reads a value, and that knows the schema of such values.
pub trait Rule<T>: Sized {
    /// Reads a value that is not null.
    ///
    /// # Errors
    /// Returns the errors of the value.
    fn read(&self, value: &RawValue) -> Result<T, Errors>;

    /// Returns the schema of the values that are read.
    fn schema(&self, components: &mut Components) -> RefOr<Schema>;

    /// Returns a rule that passes each value through `map` after it is read.
    fn map<U>(self, map: impl Fn(T) -> U) -> impl Rule<U> {
        MappedRule {
            rule: self,
            map,
            of: PhantomData,
        }
    }
}

struct MappedRule<R, F, T> {
    rule: R,
    map: F,
    of: PhantomData<T>,
}

impl<T, U, R: Rule<T>, F: Fn(T) -> U> Rule<U> for MappedRule<R, F, T> {
    fn read(&self, value: &RawValue) -> Result<U, Errors> {
        self.rule.read(value).map(&self.map)
    }

    fn schema(&self, components: &mut Components) -> RefOr<Schema> {
        self.rule.schema(components)
    }
}

struct RuleFunctions<R, S>(R, S);

impl<T, R, S> Rule<T> for RuleFunctions<R, S>
where
    R: Fn(&RawValue) -> Result<T, Errors>,
    S: Fn(&mut Components) -> RefOr<Schema>,
{
    fn read(&self, value: &RawValue) -> Result<T, Errors> {
        (self.0)(value)
    }

    fn schema(&self, components: &mut Components) -> RefOr<Schema> {
        (self.1)(components)
    }
}

/// Makes a rule from two functions.
pub(super) fn make_rule<T>(
    read: impl Fn(&RawValue) -> Result<T, Errors>,
    schema: impl Fn(&mut Components) -> RefOr<Schema>,
) -> impl Rule<T> {
    RuleFunctions(read, schema)
}

/// Makes a rule whose schema is a component of the description, with this name.
pub(super) fn make_component_rule<T>(
    read: impl Fn(&RawValue) -> Result<T, Errors>,
    name: &'static str,
    schema: impl Fn() -> RefOr<Schema>,
) -> impl Rule<T> {
    make_rule(read, move |components| {
        components.push((name.to_owned(), schema()));
        Ref::from_schema_name(name).into()
    })
}

/// Reads text of any length.
///
/// # Errors
/// Fails when the value is not text.
pub(super) fn text(value: &RawValue) -> Result<String, Errors> {
    serde_json::from_str(value.get()).map_err(|_| {
        Errors::wrong_kind(
            ErrorName::NotAText,
            "Not a valid string.",
            "must be text",
            value,
        )
    })
}
