//! Ids, in all spellings that Python's `uuid.UUID` reads.

use serde_json::value::RawValue;
use utoipa::openapi::schema::{ObjectBuilder, SchemaFormat, Type};
use utoipa::openapi::{RefOr, Schema};
use uuid::Uuid;

use crate::error_name::ErrorName;
use crate::validation::errors::Errors;
use crate::validation::rule::{Rule, make_rule, text};

/// Reads a UUID in any spelling that Python reads: upper case, without dashes, in braces, with
/// `urn:uuid:`.
pub fn uuid<T: From<Uuid>>() -> impl Rule<T> {
    make_rule(
        |value: &RawValue| {
            let text = text(value).ok();
            text.and_then(|text| parse_uuid(&text))
                .map(T::from)
                .ok_or_else(|| Errors::message(ErrorName::NotAUuid, "Not a valid UUID."))
        },
        |_| uuid_schema(),
    )
}

/// Returns the schema of a UUID.
pub fn uuid_schema() -> RefOr<Schema> {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .format(Some(SchemaFormat::Custom("uuid".to_owned())))
        .into()
}

/// Parses a UUID in any of the spellings that [`uuid()`] reads.
pub fn parse_uuid(text: &str) -> Option<Uuid> {
    let bare = text.replace("urn:", "").replace("uuid:", "");
    let digits: String = bare
        .trim_matches(['{', '}'])
        .chars()
        .filter(|letter| *letter != '-')
        .collect();
    if digits.len() != 32 {
        return None;
    }
    Uuid::try_parse(&digits).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uuids_are_read_in_any_spelling() {
        let plain = "7d444840-9dc0-11d1-b245-5ffdce74fad2";
        for text in [
            plain,
            "7D4448409DC011D1B2455FFDCE74FAD2",
            "{7d444840-9dc0-11d1-b245-5ffdce74fad2}",
            "urn:uuid:7d444840-9dc0-11d1-b245-5ffdce74fad2",
        ] {
            assert_eq!(parse_uuid(text).unwrap().to_string(), plain);
        }
        assert_eq!(parse_uuid("7d444840"), None);
    }
}
