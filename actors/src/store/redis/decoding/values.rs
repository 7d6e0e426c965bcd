//! Reads the values in the answers of scripts and in the entries of the feed.

use bytes::Bytes;
use redis::Value;
use thiserror::Error;
use uuid::Uuid;

use crate::core::cluster::answer::Item;
use crate::core::cluster::call::{FeedId, Read, Term};
use crate::name::{ConnId, LogName, UserName};
use crate::position::Position;
use crate::protocol::config::ChannelConfig;

/// Something that Redis has answered and that no script of this version writes.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("Redis has answered {0}, which is not readable. Does another version write to it?")]
pub struct Unreadable(pub(super) String);

pub(super) type Readable<T> = Result<T, Unreadable>;

/// Reads the id of an entry of the feed. Redis counts from 0 in each term.
///
/// # Errors
/// Returns what could not be read.
pub(crate) fn feed_id(id: &str) -> Readable<FeedId> {
    let parse = || {
        let (term, number) = id.split_once('-')?;
        Some((Term(term.parse().ok()?), number.parse::<u64>().ok()?))
    };
    match parse() {
        Some((Term(0), 0)) => Ok(FeedId::default()),
        Some((term, number)) => Ok((term, number + 1)),
        None => Err(Unreadable(format!("{id:?} as the id of an entry"))),
    }
}

/// Reads the settings of a channel, as `logs.lua` has them. A channel that was never configured has
/// the default ones.
pub(super) fn settings(value: &Value) -> Readable<ChannelConfig> {
    let parts: Vec<&str> = text(value)?.split_ascii_whitespace().collect();
    let config = match &parts[..] {
        [] => Some(ChannelConfig::default()),
        [presence, history, lists, states, frames, size, ..] => {
            let size = size.parse().ok();
            size.map(|history_size| ChannelConfig {
                notify_presence: *presence == "1",
                store_history: *history == "1",
                history_size,
                broadcast_presence_with_user_lists: *lists == "1",
                notify_state: *states == "1",
                store_frames: *frames == "1",
            })
        }
        _ => None,
    };
    config.ok_or_else(|| unreadable(value))
}

/// Reads an entry of a log: `OFFSET MILLIS KH CONTENT`.
pub(super) fn item(value: &Value) -> Readable<Item<Bytes>> {
    let bytes = bytes(value)?;
    let mut rest = &bytes[..];
    let mut next = || {
        let length = rest.iter().position(|byte| *byte == b' ')?;
        let (part, after) = rest.split_at_checked(length)?;
        rest = after.split_first()?.1;
        str::from_utf8(part).ok()
    };
    let mut parse = || {
        let (offset, at) = (next()?.parse().ok()?, next()?.parse().ok()?);
        let (is_kept, is_in_history) = match next()? {
            "00" => (false, false),
            "01" => (false, true),
            "10" => (true, false),
            "11" => (true, true),
            _ => return None,
        };
        Some(Item {
            offset,
            at,
            is_kept,
            is_in_history,
            content: Bytes::new(),
        })
    };
    let item = parse().ok_or_else(|| unreadable(value))?;
    let content = bytes.slice_ref(rest);
    Ok(Item { content, ..item })
}

pub(super) fn positions<'a>(pairs: impl Iterator<Item = (&'a Value, &'a Value)>) -> Readable<Read> {
    let read = pairs.map(|(log, place)| Ok((log_name(log)?, position(place)?)));
    read.collect()
}

/// Reads a position. In the record of a connection, ` n` follows a place where no transport has
/// begun.
pub(super) fn position(value: &Value) -> Readable<Position> {
    let parse = |(epoch, offset): (&str, &str)| {
        Some((epoch.parse::<u64>().ok()?.into(), offset.parse().ok()?))
    };
    let text = text(value)?;
    let parts = text.strip_suffix(" n").unwrap_or(text).split_once(' ');
    parts.and_then(parse).ok_or_else(|| unreadable(value))
}

pub(super) fn conn_id(value: &Value) -> Readable<ConnId> {
    let id = Uuid::parse_str(text(value)?).map_err(|_| unreadable(value))?;
    Ok(id.into())
}

pub(super) fn user_name(value: &Value) -> Readable<UserName> {
    Ok(UserName::new(text(value)?))
}

pub(super) fn log_name(value: &Value) -> Readable<LogName> {
    LogName::from_text(text(value)?).ok_or_else(|| unreadable(value))
}

pub(super) fn number(value: &Value) -> Readable<u64> {
    text(value)?.parse().map_err(|_| unreadable(value))
}

pub(super) fn text(value: &Value) -> Readable<&str> {
    match value {
        Value::BulkString(bytes) => str::from_utf8(bytes).map_err(|_| unreadable(value)),
        Value::SimpleString(text) => Ok(text),
        _ => Err(unreadable(value)),
    }
}

pub(super) fn bytes(value: &Value) -> Readable<Bytes> {
    match value {
        Value::BulkString(bytes) => Ok(Bytes::copy_from_slice(bytes)),
        _ => Err(unreadable(value)),
    }
}

pub(super) fn pairs(value: &Value) -> Readable<impl Iterator<Item = (&Value, &Value)>> {
    let (pairs, rest) = array(value)?.as_chunks();
    if rest.is_empty() {
        Ok(pairs.iter().map(|[first, second]| (first, second)))
    } else {
        Err(unreadable(value))
    }
}

pub(super) fn array(value: &Value) -> Readable<&[Value]> {
    match value {
        Value::Array(values) => Ok(values),
        _ => Err(unreadable(value)),
    }
}

/// Says what kind of value could not be read. What is in it may be a message, or the id of a
/// connection, which nobody but its client may know.
pub(super) fn unreadable(value: &Value) -> Unreadable {
    Unreadable(match value {
        Value::Nil => "nothing".to_owned(),
        Value::Int(_) => "a number".to_owned(),
        Value::BulkString(bytes) => format!("a string of {} bytes", bytes.len()),
        Value::Array(values) => format!("a list of {} values", values.len()),
        _ => "a value of another kind".to_owned(),
    })
}
