//! What the entries of logs and the states of users say, in the form in which Redis keeps it. A
//! script looks into none of it, but writes what an entry says of presence and state (`logs.lua`).

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::core::visible_state::VisibleState;
use crate::name::{ChannelName, MessageId, UserName};
use crate::protocol::event::Action;
use crate::protocol::message::{Address, Deletion, Message, MessageMemory, Patch, Payload};
use crate::protocol::state::{Change, State, StateValue, UserState};
use crate::protocol::timestamp::Timestamp;

/// What an entry of a log says.
#[derive(Debug)]
pub enum Content {
    /// A message.
    Message(Message),
    /// An edit of a message.
    Edit(Patch),
    /// A deletion of a message.
    Deletion(Deletion),
    /// A message that was deleted.
    Emptied,
    /// A user has come to the channel or left it.
    Presence {
        /// The user.
        user: UserName,
        /// Whether the user has come or left.
        action: Action,
        /// The public state of the user.
        state: State,
        /// The users who are present then, each with its public state; empty unless the channel
        /// asks for them.
        users: Vec<UserState>,
    },
    /// The state of a user was changed.
    State {
        /// The user.
        user: UserName,
        /// The public state of the user.
        state: State,
        /// The public values that were changed.
        changed: Vec<Change>,
    },
}

/// The reason why something in Redis cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum NotReadable {
    /// It is not the JSON that this version writes.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    /// It is of a kind, or has a value, that this version does not know.
    #[error("an unknown {0}")]
    Unknown(&'static str),
}

/// A text that is borrowed from the JSON where possible, also inside lists.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// A message, an edit or a deletion. Each is written as callers get it.
#[derive(Deserialize)]
struct ReadMessage<'a> {
    #[serde(borrow)]
    pm_users: Vec<Text<'a>>,
    #[serde(borrow)]
    exclude_users: Vec<Text<'a>>,
    #[serde(borrow)]
    channel: Option<Text<'a>>,
    no_history: bool,
    uuid: Uuid,
    #[serde(borrow)]
    timestamp: Option<Text<'a>>,
    #[serde(borrow)]
    user: Option<Text<'a>>,
    #[serde(borrow)]
    message: Option<&'a RawValue>,
    #[serde(borrow)]
    edited: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct ReadEvent<'a> {
    #[serde(borrow)]
    user: Text<'a>,
    #[serde(borrow)]
    state: Option<ReadUser<'a>>,
    #[serde(borrow, default)]
    users: Vec<(Text<'a>, Option<ReadUser<'a>>)>,
    #[serde(borrow, default)]
    changed: Vec<ReadChange<'a>>,
}

#[derive(Deserialize)]
struct ReadUser<'a> {
    #[serde(borrow)]
    state: BTreeMap<String, &'a RawValue>,
    public_keys: Vec<String>,
}

#[derive(Deserialize)]
struct ReadChange<'a> {
    key: String,
    #[serde(borrow)]
    value: &'a RawValue,
}

#[derive(Serialize)]
struct WrittenUser<'a> {
    state: &'a State,
    public_keys: &'a [String],
}

impl Content {
    /// Reads what an entry says.
    ///
    /// # Errors
    /// Fails when another version has written it, and this one does not know it.
    pub fn read(content: &[u8]) -> Result<Self, NotReadable> {
        let Some((kind, json)) = content.split_first() else {
            return Err(NotReadable::Unknown("empty entry"));
        };
        Ok(match kind {
            b'm' => Self::Message(serde_json::from_slice::<ReadMessage<'_>>(json)?.message()?),
            b'e' => Self::Edit(serde_json::from_slice::<ReadMessage<'_>>(json)?.patch()?),
            b'd' => Self::Deletion(serde_json::from_slice::<ReadMessage<'_>>(json)?.deletion()),
            b'x' => Self::Emptied,
            b'+' => serde_json::from_slice::<ReadEvent<'_>>(json)?.presence(Action::Joined)?,
            b'-' => serde_json::from_slice::<ReadEvent<'_>>(json)?.presence(Action::Parted)?,
            b's' => serde_json::from_slice::<ReadEvent<'_>>(json)?.state()?,
            _ => return Err(NotReadable::Unknown("kind of entry")),
        })
    }
}

/// Writes a message for a log.
///
/// # Errors
/// Returns the error of the encoder.
pub fn write_message(message: &Message) -> serde_json::Result<Bytes> {
    write(b'm', message)
}

/// Writes a message for the private log of a user. Of its recipients only this one is written.
///
/// # Errors
/// Returns the error of the encoder.
pub fn write_private_message(message: &Message, user: &UserName) -> serde_json::Result<Bytes> {
    let mut message = message.clone();
    message.address.pm_users = vec![user.clone()];
    write(b'm', &message)
}

/// Writes an edit of a message.
///
/// # Errors
/// Returns the error of the encoder.
pub fn write_edit(patch: &Patch) -> serde_json::Result<Bytes> {
    write(b'e', patch)
}

/// Writes a deletion of a message.
///
/// # Errors
/// Returns the error of the encoder.
pub fn write_deletion(deletion: &Deletion) -> serde_json::Result<Bytes> {
    write(b'd', deletion)
}

/// Writes the state of a user.
///
/// # Errors
/// Returns the error of the encoder.
pub fn write_state(state: &VisibleState) -> serde_json::Result<Bytes> {
    let written = WrittenUser {
        state: state.state(),
        public_keys: state.public_keys(),
    };
    Ok(serde_json::to_vec(&written)?.into())
}

/// Writes changed values of a state.
///
/// # Errors
/// Returns the error of the encoder.
pub fn write_changes(changes: &[Change]) -> serde_json::Result<Bytes> {
    Ok(serde_json::to_vec(changes)?.into())
}

/// Reads the state of a user.
///
/// # Errors
/// Fails when another version has written it, and this one does not know it.
pub fn read_state(content: &[u8]) -> Result<VisibleState, NotReadable> {
    serde_json::from_slice::<ReadUser<'_>>(content)?.state()
}

fn write(kind: u8, value: &impl Serialize) -> serde_json::Result<Bytes> {
    let mut content = vec![kind];
    serde_json::to_writer(&mut content, value)?;
    Ok(content.into())
}

impl Text<'_> {
    fn user(&self) -> UserName {
        UserName::new(&*self.0)
    }

    fn timestamp(&self) -> Result<Timestamp, NotReadable> {
        Timestamp::from_text(&self.0).ok_or(NotReadable::Unknown("form of a timestamp"))
    }
}

impl ReadMessage<'_> {
    fn address(&self) -> Address {
        Address {
            pm_users: self.pm_users.iter().map(Text::user).collect(),
            exclude_users: self.exclude_users.iter().map(Text::user).collect(),
            channel: self
                .channel
                .as_ref()
                .map(|Text(it)| ChannelName::new(&**it)),
            no_history: self.no_history,
        }
    }

    fn payload(&self) -> Option<Payload> {
        self.message.map(|raw| Payload::from(raw.to_owned()))
    }

    fn message(self) -> Result<Message, NotReadable> {
        const INCOMPLETE: NotReadable = NotReadable::Unknown("form of a message");
        let edited = self.edited.as_ref().map(Text::timestamp).transpose()?;
        Ok(Message {
            address: self.address(),
            uuid: MessageId::from(self.uuid),
            timestamp: self.timestamp.as_ref().ok_or(INCOMPLETE)?.timestamp()?,
            user: self.user.as_ref().ok_or(INCOMPLETE)?.user(),
            message: self.payload(),
            edited,
            held: MessageMemory::default(),
        })
    }

    fn patch(self) -> Result<Patch, NotReadable> {
        const INCOMPLETE: NotReadable = NotReadable::Unknown("form of an edit");
        Ok(Patch {
            address: self.address(),
            uuid: MessageId::from(self.uuid),
            timestamp: self.timestamp.as_ref().map(Text::timestamp).transpose()?,
            user: self.user.as_ref().map(Text::user),
            message: self.payload(),
            edited: self.edited.as_ref().ok_or(INCOMPLETE)?.timestamp()?,
        })
    }

    fn deletion(self) -> Deletion {
        Deletion {
            address: self.address(),
            uuid: MessageId::from(self.uuid),
        }
    }
}

impl ReadEvent<'_> {
    fn presence(self, action: Action) -> Result<Content, NotReadable> {
        let user = |(name, state): (Text<'_>, Option<ReadUser<'_>>)| {
            Ok(UserState {
                user: name.user(),
                state: public(state)?,
            })
        };
        Ok(Content::Presence {
            user: self.user.user(),
            action,
            state: public(self.state)?,
            users: self
                .users
                .into_iter()
                .map(user)
                .collect::<Result<_, NotReadable>>()?,
        })
    }

    fn state(self) -> Result<Content, NotReadable> {
        let state = public(self.state)?;
        let mut changed = Vec::new();
        for ReadChange { key, value } in self.changed {
            if state.contains_key(&key) {
                let value = state_value(value)?;
                changed.push(Change { key, value });
            }
        }
        Ok(Content::State {
            user: self.user.user(),
            state,
            changed,
        })
    }
}

impl ReadUser<'_> {
    fn state(self) -> Result<VisibleState, NotReadable> {
        let values = self.state.into_iter();
        let values = values.map(|(key, raw)| Ok((key, state_value(raw)?)));
        let state: BTreeMap<_, _> = values.collect::<Result<_, NotReadable>>()?;
        Ok(VisibleState::restore(Arc::new(state), self.public_keys))
    }
}

fn state_value(raw: &RawValue) -> Result<StateValue, NotReadable> {
    StateValue::from_json(raw).ok_or(NotReadable::Unknown("value of a state"))
}

/// Returns the public part of a state. A user who never had a state has an empty one.
fn public(user: Option<ReadUser<'_>>) -> Result<State, NotReadable> {
    let state = user.map(ReadUser::state).transpose()?;
    Ok(state
        .map(|it| it.public_state().clone())
        .unwrap_or_default())
}
