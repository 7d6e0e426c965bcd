//! Reads a settings file in TOML, with the places of its keys and values.
//!
//! No error quotes the file: a line may hold a secret, or a part of one that goes over several
//! lines.

use std::collections::BTreeMap;
use std::ops::Range;

use toml::{Spanned, Value};

use super::file_values::{FilePosition, FileProblem, FileValue, FileValues};
use super::secret::is_secret;
use super::table::KEYS;

/// Reads the keys of a file, with their values as texts.
///
/// # Errors
/// Returns what is wrong with the syntax, or which value is a table.
pub(super) fn read(text: &str) -> Result<FileValues, FileProblem> {
    let table: BTreeMap<Spanned<String>, Spanned<Value>> =
        toml::from_str(text).map_err(|error| describe_syntax_error(text, &error))?;
    table
        .into_iter()
        .map(|(key, value)| {
            let key_at = Some(find_position(text, key.span()));
            let value_at = Some(find_position(text, value.span()));
            let key = key.into_inner();
            match format_value(&key, value.into_inner()) {
                Ok(text) => {
                    let value = FileValue {
                        text,
                        key_at,
                        value_at,
                    };
                    Ok((key, value))
                }
                Err(reason) => Err(FileProblem {
                    at: value_at,
                    reason: format!("{key}: {reason}"),
                }),
            }
        })
        .collect()
}

/// Returns where a span begins.
fn find_position(text: &str, span: Range<usize>) -> FilePosition {
    let before = text.get(..span.start).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |index| index + 1);
    FilePosition {
        line: before.matches('\n').count() + 1,
        column: before.get(line_start..).unwrap_or_default().chars().count() + 1,
    }
}

/// Names the place, the nearest key before it, and what is wrong.
fn describe_syntax_error(text: &str, error: &toml::de::Error) -> FileProblem {
    let at = error.span().map(|span| find_position(text, span));
    let key = at.and_then(|at| find_key_before(text, at));
    let reason = match key {
        Some(key) => format!("{key}: {}", error.message()),
        None => error.message().to_owned(),
    };
    FileProblem { at, reason }
}

/// Returns the last known key that a line up to this place begins with.
fn find_key_before(text: &str, at: FilePosition) -> Option<&'static str> {
    let key_of = |line: &str| {
        let key = line.split_once('=')?.0.trim();
        KEYS.iter()
            .find(|known| known.name == key)
            .map(|known| known.name)
    };
    text.lines().take(at.line).filter_map(key_of).last()
}

/// Formats a value of a key. A list of secrets keeps its form, since a secret may hold a comma.
fn format_value(key: &str, value: Value) -> Result<String, String> {
    match value {
        Value::Array(items) if is_secret(key) => {
            let items: Result<Vec<_>, _> = items.into_iter().map(format_plain).collect();
            Ok(serde_json::Value::from(items?).to_string())
        }
        value => format_plain(value),
    }
}

fn format_plain(value: Value) -> Result<String, String> {
    match value {
        Value::String(text) => Ok(text),
        Value::Integer(number) => Ok(number.to_string()),
        Value::Float(number) => Ok(number.to_string()),
        Value::Boolean(is_true) => Ok(is_true.to_string()),
        Value::Datetime(time) => Ok(time.to_string()),
        Value::Array(items) => {
            let items: Result<Vec<_>, _> = items.into_iter().map(format_plain).collect();
            // A list without items is a value, and an empty text is none.
            Ok(Some(items?.join(","))
                .filter(|text| !text.is_empty())
                .unwrap_or_else(|| ",".to_owned()))
        }
        Value::Table(_) => Err("expected a value, found a table".to_owned()),
    }
}
