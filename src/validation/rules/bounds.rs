//! Limits on the size of a field's value.

use channelstream_actors::limits::Bound;
use serde_json::value::RawValue;
use utoipa::openapi::{RefOr, Schema};

use crate::validation::errors::Errors;
use crate::validation::rule::{Components, Rule};

/// Reads a value by `rule`, and refuses it if it is larger than `bound` allows. `count` returns the
/// size of the value. The description does not contain the limit, since each server has its own.
pub fn bounded<T>(rule: impl Rule<T>, bound: Bound, count: fn(&T) -> usize) -> impl Rule<T> {
    BoundedRule { rule, bound, count }
}

struct BoundedRule<R, T> {
    rule: R,
    bound: Bound,
    count: fn(&T) -> usize,
}

impl<T, R: Rule<T>> Rule<T> for BoundedRule<R, T> {
    fn read(&self, value: &RawValue) -> Result<T, Errors> {
        let read = self.rule.read(value)?;
        self.bound.check((self.count)(&read))?;
        Ok(read)
    }

    fn schema(&self, components: &mut Components) -> RefOr<Schema> {
        self.rule.schema(components)
    }
}
