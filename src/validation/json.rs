//! Functions that split JSON values into their parts and leave the parts unread.

use std::borrow::Cow;
use std::fmt;

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer as _};
use serde_json::value::RawValue;

use super::errors::{Errors, JsonKind, NULL};
use super::rule::Rule;
use crate::error_name::ErrorName;

/// Applies a rule to a value that may not be null.
///
/// # Errors
/// Fails when the value is null, and with the errors of the rule.
pub fn not_null<T>(value: &RawValue, rule: &impl Rule<T>) -> Result<T, Errors> {
    if is_null(value) {
        Err(Errors::message(ErrorName::NullField, NULL))
    } else {
        rule.read(value)
    }
}

/// Returns whether the value is `null`.
pub fn is_null(value: &RawValue) -> bool {
    JsonKind::of(value) == JsonKind::Null
}

/// Returns the keys and values of an object in their order, or `None` if the value is not an
/// object.
pub fn entries(value: &RawValue) -> Option<Vec<(Cow<'_, str>, &RawValue)>> {
    /// A key. It is copied only if it contains escaped characters.
    #[derive(Deserialize)]
    struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

    struct Entries;

    impl<'de> Visitor<'de> for Entries {
        type Value = Vec<(Cow<'de, str>, &'de RawValue)>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut entries = Vec::new();
            while let Some((Key(key), value)) = map.next_entry()? {
                entries.push((key, value));
            }
            Ok(entries)
        }
    }

    serde_json::Deserializer::from_str(value.get())
        .deserialize_map(Entries)
        .ok()
}
