//! The events a client receives (`protocol.md` §§7, 13), encoded once each.

use bytestring::ByteString;
use serde::Serialize;

use crate::name::{ChannelName, MessageId, UserName};
use crate::protocol::message::{Deletion, Message, Patch, Payload};
use crate::protocol::state::{Change, State, UserState};
use crate::protocol::timestamp::Timestamp;

/// What stands at the end of the body of an event that tells whether it is caught up.
const LIVE_MARK: &str = ",\"catchup\":false}";
const CATCH_UP_MARK: &str = ",\"catchup\":true}";

/// What an event holds beside the application's object, mostly.
const ENVELOPE: usize = 256;

/// An event as the JSON object that goes to clients, in the form for those who listen while it happens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Body(ByteString);

impl Body {
    /// Encodes an event, which may carry an application's object.
    fn encode(event: &impl Serialize, payload: Option<&Payload>) -> Self {
        let mut text = Vec::with_capacity(ENVELOPE + payload.map_or(0, |payload| payload.get().len()));
        let encoded = serde_json::to_writer(&mut text, event).ok();
        // What was not used would be kept as long as the event.
        text.shrink_to_fit();
        let text = encoded.and_then(|()| ByteString::try_from(text).ok());
        // These events hold text keys and values only, which always encode.
        Self(text.unwrap_or_else(|| {
            log::error!("an event could not be encoded");
            ByteString::from_static("{\"type\":\"error\"}")
        }))
    }

    /// For who listens while it happens.
    pub fn live(&self) -> &str {
        &self.0
    }

    /// Appends the form for who missed it: the same object with `"catchup": true`. An edit or a deletion has no such key when it
    /// comes at once (`protocol.md` §7), so there the mark is added instead of changed.
    pub fn write_caught_up(&self, out: &mut String) {
        out.push_str(self.0.strip_suffix(LIVE_MARK).or_else(|| self.0.strip_suffix('}')).unwrap_or_default());
        out.push_str(CATCH_UP_MARK);
    }

    /// The length of the live form in bytes.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Never true: an event is an object with keys.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[derive(Serialize)]
struct MessageEvent<'a> {
    uuid: MessageId,
    r#type: &'static str,
    timestamp: Timestamp,
    user: &'a UserName,
    channel: Option<&'a ChannelName>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'a Payload>,
    edited: Option<Timestamp>,
    catchup: bool,
}

/// `message`.
pub fn message(message: &Message) -> Body {
    let event = MessageEvent {
        uuid: message.uuid,
        r#type: "message",
        timestamp: message.timestamp,
        user: &message.user,
        channel: message.address.channel.as_ref(),
        message: message.message.as_ref(),
        edited: message.edited,
        catchup: false,
    };
    Body::encode(&event, message.message.as_ref())
}

#[derive(Serialize)]
struct EditEvent<'a> {
    uuid: MessageId,
    r#type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    timestamp: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<&'a UserName>,
    channel: Option<&'a ChannelName>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'a Payload>,
    edited: Timestamp,
}

/// `message:edit`.
pub fn edit(patch: &Patch) -> Body {
    let event = EditEvent {
        uuid: patch.uuid,
        r#type: "message:edit",
        timestamp: patch.timestamp,
        user: patch.user.as_ref(),
        channel: patch.address.channel.as_ref(),
        message: patch.message.as_ref(),
        edited: patch.edited,
    };
    Body::encode(&event, patch.message.as_ref())
}

#[derive(Serialize)]
struct DeletionEvent<'a> {
    uuid: MessageId,
    r#type: &'static str,
    channel: Option<&'a ChannelName>,
}

/// `message:delete`.
pub fn deletion(deletion: &Deletion) -> Body {
    Body::encode(&DeletionEvent { uuid: deletion.uuid, r#type: "message:delete", channel: deletion.address.channel.as_ref() }, None)
}

/// What a `presence` event says happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// The user's first connection came.
    Joined,
    /// Its last one went.
    Parted,
}

/// A `presence` event.
#[derive(Serialize)]
pub struct Presence<'a> {
    /// The event's id.
    pub uuid: MessageId,
    /// When.
    pub timestamp: Timestamp,
    /// Who came or went.
    pub user: &'a UserName,
    /// Where.
    pub channel: &'a ChannelName,
    /// What happened.
    #[serde(skip)]
    pub action: Action,
    /// The user's public state; null when it parted.
    pub state: Option<&'a State>,
    /// Who is here now, where the channel's configuration asks for it.
    pub users: &'a [UserState],
}

#[derive(Serialize)]
struct ActionField {
    action: Action,
}

#[derive(Serialize)]
struct Tagged<'a, E, M> {
    r#type: &'static str,
    #[serde(flatten)]
    event: &'a E,
    message: M,
    catchup: bool,
}

/// `presence`.
pub fn presence(event: &Presence<'_>) -> Body {
    let message = ActionField { action: event.action };
    Body::encode(&Tagged { r#type: "presence", event, message, catchup: false }, None)
}

/// A `user_state_change` event.
#[derive(Serialize)]
pub struct StateChange<'a> {
    /// The event's id.
    pub uuid: MessageId,
    /// When.
    pub timestamp: Timestamp,
    /// Whose state.
    pub user: &'a UserName,
    /// Where this is told.
    pub channel: &'a ChannelName,
    /// The public state now.
    #[serde(skip)]
    pub state: &'a State,
    /// The public values that changed.
    #[serde(skip)]
    pub changed: &'a [Change],
}

#[derive(Serialize)]
struct StateFields<'a> {
    state: &'a State,
    changed: &'a [Change],
}

/// `user_state_change`.
pub fn state_change(event: &StateChange<'_>) -> Body {
    let message = StateFields { state: event.state, changed: event.changed };
    Body::encode(&Tagged { r#type: "user_state_change", event, message, catchup: false }, None)
}

#[derive(Serialize)]
struct GapEvent<'a> {
    uuid: MessageId,
    r#type: &'static str,
    channel: Option<&'a ChannelName>,
    timestamp: Timestamp,
    catchup: bool,
}

/// `catchup:gap`: entries that the client missed are gone. `channel` is `None` for private messages.
pub fn gap(uuid: MessageId, channel: Option<&ChannelName>, timestamp: Timestamp) -> String {
    let event = GapEvent { uuid, r#type: "catchup:gap", channel, timestamp, catchup: true };
    Body::encode(&event, None).0.to_string()
}
