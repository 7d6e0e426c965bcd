//! Reads a settings file in TOML, with the places of its keys and values.
//!
//! No error quotes the file, since a line may hold a secret or a part of a secret that spans
//! several lines.

use std::collections::BTreeMap;
use std::ops::Range;

use toml::{Spanned, Value};

use super::file_values::{FilePosition, FileProblem, FileValue, FileValues};
use super::secret::is_secret;
use super::table::KEYS;

/// Reads the keys of a file, with their values as texts.
///
/// # Errors
/// Returns the syntax error, or the key whose value is a table, with the place in the file.
pub(super) fn read(text: &str) -> Result<FileValues, FileProblem> {
    let lines = Lines::of(text);
    let table: BTreeMap<Spanned<String>, Spanned<Value>> =
        toml::from_str(text).map_err(|error| describe_syntax_error(&lines, &error))?;
    table
        .into_iter()
        .map(|(key, value)| {
            let key_at = Some(lines.find_position(key.span()));
            let value_at = Some(lines.find_position(value.span()));
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

/// A text with the byte offsets at which its lines begin. They are computed once, since the place
/// of every key is looked up.
struct Lines<'a> {
    text: &'a str,
    starts: Vec<usize>,
}

impl<'a> Lines<'a> {
    fn of(text: &'a str) -> Self {
        let breaks = text.match_indices('\n').map(|(index, _)| index + 1);
        let starts = std::iter::once(0).chain(breaks).collect();
        Self { text, starts }
    }

    /// Returns the place at which a span begins.
    fn find_position(&self, span: Range<usize>) -> FilePosition {
        let line = self.starts.partition_point(|start| *start <= span.start);
        let start = self.starts.get(line.saturating_sub(1)).copied();
        let before = self.text.get(start.unwrap_or_default()..span.start);
        FilePosition {
            line,
            column: before.unwrap_or_default().chars().count() + 1,
        }
    }
}

/// Describes a syntax error by its place, the nearest known key before it, and what is wrong.
fn describe_syntax_error(lines: &Lines<'_>, error: &toml::de::Error) -> FileProblem {
    let at = error.span().map(|span| lines.find_position(span));
    let key = at.and_then(|at| find_key_before(lines.text, at));
    let reason = match key {
        _ if cfg!(feature = "planted-faults") => error.to_string(),
        Some(key) => format!("{key}: {}", error.message()),
        None => error.message().to_owned(),
    };
    FileProblem { at, reason }
}

/// Returns the last known key at the beginning of a line, up to the line of this place.
fn find_key_before(text: &str, at: FilePosition) -> Option<&'static str> {
    let key_of = |line: &str| {
        let key = line.split_once('=')?.0.trim();
        KEYS.iter()
            .find(|known| known.name == key)
            .map(|known| known.name)
    };
    text.lines().take(at.line).filter_map(key_of).last()
}

/// Formats the value of a key as a text. A list of secrets stays a JSON list, since a secret may
/// contain a comma.
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
            // A comma stands for a list without items, since an empty text would count as not
            // given.
            Ok(Some(items?.join(","))
                .filter(|text| !text.is_empty())
                .unwrap_or_else(|| ",".to_owned()))
        }
        Value::Table(_) => Err("expected a value, found a table".to_owned()),
    }
}
