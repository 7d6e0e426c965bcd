//! Reads the entries of the feed.

use bytes::Bytes;
use redis::Value;

use super::values::{
    Readable, array, bytes, conn_id, feed_id, item, log_name, number, pairs, position, positions,
    settings, text, unreadable, user_name,
};
use crate::core::cluster::answer::Member;
use crate::core::cluster::call::{FeedId, NodeId, Turn};
use crate::core::cluster::fed::Fed;

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
/// knows, and that names no log. If it names one, the log is to be read anew.
///
/// # Errors
/// Returns what could not be read.
pub fn fed(entry: &Value) -> Readable<(FeedId, Option<Fed<Bytes>>)> {
    let [id, fields] = array(entry)? else {
        return Err(unreadable(entry));
    };
    let id = feed_id(text(id)?)?;
    let content = content(entry, fields).or_else(|unreadable| {
        log::error!("the feed has something that this version cannot read: {unreadable}");
        let target = pairs(fields)?.next().map(|(_, target)| target);
        let log = target.and_then(|target| log_name(target).ok());
        Ok(log.map(|log| Fed::Forgotten { log }))
    });
    Ok((id, content?))
}

/// Reads what an entry says; `None` if it is of another kind.
fn content(entry: &Value, fields: &Value) -> Readable<Option<Fed<Bytes>>> {
    let mut fields = pairs(fields)?;
    let mut next = || fields.next().ok_or_else(|| unreadable(entry));
    let (kind, target) = next()?;
    let content = match text(kind)? {
        "F" => Fed::Fenced {
            kept: feed_id(text(target)?)?,
        },
        "L" => Fed::Lost,
        "A" => Fed::Appended {
            log: log_name(target)?,
            epoch: number(next()?.1)?.into(),
            item: item(next()?.1)?,
        },
        "M" => Fed::Member {
            log: log_name(target)?,
            member: Member {
                user: user_name(next()?.1)?,
                connections: number(next()?.1)?,
                state: next().ok().map(|(_, state)| bytes(state)).transpose()?,
            },
        },
        "V" => Fed::User {
            user: user_name(target)?,
            version: number(next()?.1)?,
            state: bytes(next()?.1)?,
        },
        "C" => Fed::Configured {
            log: log_name(target)?,
            config: settings(next()?.1)?,
        },
        "G" => Fed::Forgotten {
            log: log_name(target)?,
        },
        "T" => Fed::Taken {
            conn_id: conn_id(target)?,
            turn: Turn(number(next()?.1)?),
            node: NodeId(number(next()?.1)?),
            polls: text(next()?.1)? == "1",
        },
        "R" => Fed::Reported {
            conn_id: conn_id(target)?,
            turn: Turn(number(next()?.1)?),
            read: positions(fields)?,
        },
        "S" => {
            let turn = Turn(number(next()?.1)?);
            let (log, place) = next()?;
            Fed::Subscribed {
                conn_id: conn_id(target)?,
                turn,
                log: log_name(log)?,
                place: position(place)?,
            }
        }
        "U" => Fed::Unsubscribed {
            conn_id: conn_id(target)?,
            turn: Turn(number(next()?.1)?),
            log: log_name(next()?.1)?,
        },
        "P" => Fed::Told {
            session: text(target)?.to_owned(),
        },
        "H" => Fed::Heard {
            conn_id: conn_id(target)?,
            turn: Turn(number(next()?.1)?),
        },
        "E" => Fed::Ended {
            conn_id: conn_id(target)?,
            turn: Turn(number(next()?.1)?),
        },
        _ => return Err(unreadable(kind)),
    };
    Ok(Some(content))
}
