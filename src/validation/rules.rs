//! The types a field can have, read as the original reads them (`protocol.md` §3).

use std::collections::BTreeMap;
use std::hash::Hash;

use channelstream_actors::protocol::config::ChannelConfig;
use channelstream_actors::protocol::message::Payload;
use channelstream_actors::protocol::state::{Number, StateValue};
use channelstream_actors::protocol::timestamp::Timestamp;
use serde_json::value::RawValue;
use time::{Date, Month, PrimitiveDateTime, Time, UtcOffset};
use uuid::Uuid;

use super::errors::Errors;
use super::fields::{Fields, Rule, entries, not_null};

/// Text.
///
/// # Errors
/// When it is none.
pub fn text(value: &RawValue) -> Result<String, Errors> {
    serde_json::from_str(value.get()).map_err(|_| Errors::message("Not a valid string."))
}

/// Text of 1 to `longest` characters, as a name.
pub fn name<T: From<Name>>(longest: usize) -> impl Fn(&RawValue) -> Result<T, Errors> {
    move |value| {
        let text = text(value)?;
        if (1..=longest).contains(&text.chars().count()) {
            Ok(T::from(Name(text)))
        } else {
            Err(Errors::message(format!("Length must be between 1 and {longest}.")))
        }
    }
}

/// A text that has passed [`name`].
#[derive(Debug)]
pub struct Name(String);

impl From<Name> for String {
    fn from(Name(text): Name) -> Self {
        text
    }
}

impl From<Name> for channelstream_actors::name::UserName {
    fn from(Name(text): Name) -> Self {
        Self::new(text)
    }
}

impl From<Name> for channelstream_actors::name::ChannelName {
    fn from(Name(text): Name) -> Self {
        Self::new(text)
    }
}

/// The longest name of a user.
pub const USER: usize = 512;
/// The longest name of a channel or a state key.
pub const CHANNEL: usize = 256;

/// A UUID in any spelling Python reads: upper case, without dashes, in braces, `urn:uuid:`.
///
/// # Errors
/// When it is none.
pub fn uuid<T: From<Uuid>>(value: &RawValue) -> Result<T, Errors> {
    let text = text(value).ok();
    text.and_then(|text| parse_uuid(&text)).map(T::from).ok_or_else(|| Errors::message("Not a valid UUID."))
}

/// See [`uuid()`].
pub fn parse_uuid(text: &str) -> Option<Uuid> {
    let bare = text.replace("urn:", "").replace("uuid:", "");
    let digits: String = bare.trim_matches(['{', '}']).chars().filter(|letter| *letter != '-').collect();
    if digits.len() != 32 {
        return None;
    }
    Uuid::try_parse(&digits).ok()
}

/// A list, each item by `rule`.
pub fn list<T>(rule: impl Fn(&RawValue) -> Result<T, Errors>) -> impl FnOnce(&RawValue) -> Result<Vec<T>, Errors> {
    move |value| {
        let items: Vec<&RawValue> = serde_json::from_str(value.get()).map_err(|_| Errors::message("Not a valid list."))?;
        let mut errors = Errors::none();
        let mut list = Vec::with_capacity(items.len());
        for (index, item) in items.into_iter().enumerate() {
            match not_null(item, &rule) {
                Ok(item) => list.push(item),
                Err(wrong) => errors.add(index.to_string(), wrong),
            }
        }
        errors.into_result().map(|()| list)
    }
}

/// A list with at least one item.
pub fn filled_list<T>(rule: impl Fn(&RawValue) -> Result<T, Errors>) -> impl FnOnce(&RawValue) -> Result<Vec<T>, Errors> {
    |value| {
        let list = list(rule)(value)?;
        if list.is_empty() { Err(Errors::message("Shorter than minimum length 1.")) } else { Ok(list) }
    }
}

/// An object with any keys, each value by `rule`, which also sees null.
///
/// # Errors
/// When it is no object, or values are wrong.
pub fn mapping<K: From<String> + Ord + Hash, T>(
    value: &RawValue,
    rule: impl Fn(&RawValue) -> Result<T, Errors>,
) -> Result<BTreeMap<K, T>, Errors> {
    let entries = entries(value).ok_or_else(|| Errors::message("Not a valid mapping type."))?;
    let mut errors = Errors::none();
    let mut map = BTreeMap::new();
    for (key, value) in entries {
        match rule(value) {
            Ok(value) => drop(map.insert(K::from(key.into_owned()), value)),
            Err(wrong) => errors.add(key, Errors::part("value", wrong)),
        }
    }
    errors.into_result().map(|()| map)
}

/// A user's values.
///
/// # Errors
/// When it is no mapping of state values.
pub fn state(value: &RawValue) -> Result<BTreeMap<String, StateValue>, Errors> {
    mapping(value, state_value)
}

/// One state value: text, number, boolean or null.
///
/// # Errors
/// When it is a list or an object.
pub fn state_value(value: &RawValue) -> Result<StateValue, Errors> {
    let raw = value.get();
    match raw.as_bytes().first() {
        Some(b'n') => Ok(StateValue::Null),
        Some(b't') => Ok(StateValue::Bool(true)),
        Some(b'f') => Ok(StateValue::Bool(false)),
        Some(b'"') => text(value).map(|text| StateValue::Text(text.into())),
        Some(b'-' | b'0'..=b'9') => Ok(StateValue::Number(Number::new(value))),
        _ => Err(Errors::message("Value is not type of string, integer, boolean or float.")),
    }
}

/// The application's object, kept as it stands, of at most `limit` bytes.
pub fn payload(limit: usize) -> impl Fn(&RawValue) -> Result<Payload, Errors> {
    move |value| {
        let size = value.get().len();
        if !value.get().starts_with('{') {
            Err(Errors::message("Not a valid mapping type."))
        } else if size > limit {
            Err(Errors::message(format!("Longer than maximum size {limit} bytes (message_limit); got {size}.")))
        } else {
            Ok(Payload::from(value.to_owned()))
        }
    }
}

/// A channel's configuration; what is left out is the default.
///
/// # Errors
/// When it is no object, or settings are wrong.
pub fn channel_config(value: &RawValue) -> Result<ChannelConfig, Errors> {
    let mut fields = Fields::new(value)?;
    let defaults = ChannelConfig::default();
    let config = (|| {
        let notify_presence = fields.or("notify_presence", || defaults.notify_presence, boolean);
        let store_history = fields.or("store_history", || defaults.store_history, boolean);
        let history_size = fields.or("history_size", || defaults.history_size, size);
        let with_lists = fields.or("broadcast_presence_with_user_lists", || defaults.broadcast_presence_with_user_lists, boolean);
        let notify_state = fields.or("notify_state", || defaults.notify_state, boolean);
        let store_frames = fields.or("store_frames", || defaults.store_frames, boolean);
        Some(ChannelConfig {
            notify_presence: notify_presence?,
            store_history: store_history?,
            history_size: history_size?,
            broadcast_presence_with_user_lists: with_lists?,
            notify_state: notify_state?,
            store_frames: store_frames?,
        })
    })();
    config.ok_or_else(|| fields.into_findings().0)
}

/// Configurations by channel. Null is no configuration.
///
/// # Errors
/// When it is no mapping of configurations.
pub fn channel_configs(value: &RawValue) -> Result<BTreeMap<String, ChannelConfig>, Errors> {
    mapping(value, |value| not_null(value, channel_config))
}

/// A boolean, also in the spellings the original takes.
///
/// # Errors
/// When it is none.
pub fn boolean(value: &RawValue) -> Result<bool, Errors> {
    let number = || value.get().parse::<f64>().ok();
    match value.get() {
        "true" | "\"t\"" | "\"T\"" | "\"true\"" | "\"True\"" | "\"TRUE\"" | "\"1\"" => Ok(true),
        "false" | "\"f\"" | "\"F\"" | "\"false\"" | "\"False\"" | "\"FALSE\"" | "\"0\"" => Ok(false),
        _ if number() == Some(1.0) => Ok(true),
        _ if number() == Some(0.0) => Ok(false),
        _ => Err(Errors::message("Not a valid boolean.")),
    }
}

/// A whole number, at least 0.
fn size(value: &RawValue) -> Result<u64, Errors> {
    let number = integer(value).ok_or_else(|| Errors::message("Not a valid integer."))?;
    u64::try_from(number).map_err(|_| Errors::message("Must be at least 0."))
}

/// A whole number as Python's `int()` reads it: broken numbers are cut toward zero, text may hold blanks around it and underscores
/// between digits. Beyond 63 bits it is none.
fn integer(value: &RawValue) -> Option<i64> {
    let raw = value.get();
    match raw.as_bytes().first()? {
        b't' => Some(1),
        b'f' => Some(0),
        b'"' => python_int(text(value).ok()?.trim()),
        b'-' | b'0'..=b'9' => raw.parse().ok().or_else(|| {
            let number = raw.parse::<f64>().ok()?.trunc();
            // Every float below 2^63 in size is exact as an i64.
            #[expect(clippy::cast_possible_truncation, reason = "the range was looked at")]
            (number.abs() < 9_223_372_036_854_775_808.0).then_some(number as i64)
        }),
        _ => None,
    }
}

fn python_int(text: &str) -> Option<i64> {
    let is_between_digits = |index: usize| {
        let around = [index.checked_sub(1), index.checked_add(1)];
        around.into_iter().all(|index| index.and_then(|index| text.as_bytes().get(index)).is_some_and(u8::is_ascii_digit))
    };
    if text.match_indices('_').any(|(index, _)| !is_between_digits(index)) {
        return None;
    }
    text.replace('_', "").parse().ok()
}

/// A date and time: `YYYY-MM-DD`, `T` or a blank, `hh:mm[:ss[.fraction]]`, then nothing, `Z`, or `±hh[[:]mm]`.
///
/// # Errors
/// When it is none.
pub fn datetime(value: &RawValue) -> Result<Timestamp, Errors> {
    let text = text(value).ok();
    text.and_then(|text| parse_datetime(&text)).ok_or_else(|| Errors::message("Not a valid datetime."))
}

fn parse_datetime(text: &str) -> Option<Timestamp> {
    let mut rest = text;
    let year = digits(&mut rest, 4, 4)?;
    let month = after(&mut rest, "-", 1, 2)?;
    let day = after(&mut rest, "-", 1, 2)?;
    rest = rest.strip_prefix(['T', ' '])?;
    let hour = digits(&mut rest, 1, 2)?;
    let minute = after(&mut rest, ":", 1, 2)?;
    let (mut second, mut micros) = (0, 0);
    if rest.starts_with(':') {
        second = after(&mut rest, ":", 1, 2)?;
        if let Some(fraction) = rest.strip_prefix('.') {
            let length = fraction.bytes().take_while(u8::is_ascii_digit).count();
            let digits = fraction.get(..length).filter(|digits| (1..=12).contains(&digits.len()))?;
            micros = format!("{digits:0<6}").get(..6)?.parse().ok()?;
            rest = fraction.get(length..)?;
        }
    }
    let month = Month::try_from(u8::try_from(month).ok()?).ok()?;
    let date = Date::from_calendar_date(i32::try_from(year).ok().filter(|year| *year > 0)?, month, u8::try_from(day).ok()?).ok()?;
    let byte = |number: u32| u8::try_from(number).ok();
    let time = Time::from_hms_micro(byte(hour)?, byte(minute)?, byte(second)?, micros).ok()?;
    Some(Timestamp::new(PrimitiveDateTime::new(date, time), offset(rest)?))
}

fn offset(text: &str) -> Option<Option<UtcOffset>> {
    match text {
        "" => return Some(None),
        "Z" => return Some(Some(UtcOffset::UTC)),
        _ => {}
    }
    let sign: i8 = if text.starts_with('-') { -1 } else { 1 };
    let mut rest = text.strip_prefix(['+', '-'])?;
    let hours = i8::try_from(digits(&mut rest, 2, 2)?).ok()?;
    rest = rest.strip_prefix(':').filter(|rest| !rest.is_empty()).unwrap_or(rest);
    let minutes = if rest.is_empty() { 0 } else { i8::try_from(digits(&mut rest, 2, 2)?).ok()? };
    if !rest.is_empty() || hours > 23 {
        return None;
    }
    UtcOffset::from_hms(sign * hours, sign * minutes, 0).ok().map(Some)
}

fn after(rest: &mut &str, separator: &str, least: usize, most: usize) -> Option<u32> {
    *rest = rest.strip_prefix(separator)?;
    digits(rest, least, most)
}

/// Takes up to `most` digits off the front.
fn digits(rest: &mut &str, least: usize, most: usize) -> Option<u32> {
    let length = rest.bytes().take(most).take_while(u8::is_ascii_digit).count();
    let (digits, after) = rest.split_at_checked(length).filter(|(digits, _)| digits.len() >= least)?;
    *rest = after;
    digits.parse().ok()
}

/// A nested object by the rules of `read`.
pub fn nested<T>(read: impl FnOnce(&mut Fields<'_>) -> Option<T>) -> impl Rule<T> {
    |value| {
        let mut fields = Fields::new(value)?;
        let object = read(&mut fields);
        object.ok_or_else(|| fields.into_findings().0)
    }
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
        for (json, number) in
            [("12", 12), ("\" 12 \"", 12), ("\"1_0\"", 10), ("2.7", 2), ("-0.5", 0), ("true", 1), ("\"+3\"", 3), ("1e3", 1000)]
        {
            assert_eq!(read(json), Some(number), "{json}");
        }
        for json in ["\"\"", "\"1__0\"", "\"_1\"", "\"2.7\"", "1e30", "1e400", "[]", "\"ten\""] {
            assert_eq!(read(json), None, "{json}");
        }
    }

    #[test]
    fn datetimes_print_as_given() {
        let read = |text: &str| parse_datetime(text).map(|timestamp| timestamp.to_string());
        for (text, printed) in [
            ("2010-02-03T04:05:06", "2010-02-03T04:05:06"),
            ("2010-2-3 4:5", "2010-02-03T04:05:00"),
            ("2010-02-03T04:05:06.1234567", "2010-02-03T04:05:06.123456"),
            ("2010-02-03T04:05:06Z", "2010-02-03T04:05:06+00:00"),
            ("2010-02-03T04:05:06+02:00", "2010-02-03T04:05:06+02:00"),
            ("2010-02-03T04:05:06-0330", "2010-02-03T04:05:06-03:30"),
            ("2010-02-03T04:05+02", "2010-02-03T04:05:00+02:00"),
        ] {
            assert_eq!(read(text).as_deref(), Some(printed), "{text}");
        }
        for text in [
            "2010-02-03",
            "2010-02-30T00:00",
            "2010-02-03T24:00",
            "2010-02-03T04:05:06.",
            "2010-02-03T04:05:06x",
            "0000-01-01T00:00",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }

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
