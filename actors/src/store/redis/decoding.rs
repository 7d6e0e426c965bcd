//! Reads the answers of scripts, and the entries of the feed.

use std::collections::BTreeMap;

use bytes::Bytes;
use redis::Value;
use thiserror::Error;
use uuid::Uuid;

use crate::core::cluster::call::{
    Answer, Call, Fed, FeedId, Listed, Loaded, NodeId, Read, Record, Term, Turn,
};
use crate::core::record::{FormerEpochs, LogState};
use crate::name::{ChannelName, ConnId, UserName};
use crate::position::{Epoch, Position};
use crate::protocol::config::ChannelConfig;

/// Something that Redis has answered and that no script of this version writes.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("Redis has answered {0}, which is not readable. Does another version write to it?")]
pub struct Unreadable(String);

type Readable<T> = Result<T, Unreadable>;

/// Reads the answer to a call.
///
/// # Errors
/// Returns what could not be read.
pub fn answer(call: &Call<Bytes>, value: &Value) -> Readable<Answer<Bytes>> {
    let parts = array(value)?;
    let part = |index: usize| parts.get(index).ok_or_else(|| unreadable(value));
    Ok(match text(part(0)?)? {
        "done" => Answer::Done,
        "seen" if matches!(call, Call::Post { .. }) => Answer::Posted {
            fed: feed_id(text(part(1)?)?)?,
        },
        "seen" => Answer::Done,
        "dead" => Answer::Dead,
        "other" => Answer::OtherTerm(Term(number(part(1)?)?)),
        "unknown" => Answer::Unknown,
        "known" => Answer::Known,
        "later" => Answer::Later(Turn(number(part(1)?)?)),
        "connected" => Answer::Connected {
            record: record(part(1)?)?,
            fed: feed_id(text(part(2)?)?)?,
        },
        "taken" => {
            let ends = pairs(part(2)?)?;
            let ends = ends.map(|(channel, end)| Ok((name(channel)?, number(end)?)));
            Answer::Taken {
                record: record(part(1)?)?,
                ends: ends.collect::<Readable<_>>()?,
                fed: feed_id(text(part(3)?)?)?,
            }
        }
        "renewed" => Answer::Renewed {
            read: positions(pairs(part(1)?)?)?,
            fed: feed_id(text(part(2)?)?)?,
        },
        "listed" => Answer::Listed(listed(part(1)?)?),
        "posted" => Answer::Posted {
            fed: feed_id(text(part(1)?)?)?,
        },
        "loaded" => {
            let (log, whole_since) = log(part(1)?)?;
            Answer::Loaded(Loaded {
                log,
                whole_since,
                entries: entries(part(2)?)?,
                config: settings(array(part(3)?)?.iter())?,
                history: entries(part(4)?)?,
                fed: feed_id(text(part(5)?)?)?,
            })
        }
        _ => return Err(unreadable(value)),
    })
}

/// Reads the answer of Redis to `XREAD` of the feed.
///
/// # Errors
/// Returns what could not be read.
pub fn feed(answer: &Value) -> Readable<Vec<(FeedId, Option<Fed<Bytes>>)>> {
    match answer {
        // There was no entry in the time.
        Value::Nil => Ok(Vec::new()),
        Value::Array(streams) => {
            let [stream] = &streams[..] else {
                return Err(unreadable(answer));
            };
            let [_, entries] = array(stream)? else {
                return Err(unreadable(answer));
            };
            array(entries)?.iter().map(fed).collect()
        }
        _ => Err(unreadable(answer)),
    }
}

/// Reads an entry of the feed. Returns `None` for the content of an entry that only a later version
/// knows.
///
/// # Errors
/// Returns what could not be read.
pub fn fed(entry: &Value) -> Readable<(FeedId, Option<Fed<Bytes>>)> {
    let [id, fields] = array(entry)? else {
        return Err(unreadable(entry));
    };
    let id = feed_id(text(id)?)?;
    let mut fields = pairs(fields)?;
    let mut next = || fields.next().ok_or_else(|| unreadable(entry));
    let (kind, target) = next()?;
    let content = match text(kind)? {
        "F" => Fed::Fenced {
            kept: feed_id(text(target)?)?,
        },
        "L" => Fed::Lost,
        "A" => Fed::Appended {
            channel: name(target)?,
            position: position(next()?.1)?,
            message: bytes(next()?.1)?,
        },
        "C" => Fed::Configured {
            channel: name(target)?,
            config: settings(fields.map(|(_, value)| value))?,
        },
        "T" => Fed::Taken {
            conn_id: conn_id(target)?,
            turn: Turn(number(next()?.1)?),
            node: NodeId(number(next()?.1)?),
        },
        "R" => Fed::Reported {
            conn_id: conn_id(target)?,
            turn: Turn(number(next()?.1)?),
            read: positions(fields)?,
        },
        "S" => {
            let turn = Turn(number(next()?.1)?);
            let (channel, place) = next()?;
            Fed::Subscribed {
                conn_id: conn_id(target)?,
                turn,
                channel: name(channel)?,
                place: position(place)?,
            }
        }
        "U" => Fed::Unsubscribed {
            conn_id: conn_id(target)?,
            turn: Turn(number(next()?.1)?),
            channel: name(next()?.1)?,
        },
        "E" => Fed::Ended {
            conn_id: conn_id(target)?,
            turn: Turn(number(next()?.1)?),
        },
        _ => return Ok((id, None)),
    };
    Ok((id, Some(content)))
}

/// Reads the id of an entry of the feed. Redis counts from 0 in each term.
///
/// # Errors
/// Returns what could not be read.
pub fn feed_id(id: &str) -> Readable<FeedId> {
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

fn record(value: &Value) -> Readable<Record> {
    let mut fields = BTreeMap::new();
    let (mut read, mut open) = (Read::new(), BTreeMap::new());
    for (field, value) in pairs(value)? {
        let field = text(field)?;
        if let Some(channel) = field.strip_prefix("r:") {
            read.insert(ChannelName::new(channel), position(value)?);
        } else if let Some(turn) = field.strip_prefix("o:") {
            let turn = turn.parse().map_err(|_| unreadable(value))?;
            open.insert(Turn(turn), NodeId(number(value)?));
        } else {
            fields.insert(field, value);
        }
    }
    let field = |name| fields.get(name).copied().ok_or_else(|| unreadable(value));
    Ok(Record {
        user: UserName::new(text(field("user")?)?),
        node: NodeId(number(field("node")?)?),
        turn: Turn(number(field("turn")?)?),
        born: Turn(number(field("born")?)?),
        is_here: text(field("here")?)? == "1",
        read,
        open,
    })
}

/// Reads the numbering of a log, and the first epoch since which no entry was lost.
fn log(value: &Value) -> Readable<(LogState, Epoch)> {
    let [epoch, former, start, end, whole] = array(value)? else {
        return Err(unreadable(value));
    };
    let numbers = text(former)?.split_ascii_whitespace().map(str::parse);
    let numbers: Vec<u64> = numbers
        .collect::<Result<_, _>>()
        .map_err(|_| unreadable(former))?;
    let former = numbers.chunks_exact(2).map(|pair| FormerEpochs {
        first: Epoch::from(pair.first().copied().unwrap_or_default()),
        count: 1,
        end: pair.last().copied().unwrap_or_default(),
    });
    let log = LogState {
        epoch: number(epoch)?.into(),
        former: former.collect(),
        start: number(start)?,
        end: number(end)?,
    };
    Ok((log, number(whole)?.into()))
}

/// Reads the settings of a channel in the order of the fields in `configure.lua`. A setting that
/// was never set has its default.
fn settings<'a>(mut values: impl Iterator<Item = &'a Value>) -> Readable<ChannelConfig> {
    let mut config = ChannelConfig::default();
    let mut set = |setting: &mut dyn FnMut(&str)| -> Readable<()> {
        if let Some(value) = values.next().filter(|value| **value != Value::Nil) {
            setting(text(value)?);
        }
        Ok(())
    };
    set(&mut |it| config.notify_presence = it == "1")?;
    set(&mut |it| config.store_history = it == "1")?;
    set(&mut |it| config.history_size = it.parse().unwrap_or(config.history_size))?;
    set(&mut |it| config.broadcast_presence_with_user_lists = it == "1")?;
    set(&mut |it| config.notify_state = it == "1")?;
    set(&mut |it| config.store_frames = it == "1")?;
    Ok(config)
}

fn entries(value: &Value) -> Readable<Vec<Bytes>> {
    array(value)?.iter().map(bytes).collect()
}

fn listed(value: &Value) -> Readable<Vec<Listed>> {
    let parts = array(value)?.chunks_exact(3).map(|parts| match parts {
        [id, turn, here] => Ok(Listed {
            conn_id: conn_id(id)?,
            turn: Turn(number(turn)?),
            is_here: text(here)? == "1",
        }),
        _ => Err(unreadable(value)),
    });
    parts.collect()
}

fn positions<'a>(pairs: impl Iterator<Item = (&'a Value, &'a Value)>) -> Readable<Read> {
    let read = pairs.map(|(channel, place)| Ok((name(channel)?, position(place)?)));
    read.collect()
}

fn position(value: &Value) -> Readable<Position> {
    let parse = |(epoch, offset): (&str, &str)| {
        Some((epoch.parse::<u64>().ok()?.into(), offset.parse().ok()?))
    };
    let parts = text(value)?.split_once(' ');
    parts.and_then(parse).ok_or_else(|| unreadable(value))
}

fn conn_id(value: &Value) -> Readable<ConnId> {
    let id = Uuid::parse_str(text(value)?).map_err(|_| unreadable(value))?;
    Ok(id.into())
}

fn name(value: &Value) -> Readable<ChannelName> {
    Ok(ChannelName::new(text(value)?))
}

fn number(value: &Value) -> Readable<u64> {
    text(value)?.parse().map_err(|_| unreadable(value))
}

fn text(value: &Value) -> Readable<&str> {
    match value {
        Value::BulkString(bytes) => str::from_utf8(bytes).map_err(|_| unreadable(value)),
        Value::SimpleString(text) => Ok(text),
        _ => Err(unreadable(value)),
    }
}

fn bytes(value: &Value) -> Readable<Bytes> {
    match value {
        Value::BulkString(bytes) => Ok(Bytes::copy_from_slice(bytes)),
        _ => Err(unreadable(value)),
    }
}

fn pairs(value: &Value) -> Readable<impl Iterator<Item = (&Value, &Value)>> {
    let (pairs, rest) = array(value)?.as_chunks();
    if rest.is_empty() {
        Ok(pairs.iter().map(|[first, second]| (first, second)))
    } else {
        Err(unreadable(value))
    }
}

fn array(value: &Value) -> Readable<&[Value]> {
    match value {
        Value::Array(values) => Ok(values),
        _ => Err(unreadable(value)),
    }
}

/// Says what kind of value could not be read. What is in it may be a message, or the id of a
/// connection, which nobody but its client may know.
fn unreadable(value: &Value) -> Unreadable {
    Unreadable(match value {
        Value::Nil => "nothing".to_owned(),
        Value::Int(_) => "a number".to_owned(),
        Value::BulkString(bytes) => format!("a string of {} bytes", bytes.len()),
        Value::Array(values) => format!("a list of {} values", values.len()),
        _ => "a value of another kind".to_owned(),
    })
}
