//! Whole numbers as Python's `int()` reads them.

use channelstream_actors::limits::Bound;
use serde_json::value::RawValue;
use utoipa::openapi::schema::{AnyOfBuilder, KnownFormat, ObjectBuilder, SchemaFormat, Type};

use crate::error_name::ErrorName;
use crate::validation::errors::Errors;
use crate::validation::rule::{Rule, make_component_rule, text};

/// The smallest number that is too large: 2^63.
const TOO_LARGE: f64 = 9_223_372_036_854_775_808.0;

/// Reads the number of messages in a history, which is at least 0 and within `bound`. The
/// description says that an absent number is `default`.
pub fn history_size(default: u64, bound: Bound) -> impl Rule<u64> {
    let read = move |value: &RawValue| {
        let size = size(value)?;
        bound.check(usize::try_from(size).unwrap_or(usize::MAX))?;
        Ok(size)
    };
    make_component_rule(read, "HistorySize", move || {
        let of = |kind| ObjectBuilder::new().schema_type(kind);
        let about = "The number of messages that a history keeps. Fractions are cut off, text is \
                     read as a whole number, and true counts as 1.";
        AnyOfBuilder::new()
            .item(
                of(Type::Integer)
                    .format(Some(SchemaFormat::KnownFormat(KnownFormat::Int64)))
                    .minimum(Some(0))
                    .maximum(Some(isize::MAX)),
            )
            .item(
                of(Type::Number)
                    .exclusive_minimum(Some(-1))
                    .exclusive_maximum(Some(TOO_LARGE)),
            )
            .item(of(Type::String).pattern(Some(r"^\s*\+?[0-9]+(_[0-9]+)*\s*$")))
            .item(of(Type::Boolean))
            .description(Some(about))
            .default(Some(default.into()))
            .into()
    })
}

/// Reads a whole number of at least 0.
fn size(value: &RawValue) -> Result<u64, Errors> {
    let number = integer(value)
        .ok_or_else(|| Errors::message(ErrorName::NotAnInteger, "Not a valid integer."))?;
    u64::try_from(number)
        .map_err(|_| Errors::message(ErrorName::NegativeNumber, "Must be at least 0."))
}

/// Reads a whole number as Python's `int()` does: fractions are cut off towards zero, and text may
/// have blanks around it and underscores between digits. Returns `None` if the value is not such a
/// number, or needs more than 63 bits.
fn integer(value: &RawValue) -> Option<i64> {
    let raw = value.get();
    match raw.as_bytes().first()? {
        b't' => Some(1),
        b'f' => Some(0),
        b'"' => python_int(text(value).ok()?.trim()),
        b'-' | b'0'..=b'9' => raw.parse().ok().or_else(|| {
            let number = raw.parse::<f64>().ok()?.trunc();
            // Every float below 2^63 in size is exact as an i64.
            #[expect(clippy::cast_possible_truncation, reason = "the range is checked")]
            (number.abs() < TOO_LARGE).then_some(number as i64)
        }),
        _ => None,
    }
}

fn python_int(text: &str) -> Option<i64> {
    let is_between_digits = |index: usize| {
        let around = [index.checked_sub(1), index.checked_add(1)];
        around.into_iter().all(|index| {
            index
                .and_then(|index| text.as_bytes().get(index))
                .is_some_and(u8::is_ascii_digit)
        })
    };
    if text
        .match_indices('_')
        .any(|(index, _)| !is_between_digits(index))
    {
        return None;
    }
    text.replace('_', "").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(json: &str) -> Box<RawValue> {
        RawValue::from_string(json.to_owned()).unwrap()
    }

    #[test]
    fn integers_are_read_as_python_reads_them() {
        let read = |json: &str| integer(&raw(json));
        for (json, number) in [
            ("12", 12),
            ("\" 12 \"", 12),
            ("\"1_0\"", 10),
            ("2.7", 2),
            ("-0.5", 0),
            ("true", 1),
            ("\"+3\"", 3),
            ("1e3", 1000),
        ] {
            assert_eq!(read(json), Some(number), "{json}");
        }
        for json in [
            "\"\"", "\"1__0\"", "\"_1\"", "\"2.7\"", "1e30", "1e400", "[]", "\"ten\"",
        ] {
            assert_eq!(read(json), None, "{json}");
        }
    }
}
