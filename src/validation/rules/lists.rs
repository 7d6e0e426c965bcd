//! Lists.

use serde_json::value::RawValue;
use utoipa::openapi::schema::ArrayBuilder;
use utoipa::openapi::{RefOr, Schema};

use crate::error_name::ErrorName;
use crate::validation::errors::Errors;
use crate::validation::json::not_null;
use crate::validation::rule::{Components, Rule};

/// Reads a list. `rule` reads each item.
pub fn list<T>(rule: impl Rule<T>) -> impl Rule<Vec<T>> {
    ListRule { rule, least: 0 }
}

/// Reads a list with at least one item.
pub fn non_empty_list<T>(rule: impl Rule<T>) -> impl Rule<Vec<T>> {
    ListRule { rule, least: 1 }
}

struct ListRule<R> {
    rule: R,
    least: usize,
}

impl<T, R: Rule<T>> Rule<Vec<T>> for ListRule<R> {
    fn read(&self, value: &RawValue) -> Result<Vec<T>, Errors> {
        let items: Vec<&RawValue> = serde_json::from_str(value.get()).map_err(|_| {
            Errors::wrong_kind(
                ErrorName::NotAList,
                "Not a valid list.",
                "must be a JSON list, even for a single value",
                value,
            )
        })?;
        let mut errors = Errors::none();
        let mut list = Vec::with_capacity(items.len());
        for (index, item) in items.into_iter().enumerate() {
            match not_null(item, &self.rule) {
                Ok(item) => list.push(item),
                Err(wrong) => errors.add(index.to_string(), wrong),
            }
        }
        errors.into_result()?;
        if list.len() < self.least {
            return Err(Errors::message(
                ErrorName::ListTooShort,
                format!("Shorter than minimum length {}.", self.least),
            ));
        }
        Ok(list)
    }

    fn schema(&self, components: &mut Components) -> RefOr<Schema> {
        let list = ArrayBuilder::new().items(self.rule.schema(components));
        list.min_items((self.least > 0).then_some(self.least))
            .into()
    }
}
