//! The values of a user's state.

use std::collections::BTreeMap;

use channelstream_actors::protocol::state::{Number, StateValue};
use serde_json::value::RawValue;
use utoipa::PartialSchema;
use utoipa::openapi::schema::{ObjectBuilder, SchemaType, Type};

use super::mappings::{mapping, mapping_schema};
use crate::error_name::ErrorName;
use crate::validation::errors::{Errors, JsonKind};
use crate::validation::rule::{Rule, make_component_rule, make_rule, text};

/// Reads the values of a user's state.
pub fn state() -> impl Rule<BTreeMap<String, StateValue>> {
    make_rule(
        |value: &RawValue| mapping(value, read_state_value),
        |components| mapping_schema(state_value().schema(components)),
    )
}

/// Reads one state value: text, number, boolean or null.
fn state_value() -> impl Rule<StateValue> {
    make_component_rule(read_state_value, "StateValue", StateValue::schema)
}

/// Reads one state value in a field that may not be null.
pub fn state_value_not_null() -> impl Rule<StateValue> {
    make_rule(read_state_value, |_| {
        let types = [Type::String, Type::Number, Type::Boolean];
        ObjectBuilder::new()
            .schema_type(SchemaType::from_iter(types))
            .into()
    })
}

fn read_state_value(value: &RawValue) -> Result<StateValue, Errors> {
    match JsonKind::of(value) {
        JsonKind::Null => Ok(StateValue::Null),
        JsonKind::Boolean => Ok(StateValue::Bool(value.get() == "true")),
        JsonKind::Text => text(value).map(|text| StateValue::Text(text.into())),
        JsonKind::Number => Ok(StateValue::Number(Number::new(value))),
        JsonKind::List | JsonKind::Object => Err(Errors::message(
            ErrorName::NotAStateValue,
            "Value is not type of string, integer, boolean or float.",
        )),
    }
}
