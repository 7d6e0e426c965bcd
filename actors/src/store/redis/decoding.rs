//! Reads the answers of scripts, and the entries of the feed.

mod feed;
mod values;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bytes::Bytes;
use redis::Value;

pub use self::feed::{fed, feed};
pub use self::values::Unreadable;
pub(crate) use self::values::feed_id;
use self::values::{
    Readable, array, bytes, conn_id, item, log_name, number, pairs, position, positions, settings,
    text, unreadable, user_name,
};
use crate::core::cluster::answer::{
    Answer, Held, HeldState, Item, Listed, Loaded, Member, Pulse, User,
};
use crate::core::cluster::call::{Call, NodeId, Read, Record, Term, Turn};
use crate::core::record::{FormerEpochs, LogState};
use crate::name::LogName;

/// Reads the answer to a call.
///
/// # Errors
/// Returns what could not be read.
pub fn answer(call: &Call<Bytes>, value: &Value) -> Readable<Answer<Bytes>> {
    let parts = array(value)?;
    let part = |index: usize| parts.get(index).ok_or_else(|| unreadable(value));
    Ok(match text(part(0)?)? {
        "done" => Answer::Done,
        "seen" => match call {
            Call::Post { .. } | Call::Rewrite { .. } => Answer::Posted {
                fed: feed_id(text(part(1)?)?)?,
            },
            _ => Answer::Done,
        },
        "dead" => Answer::Dead,
        "other" => Answer::OtherTerm(Term(number(part(1)?)?)),
        "unknown" => Answer::Unknown,
        "known" => Answer::Known(record(part(1)?)?),
        "later" => Answer::Later(Turn(number(part(1)?)?)),
        "changed" => Answer::Changed,
        "in_use" => Answer::InUse,
        "connected" => Answer::Connected {
            record: record(part(1)?)?,
            fed: feed_id(text(part(2)?)?)?,
        },
        "taken" => {
            let ends = pairs(part(2)?)?;
            let ends = ends.map(|(log, end)| Ok((log_name(log)?, number(end)?)));
            Answer::Taken {
                record: record(part(1)?)?,
                ends: ends.collect::<Readable<_>>()?,
                new: new_places(part(1)?)?,
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
        "loaded" => Answer::Loaded(loaded(parts.get(1..).unwrap_or_default(), value)?),
        "user" => Answer::User(user(part(1)?)?),
        "names" => {
            let names = array(part(2)?)?.iter().map(log_name);
            Answer::Names {
                cursor: number(part(1)?)?,
                names: names.collect::<Readable<_>>()?,
            }
        }
        "held" => {
            let [_, content, packets, state, wait] = parts else {
                return Err(unreadable(value));
            };
            let packets = array(packets)?.iter().map(bytes);
            Answer::Held(Held {
                content: match content {
                    Value::Nil => None,
                    content => Some(bytes(content)?),
                },
                packets: packets.collect::<Readable<_>>()?,
                state: match text(state)? {
                    "open" => HeldState::Open,
                    "ping" => HeldState::PingDue,
                    "replaced" => HeldState::Replaced,
                    "disconnected" => HeldState::Disconnected,
                    "over" => HeldState::Over,
                    _ => return Err(unreadable(state)),
                },
                wait: number(wait)?,
            })
        }
        "claimed" => Answer::Claimed(bytes(part(1)?)?),
        "reached" => Answer::Reached(feed_id(text(part(1)?)?)?),
        "beats" => Answer::Beats(pulses(part(1)?, part(2)?, part(3)?)?),
        _ => return Err(unreadable(value)),
    })
}

fn pulses(beats: &Value, away: &Value, about: &Value) -> Readable<BTreeMap<NodeId, Pulse<Bytes>>> {
    let mut pulses = BTreeMap::new();
    for (node, beats) in pairs(beats)? {
        let pulse = Pulse {
            beats: number(beats)?,
            away: Duration::ZERO,
            about: None,
        };
        pulses.insert(NodeId(number(node)?), pulse);
    }
    for (node, away) in pairs(away)? {
        if let Some(pulse) = pulses.get_mut(&NodeId(number(node)?)) {
            pulse.away = Duration::from_millis(number(away)?);
        }
    }
    for (node, about) in pairs(about)? {
        if let Some(pulse) = pulses.get_mut(&NodeId(number(node)?)) {
            pulse.about = Some(bytes(about)?);
        }
    }
    Ok(pulses)
}

fn record(value: &Value) -> Readable<Record> {
    let mut fields = BTreeMap::new();
    let (mut read, mut open) = (Read::new(), BTreeMap::new());
    for (field, value) in pairs(value)? {
        let field = text(field)?;
        if let Some(log) = field.strip_prefix("r:") {
            let log = LogName::from_text(log).ok_or_else(|| unreadable(value))?;
            read.insert(log, position(value)?);
        } else if let Some(turn) = field.strip_prefix("o:") {
            let turn = turn.parse().map_err(|_| unreadable(value))?;
            open.insert(Turn(turn), NodeId(number(value)?));
        } else {
            fields.insert(field, value);
        }
    }
    let field = |name| fields.get(name).copied().ok_or_else(|| unreadable(value));
    Ok(Record {
        user: user_name(field("user")?)?,
        node: NodeId(number(field("node")?)?),
        turn: Turn(number(field("turn")?)?),
        born: Turn(number(field("born")?)?),
        continuity: number(field("cont")?)?.into(),
        is_here: text(field("here")?)? == "1",
        read,
        open,
    })
}

/// Reads from a record in which logs no transport has begun.
fn new_places(value: &Value) -> Readable<BTreeSet<LogName>> {
    let mut new = BTreeSet::new();
    for (field, value) in pairs(value)? {
        if let Some(log) = text(field)?.strip_prefix("r:")
            && text(value)?.ends_with(" n")
        {
            new.extend(LogName::from_text(log));
        }
    }
    Ok(new)
}

/// Reads the parts of the answer of `load.lua`.
fn loaded(parts: &[Value], value: &Value) -> Readable<Loaded<Bytes>> {
    let [log, entries, config, history, members, owner, fed] = parts else {
        return Err(unreadable(value));
    };
    let [epoch, former, end, whole, origin, revision, made_at] = array(log)? else {
        return Err(unreadable(log));
    };
    let (end, entries) = (number(end)?, items(entries)?);
    Ok(Loaded {
        log: LogState {
            epoch: number(epoch)?.into(),
            former: former_epochs(former)?,
            start: end.saturating_sub(entries.len() as u64),
            end,
        },
        whole_since: number(whole)?.into(),
        origin: number(origin)?.into(),
        revision: number(revision)?,
        last_active: match entries.last() {
            Some(last) => last.at,
            None => number(made_at)?,
        },
        entries,
        config: settings(config)?,
        history: items(history)?,
        members: read_members(members)?,
        user: match array(owner)? {
            [] => None,
            _ => Some(user(owner)?),
        },
        fed: feed_id(text(fed)?)?,
    })
}

fn former_epochs(value: &Value) -> Readable<Vec<FormerEpochs>> {
    let numbers = text(value)?.split_ascii_whitespace().map(str::parse);
    let numbers: Vec<u64> = numbers
        .collect::<Result<_, _>>()
        .map_err(|_| unreadable(value))?;
    let (pairs, _) = numbers.as_chunks();
    let former = pairs.iter().map(|[first, end]| FormerEpochs {
        first: (*first).into(),
        count: 1,
        end: *end,
    });
    Ok(former.collect())
}

fn items(value: &Value) -> Readable<Vec<Item<Bytes>>> {
    array(value)?.iter().map(item).collect()
}

fn read_members(value: &Value) -> Readable<Vec<Member<Bytes>>> {
    let (members, _) = array(value)?.as_chunks();
    let members = members.iter().map(|[user, connections, state]| {
        Ok(Member {
            user: user_name(user)?,
            connections: number(connections)?,
            state: match state {
                Value::Nil => None,
                state => Some(bytes(state)?),
            },
        })
    });
    members.collect()
}

fn user(value: &Value) -> Readable<User<Bytes>> {
    let [version, state, connections, born] = array(value)? else {
        return Err(unreadable(value));
    };
    let connections = pairs(connections)?;
    let connections = connections.map(|(id, here)| Ok((conn_id(id)?, text(here)? == "1")));
    Ok(User {
        version: number(version)?,
        born: number(born)?,
        state: bytes(state)?,
        connections: connections.collect::<Readable<_>>()?,
    })
}

fn listed(value: &Value) -> Readable<Vec<Listed>> {
    let (parts, _) = array(value)?.as_chunks();
    let listed = parts.iter().map(|[id, turn, here]| {
        Ok(Listed {
            conn_id: conn_id(id)?,
            turn: Turn(number(turn)?),
            is_here: text(here)? == "1",
        })
    });
    listed.collect()
}
