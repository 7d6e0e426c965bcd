//! Compares an answer with an expectation and its matchers.

use serde_json::{Map, Value};
use uuid::Uuid;

/// Returns the first difference, with the path to its place.
pub(crate) fn compare(expected: &Value, found: &Value, path: &str) -> Result<(), String> {
    let differs = || Err(format!("at {path:?}: expected {expected}, found {found}"));
    match expected {
        Value::Object(expected_map) => match matcher(expected_map) {
            Some(matcher) => matches(matcher, found, path).unwrap_or_else(differs),
            None => {
                let Value::Object(found) = found else {
                    return differs();
                };
                if let Some(key) = found.keys().find(|key| !expected_map.contains_key(*key)) {
                    return Err(format!("at {path:?}: unexpected key {key}"));
                }
                contains(expected_map, found, path)
            }
        },
        Value::Array(expected) => {
            let Value::Array(found) = found else {
                return differs();
            };
            if expected.len() != found.len() {
                return Err(format!(
                    "at {path:?}: expected {} items, found {}: {found:?}",
                    expected.len(),
                    found.len()
                ));
            }
            expected
                .iter()
                .zip(found)
                .enumerate()
                .try_for_each(|(index, (expected, found))| {
                    compare(expected, found, &format!("{path}/{index}"))
                })
        }
        Value::Number(expected) if found.is_number() && expected.as_f64() == found.as_f64() => {
            Ok(())
        }
        _ if expected == found => Ok(()),
        _ => differs(),
    }
}

fn contains(
    expected: &Map<String, Value>,
    found: &Map<String, Value>,
    path: &str,
) -> Result<(), String> {
    expected.iter().try_for_each(|(key, expected)| {
        let found = found
            .get(key)
            .ok_or_else(|| format!("at {path:?}: no key {key}"))?;
        compare(expected, found, &format!("{path}/{key}"))
    })
}

fn matcher(map: &Map<String, Value>) -> Option<(&str, &Value)> {
    map.iter()
        .next()
        .filter(|(key, _)| map.len() == 1 && key.starts_with('$'))
        .map(|(key, value)| (key.as_str(), value))
}

/// Applies a matcher. Returns `None` if the value does not match, and the error of a nested
/// comparison if that fails.
fn matches(
    (name, argument): (&str, &Value),
    found: &Value,
    path: &str,
) -> Option<Result<(), String>> {
    let text = found.as_str().unwrap_or_default();
    let matched = match name {
        "$any" => true,
        "$uuid" => Uuid::try_parse(text).is_ok_and(|uuid| uuid.hyphenated().to_string() == text),
        "$timestamp" => is_timestamp(text),
        "$uptime" => is_uptime(text),
        "$int" => found.is_i64() || found.is_u64(),
        "$string" => found.is_string(),
        "$prefix" => text.starts_with(argument.as_str()?),
        "$contains" => return Some(contains(argument.as_object()?, found.as_object()?, path)),
        "$unordered" => {
            return is_permutation(argument.as_array()?, found.as_array()?).then_some(Ok(()));
        }
        _ => panic!("unknown matcher {name}"),
    };
    matched.then_some(Ok(()))
}

fn is_permutation(expected: &[Value], found: &[Value]) -> bool {
    let mut left: Vec<&Value> = found.iter().collect();
    let all_found = expected.iter().all(|expected| {
        let place = left
            .iter()
            .position(|found| compare(expected, found, "").is_ok());
        place.map(|place| left.swap_remove(place)).is_some()
    });
    all_found && left.is_empty()
}

fn digits_as(pattern: &str, text: &str) -> bool {
    pattern.len() == text.len()
        && pattern.bytes().zip(text.bytes()).all(|(p, t)| {
            if p == b'0' {
                t.is_ascii_digit()
            } else {
                p == t
            }
        })
}

fn is_timestamp(text: &str) -> bool {
    digits_as("0000-00-00T00:00:00.000000", text) || digits_as("0000-00-00T00:00:00", text)
}

fn is_uptime(text: &str) -> bool {
    let time = text
        .split(" day")
        .last()
        .unwrap_or_default()
        .trim_start_matches('s')
        .trim_start_matches(", ");
    digits_as("0:00:00", time) || digits_as("00:00:00", time)
}
