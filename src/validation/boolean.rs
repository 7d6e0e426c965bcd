//! Booleans, as the original server reads them.

use serde_json::value::RawValue;
use utoipa::openapi::schema::{AnyOfBuilder, ObjectBuilder, Type};

use super::errors::Errors;
use super::rule::{Rule, make_component_rule};
use crate::error_name::ErrorName;

/// Reads a boolean, also in the spellings that the original server accepts. The description says
/// that an absent boolean is `default`.
pub(super) fn boolean(default: bool) -> impl Rule<bool> {
    let name = if default { "FlagOn" } else { "FlagOff" };
    make_component_rule(read_boolean, name, move || {
        let of = |kind| ObjectBuilder::new().schema_type(kind);
        let about = format!(
            "A boolean, which may also be a number or text. If it is absent, it is {default}."
        );
        AnyOfBuilder::new()
            .item(of(Type::Boolean))
            .item(of(Type::Integer).minimum(Some(0)).maximum(Some(1)))
            .item(
                of(Type::String).pattern(Some("^(t|T|true|True|TRUE|1|f|F|false|False|FALSE|0)$")),
            )
            .description(Some(about))
            .default(Some(default.into()))
            .into()
    })
}

fn read_boolean(value: &RawValue) -> Result<bool, Errors> {
    let number = || value.get().parse::<f64>().ok();
    match value.get() {
        "true" | "\"t\"" | "\"T\"" | "\"true\"" | "\"True\"" | "\"TRUE\"" | "\"1\"" => Ok(true),
        "false" | "\"f\"" | "\"F\"" | "\"false\"" | "\"False\"" | "\"FALSE\"" | "\"0\"" => {
            Ok(false)
        }
        _ if number() == Some(1.0) => Ok(true),
        _ if number() == Some(0.0) => Ok(false),
        _ => Err(Errors::message(
            ErrorName::NotABoolean,
            "Not a valid boolean.",
        )),
    }
}
