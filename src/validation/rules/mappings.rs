//! Objects with any keys.

use std::collections::BTreeMap;

use channelstream_actors::limits::LimitKind;
use channelstream_actors::protocol::message::Payload;
use serde_json::value::RawValue;
use utoipa::PartialSchema;
use utoipa::openapi::schema::{AdditionalProperties, ObjectBuilder};
use utoipa::openapi::{RefOr, Schema};

use crate::error_name::ErrorName;
use crate::validation::errors::{Errors, JsonKind};
use crate::validation::json::entries;
use crate::validation::rule::{Rule, make_component_rule};

/// Reads an object with any keys. `rule` reads each value, also null.
pub(super) fn mapping<T>(
    value: &RawValue,
    rule: impl Fn(&RawValue) -> Result<T, Errors>,
) -> Result<BTreeMap<String, T>, Errors> {
    let entries = entries(value).ok_or_else(|| {
        Errors::wrong_kind(
            ErrorName::NotAMapping,
            "Not a valid mapping type.",
            "must be a JSON object",
            value,
        )
    })?;
    let mut errors = Errors::none();
    let mut map = BTreeMap::new();
    for (key, value) in entries {
        match rule(value) {
            Ok(value) => drop(map.insert(key.into_owned(), value)),
            Err(wrong) => errors.add(key, Errors::part("value", wrong)),
        }
    }
    errors.into_result().map(|()| map)
}

/// Returns the schema of an object with any keys, whose values have the schema `values`.
pub(super) fn mapping_schema(values: RefOr<Schema>) -> RefOr<Schema> {
    ObjectBuilder::new()
        .additional_properties(Some(AdditionalProperties::RefOr(values)))
        .into()
}

/// Reads the application's object of at most `limit` bytes, and keeps its text unchanged.
pub fn payload(limit: usize) -> impl Rule<Payload> {
    make_component_rule(
        move |value: &RawValue| {
            let size = value.get().len();
            if JsonKind::of(value) != JsonKind::Object {
                Err(Errors::wrong_kind(
                    ErrorName::NotAMapping,
                    "Not a valid mapping type.",
                    "must be a JSON object",
                    value,
                ))
            } else if size > limit.saturating_mul(1 + usize::from(cfg!(feature = "planted-faults")))
            {
                let text =
                    format!("Longer than maximum size {limit} bytes (message_limit); got {size}.");
                Err(Errors::limit(LimitKind::Message, text))
            } else {
                Ok(Payload::from(value.to_owned()))
            }
        },
        "Payload",
        Payload::schema,
    )
}
