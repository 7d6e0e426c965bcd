//! Nested objects, each read by its table.

use std::collections::BTreeMap;

use serde_json::value::RawValue;
use utoipa::ToSchema;
use utoipa::openapi::Ref;

use super::mappings::{mapping, mapping_schema};
use crate::validation::describer::describe;
use crate::validation::facts::Facts;
use crate::validation::fields::Table;
use crate::validation::json::not_null;
use crate::validation::reader::BodyReader;
use crate::validation::rule::{Rule, by};

/// Reads an object whose values are objects of one table. Null is not an object.
pub fn mapping_of<T: Table + ToSchema>() -> impl Rule<BTreeMap<String, T::Value>> {
    by(
        |value: &RawValue| mapping(value, |value| not_null(value, &object::<T>())),
        |components| mapping_schema(object::<T>().schema(components)),
    )
}

/// Reads a nested object, whose rules look at nothing else.
pub fn object<T: Table + ToSchema>() -> impl Rule<T::Value> {
    by(
        |value: &RawValue| {
            let facts = Facts::default();
            let mut fields = BodyReader::new(value, &facts)?;
            let object = T::walk(&mut fields);
            object.ok_or_else(|| fields.into_findings().0)
        },
        |components| {
            let described = describe::<T>();
            components.extend(described.components);
            components.push((T::name().into_owned(), described.schema));
            Ref::from_schema_name(T::name()).into()
        },
    )
}
