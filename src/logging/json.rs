//! Writes log lines as JSON, with one object on each line.

use std::io::{Error as IoError, Result as IoResult, Write};

use env_logger::fmt::Formatter;
use log::Record;
use log::kv::{Error, Key, Value, VisitSource};
use serde::Serialize;
use serde_json::{Map, Number, Value as Json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// The largest length, in characters, of a message or of a text in a field. The rest is cut.
const LONGEST_TEXT: usize = 1000;

/// The largest size of a line, in bytes. A message and the few fields of a line always fit, even if
/// all of their characters are escaped.
pub(super) const LONGEST_LINE: usize = 64 << 10;

/// A line of the log.
#[derive(Serialize)]
struct Line<'a> {
    /// The time at which the line was logged, in UTC.
    time: String,
    level: &'static str,
    /// The module that logged the line.
    target: &'a str,
    message: String,
    #[serde(skip_serializing_if = "Map::is_empty")]
    fields: Map<String, Json>,
}

/// Writes a line.
pub(super) fn write(formatter: &mut Formatter, record: &Record<'_>) -> IoResult<()> {
    let mut fields = FieldCollector(Map::new());
    record
        .key_values()
        .visit(&mut fields)
        .map_err(IoError::other)?;
    let line = Line {
        time: OffsetDateTime::now_utc()
            .format(&Rfc3339)
            .map_err(IoError::other)?,
        level: record.level().as_str(),
        target: record.target(),
        message: shorten(&record.args().to_string()),
        fields: fields.0,
    };
    let text = serde_json::to_string(&line)?;
    writeln!(formatter, "{text}")
}

/// Collects fields as JSON: whole numbers and booleans keep their type, everything else is a text.
struct FieldCollector(Map<String, Json>);

impl<'kvs> VisitSource<'kvs> for FieldCollector {
    fn visit_pair(&mut self, key: Key<'kvs>, value: Value<'kvs>) -> Result<(), Error> {
        let unsigned = || value.to_u64().map(Number::from).map(Json::Number);
        let signed = || value.to_i64().map(Number::from).map(Json::Number);
        let json = unsigned()
            .or_else(signed)
            .or_else(|| value.to_bool().map(Json::Bool))
            .unwrap_or_else(|| shorten(&value.to_string()).into());
        self.0.insert(key.to_string(), json);
        Ok(())
    }
}

fn shorten(text: &str) -> String {
    match text.char_indices().nth(LONGEST_TEXT) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use log::kv::Source;

    use super::*;

    #[test]
    fn a_long_text_is_cut_between_characters() {
        let text = "ä".repeat(LONGEST_TEXT);
        assert_eq!(shorten(&text), text);
        assert_eq!(shorten(&format!("{text}b")), format!("{text}…"));
    }

    #[test]
    fn fields_keep_their_kind() {
        let user = "a\nb";
        let fields: [(&str, Value<'_>); 4] = [
            ("count", Value::from(3u64)),
            ("change", Value::from(-3i64)),
            ("is_new", Value::from(true)),
            ("user", Value::from(user)),
        ];
        let mut collected = FieldCollector(Map::new());
        fields.visit(&mut collected).unwrap();
        let expected = serde_json::json!({"count": 3, "change": -3, "is_new": true, "user": user});
        assert_eq!(Json::from(collected.0), expected);
    }
}
