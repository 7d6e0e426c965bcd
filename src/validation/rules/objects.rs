//! Nested objects, each read by its table.

use std::collections::BTreeMap;

use serde_json::value::RawValue;
use utoipa::ToSchema;
use utoipa::openapi::Ref;

use super::mappings::{mapping, mapping_schema};
use crate::validation::describer::describe;
use crate::validation::facts::{CallLimits, Facts};
use crate::validation::fields::Table;
use crate::validation::json::not_null;
use crate::validation::reader::BodyReader;
use crate::validation::rule::{Rule, make_rule};

/// Reads an object whose values are objects of one table. A null value is refused.
pub fn mapping_of<T: Table + ToSchema>(
    limits: CallLimits,
) -> impl Rule<BTreeMap<String, T::Value>> {
    make_rule(
        move |value: &RawValue| mapping(value, |value| not_null(value, &object::<T>(limits))),
        move |components| mapping_schema(object::<T>(limits).schema(components)),
    )
}

/// Reads a nested object. Besides the object, its rules use only the limits of a call.
pub fn object<T: Table + ToSchema>(limits: CallLimits) -> impl Rule<T::Value> {
    make_rule(
        move |value: &RawValue| {
            let facts = Facts {
                limits,
                ..Facts::default()
            };
            let mut fields = BodyReader::new(value, &facts)?;
            let object = T::visit_fields(&mut fields);
            // A wrong optional field counts as absent, so `visit_fields` may return an object
            // although there are errors.
            let (errors, _) = fields.into_findings();
            object.filter(|_| errors.is_empty()).ok_or(errors)
        },
        |components| {
            let described = describe::<T>();
            components.extend(described.components);
            components.push((T::name().into_owned(), described.schema));
            Ref::from_schema_name(T::name()).into()
        },
    )
}
