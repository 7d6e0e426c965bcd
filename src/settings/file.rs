//! Settings files: TOML, and the `.ini` files of the original.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use toml::{Table, Value};

use super::{KEYS, ini};

/// The section of an `.ini` file that counts.
pub(super) const SECTION: &str = "channelstream";

/// A settings file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// `channelstream.toml` and its like.
    Toml(PathBuf),
    /// A file of the original, with its `[channelstream]` section.
    Ini(PathBuf),
}

impl Source {
    /// By the file's ending.
    pub fn by_ending(path: PathBuf) -> Self {
        if path.extension().is_some_and(|ending| ending == "ini") {
            Self::Ini(path)
        } else {
            Self::Toml(path)
        }
    }

    /// Reads the file: its keys with their values as texts.
    pub(super) fn read(&self) -> Result<BTreeMap<String, String>, String> {
        match self {
            Self::Toml(path) => read_toml(path),
            Self::Ini(path) => read_ini(path),
        }
        .map_err(|reason| format!("{self}: {reason}"))
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Toml(path) | Self::Ini(path)) = self;
        path.display().fmt(f)
    }
}

/// Returns whether the value of this key must not be printed.
pub(super) fn is_secret(key: &str) -> bool {
    key.to_lowercase().contains("secret")
}

fn read_toml(path: &Path) -> Result<BTreeMap<String, String>, String> {
    let text = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
    let table: Table = text.parse().map_err(|error| syntax_error(&text, &error))?;
    table
        .into_iter()
        .map(|(key, value)| {
            plain_text(value)
                .map(|text| (key.clone(), text))
                .map_err(|reason| format!("{key}: {reason}"))
        })
        .collect()
}

/// Says where the syntax is wrong and how, and never quotes the file: the line may hold a secret,
/// or a part of one that goes over several lines.
fn syntax_error(text: &str, error: &toml::de::Error) -> String {
    let Some(before) = error.span().and_then(|span| text.get(..span.start)) else {
        return error.message().to_owned();
    };
    let line = before.matches('\n').count() + 1;
    let column = before
        .rsplit('\n')
        .next()
        .unwrap_or_default()
        .chars()
        .count()
        + 1;
    let key_of = |line: &str| {
        let key = line.split_once('=')?.0.trim();
        KEYS.iter()
            .find(|known| known.name == key)
            .map(|known| known.name)
    };
    let near = text
        .lines()
        .take(line)
        .filter_map(key_of)
        .last()
        .map_or_else(String::new, |key| format!(" ({key})"));
    format!("line {line}, column {column}{near}: {}", error.message())
}

fn plain_text(value: Value) -> Result<String, String> {
    match value {
        Value::String(text) => Ok(text),
        Value::Integer(number) => Ok(number.to_string()),
        Value::Float(number) => Ok(number.to_string()),
        Value::Boolean(is_true) => Ok(is_true.to_string()),
        Value::Datetime(time) => Ok(time.to_string()),
        Value::Array(items) => {
            let items: Result<Vec<_>, _> = items.into_iter().map(plain_text).collect();
            // A list without items is a value; an empty text is none.
            Ok(Some(items?.join(","))
                .filter(|text| !text.is_empty())
                .unwrap_or_else(|| ",".to_owned()))
        }
        Value::Table(_) => Err("expected a value, found a table".to_owned()),
    }
}

fn read_ini(path: &Path) -> Result<BTreeMap<String, String>, String> {
    let text = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
    ini::read(&text, SECTION)
}
