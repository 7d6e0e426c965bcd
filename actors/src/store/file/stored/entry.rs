//! The stored form of the entries of a log: rows of several entries each.

use std::borrow::Cow;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::core::entry::Entry;
use crate::core::route::Route;
use crate::name::{ChannelName, MessageId, UserName};
use crate::protocol::event::{self, EventBody};
use crate::protocol::message::{Address, Message, MessageMemory, Payload};
use crate::protocol::timestamp::Timestamp;
use crate::store::file::stored::names::Names;
use crate::store::file::stored::{StoredMoment, Text, Unreadable};

/// The owner of a log. Values that follow from the owner are not stored with each entry.
#[derive(Clone, Copy, Debug)]
pub(in crate::store::file) enum Owner<'a> {
    /// A channel, whose name is in the address of all its messages.
    Channel(&'a ChannelName),
    /// A user. Of the recipients of a private message only this user is read back, since each of up
    /// to 100,000 recipients has a separate entry.
    User(&'a UserName),
}

/// An entry as it is written. An entry that was emptied has neither a message nor an event.
#[derive(Serialize)]
struct WrittenEntry<'a> {
    offset: u64,
    id: MessageId,
    at: StoredMoment,
    /// Written only if it is false.
    #[serde(skip_serializing_if = "Option::is_none")]
    kept: Option<bool>,
    /// Written only if it is true.
    #[serde(skip_serializing_if = "Option::is_none")]
    in_history: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<WrittenMessage<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    event: Option<&'a RawValue>,
    /// Not written for a message: its route follows from its address.
    #[serde(skip_serializing_if = "Option::is_none")]
    route: Option<&'a Route>,
}

/// A message as it is written. Its channel follows from the owner of the log.
#[derive(Serialize)]
struct WrittenMessage<'a> {
    /// Written only if it differs from the id of the entry.
    #[serde(skip_serializing_if = "Option::is_none")]
    uuid: Option<MessageId>,
    timestamp: Timestamp,
    user: &'a UserName,
    #[serde(skip_serializing_if = "<[UserName]>::is_empty")]
    pm_users: &'a [UserName],
    #[serde(skip_serializing_if = "<[UserName]>::is_empty")]
    exclude_users: &'a [UserName],
    #[serde(skip_serializing_if = "Option::is_none")]
    no_history: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'a Payload>,
    #[serde(skip_serializing_if = "Option::is_none")]
    edited: Option<Timestamp>,
}

/// An entry as it is read.
#[derive(Deserialize)]
struct ReadEntry<'a> {
    offset: u64,
    id: Uuid,
    at: StoredMoment,
    kept: Option<bool>,
    in_history: Option<bool>,
    #[serde(borrow)]
    message: Option<ReadMessage<'a>>,
    #[serde(borrow)]
    event: Option<&'a RawValue>,
    #[serde(borrow)]
    route: Option<ReadRoute<'a>>,
}

/// A message as it is read.
#[derive(Deserialize)]
struct ReadMessage<'a> {
    uuid: Option<Uuid>,
    #[serde(borrow)]
    timestamp: Cow<'a, str>,
    #[serde(borrow)]
    user: Cow<'a, str>,
    #[serde(borrow, default)]
    pm_users: Vec<Text<'a>>,
    #[serde(borrow, default)]
    exclude_users: Vec<Text<'a>>,
    no_history: Option<bool>,
    #[serde(borrow)]
    message: Option<&'a RawValue>,
    #[serde(borrow)]
    edited: Option<Cow<'a, str>>,
}

/// A route as it is read.
#[derive(Deserialize)]
struct ReadRoute<'a> {
    #[serde(borrow)]
    only: Vec<Text<'a>>,
    #[serde(borrow)]
    except: Vec<Text<'a>>,
}

/// Appends the JSON of an entry.
pub(in crate::store::file) fn encode(
    entry: &Entry,
    owner: Owner<'_>,
    out: &mut Vec<u8>,
) -> Result<(), Unreadable> {
    let message = entry.message.as_deref();
    let event = match &entry.body {
        Some(body) if message.is_none() => Some(serde_json::from_str(body.live())?),
        _ => None,
    };
    let written = WrittenEntry {
        offset: entry.offset,
        id: entry.id,
        at: entry.at.into(),
        kept: (!entry.kept).then_some(false),
        in_history: entry.is_in_history.then_some(true),
        message: message.map(|message| written_message(message, entry.id, owner)),
        event,
        route: Some(&entry.route).filter(|route| message.is_none() && !route.is_open()),
    };
    Ok(serde_json::to_writer(out, &written)?)
}

fn written_message<'a>(
    message: &'a Message,
    id: MessageId,
    owner: Owner<'_>,
) -> WrittenMessage<'a> {
    let (pm_users, exclude_users) = match owner {
        Owner::Channel(_) => (&*message.address.pm_users, &*message.address.exclude_users),
        Owner::User(_) => (&[][..], &[][..]),
    };
    WrittenMessage {
        uuid: Some(message.uuid).filter(|uuid| *uuid != id),
        timestamp: message.timestamp,
        user: &message.user,
        pm_users,
        exclude_users,
        no_history: message.address.no_history.then_some(true),
        message: message.message.as_ref(),
        edited: message.edited,
    }
}

/// Reads the entries of a row. Only entries after `log_start` get a body, since the log holds no
/// others.
pub(in crate::store::file) fn decode_row(
    row: &str,
    owner: Owner<'_>,
    log_start: u64,
    names: &mut Names<'_>,
) -> Result<Vec<Entry>, Unreadable> {
    let read: Vec<ReadEntry<'_>> = serde_json::from_str(row)?;
    read.into_iter()
        .map(|entry| {
            let has_body = entry.offset > log_start;
            decode(entry, owner, has_body, names)
        })
        .collect()
}

/// Reads one entry, without its body.
pub(in crate::store::file) fn decode_one(
    entry: &RawValue,
    owner: Owner<'_>,
    names: &mut Names<'_>,
) -> Result<Entry, Unreadable> {
    decode(serde_json::from_str(entry.get())?, owner, false, names)
}

/// Returns the offset of an entry.
pub(in crate::store::file) fn offset_of(entry: &RawValue) -> Result<u64, Unreadable> {
    #[derive(Deserialize)]
    struct ReadOffset {
        offset: u64,
    }
    let ReadOffset { offset } = serde_json::from_str(entry.get())?;
    Ok(offset)
}

fn decode(
    read: ReadEntry<'_>,
    owner: Owner<'_>,
    has_body: bool,
    names: &mut Names<'_>,
) -> Result<Entry, Unreadable> {
    let id = MessageId::from(read.id);
    let message = match read.message {
        Some(message) => Some(Arc::new(decode_message(message, id, owner, names)?)),
        None => None,
    };
    let body = match (&message, read.event) {
        _ if !has_body => None,
        (Some(message), _) => Some(event::message(message)),
        (None, event) => event.map(|event| EventBody::from_live(event.get())),
    };
    let route = match (&message, owner, read.route) {
        (Some(message), Owner::Channel(_), _) => Route::of(&message.address),
        (Some(_), Owner::User(_), _) | (None, _, None) => Route::open(),
        (None, _, Some(ReadRoute { only, except })) => {
            Route::restricted(&users(&only, names), &users(&except, names))
        }
    };
    Ok(Entry {
        offset: read.offset,
        route,
        kept: read.kept.unwrap_or(true),
        is_in_history: read.in_history.unwrap_or_default(),
        body,
        id,
        at: read.at.into(),
        message,
    })
}

fn decode_message(
    read: ReadMessage<'_>,
    id: MessageId,
    owner: Owner<'_>,
    names: &mut Names<'_>,
) -> Result<Message, Unreadable> {
    let (channel, pm_users) = match owner {
        Owner::Channel(name) => (Some(name.clone()), users(&read.pm_users, names)),
        Owner::User(name) => (None, vec![name.clone()]),
    };
    let timestamp = |text: &str| {
        Timestamp::from_text(text)
            .ok_or_else(|| Unreadable::new(format!("{text:?} is not a timestamp")))
    };
    Ok(Message {
        address: Address {
            pm_users,
            exclude_users: users(&read.exclude_users, names),
            channel,
            no_history: read.no_history.unwrap_or_default(),
        },
        uuid: read.uuid.map_or(id, MessageId::from),
        timestamp: timestamp(&read.timestamp)?,
        user: names.user(&read.user),
        message: read.message.map(|raw| Payload::from(raw.to_owned())),
        edited: read.edited.map(|text| timestamp(&text)).transpose()?,
        held: MessageMemory::default(),
    })
}

fn users(texts: &[Text<'_>], names: &mut Names<'_>) -> Vec<UserName> {
    texts.iter().map(|Text(text)| names.user(text)).collect()
}

#[cfg(test)]
mod tests;
