//! The events that a client receives (`protocol.md` §§7, 13). Each event is encoded once. The
//! description of the API is derived from the types that encode the events.

mod body;

use serde::Serialize;
use utoipa::ToSchema;

pub use self::body::EventBody;
use crate::name::{ChannelName, MessageId, UserName};
use crate::protocol::message::{Deletion, Message, Patch, Payload};
use crate::protocol::state::{Change, State, StateValue, UserState};
use crate::protocol::timestamp::Timestamp;

/// Declares the type of the field `type` in one kind of event.
macro_rules! event_type {
    ($name:ident, $text:tt, $about:literal) => {
        #[doc = $about]
        #[derive(Clone, Copy, Debug, Serialize, ToSchema)]
        pub(super) enum $name {
            #[serde(rename = $text)]
            Is,
        }
    };
}

event_type!(
    MessageType,
    "message",
    "The type of a message is always `message`."
);
event_type!(
    EditType,
    "message:edit",
    "The type of an edit is always `message:edit`."
);
event_type!(
    DeletionType,
    "message:delete",
    "The type of a deletion is always `message:delete`."
);
event_type!(
    PresenceType,
    "presence",
    "The type of a presence event is always `presence`."
);
event_type!(
    StateChangeType,
    "user_state_change",
    "The type of a change of state is always `user_state_change`."
);
event_type!(
    GapType,
    "catchup:gap",
    "The type of a gap is always `catchup:gap`."
);

/// An event that a client reads; `type` says which kind of event it is.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
#[schema(discriminator(property_name = "type", mapping(
    ("message" = "#/components/schemas/MessageEvent"),
    ("message:edit" = "#/components/schemas/EditEvent"),
    ("message:delete" = "#/components/schemas/DeletionEvent"),
    ("presence" = "#/components/schemas/PresenceEvent"),
    ("user_state_change" = "#/components/schemas/StateChangeEvent"),
    ("catchup:gap" = "#/components/schemas/GapEvent"),
)))]
pub enum Event<'a> {
    /// A message that somebody sent.
    Message(MessageEvent<'a>),
    /// An edit of a message. Clients show the edited message from now on.
    Edit(EditEvent<'a>),
    /// A deletion, after which clients remove the message.
    Deletion(DeletionEvent<'a>),
    /// A user came to the channel or left it.
    Presence(PresenceEvent<'a>),
    /// The public state of a user changed.
    StateChange(StateChangeEvent<'a>),
    /// A gap: events that the client missed are gone.
    Gap(GapEvent<'a>),
}

/// A message that somebody sent to a channel or to this user.
#[derive(Serialize, ToSchema)]
pub struct MessageEvent<'a> {
    /// The id of the message, which edits and deletions name.
    uuid: MessageId,
    #[schema(inline)]
    r#type: MessageType,
    /// The time at which the message was sent.
    timestamp: Timestamp,
    /// The user who sent the message.
    user: &'a UserName,
    /// The channel of the message; null for a private message.
    #[schema(required = true)]
    channel: Option<&'a ChannelName>,
    /// The application's object; absent if the sender gave none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    message: Option<&'a Payload>,
    /// The time of the last edit; null if there was none.
    #[schema(required = true)]
    edited: Option<Timestamp>,
    /// True in catch-up: the client missed the event, or may already have read it.
    catchup: bool,
}

/// Encodes a `message`.
pub fn message(message: &Message) -> EventBody {
    let event = MessageEvent {
        uuid: message.uuid,
        r#type: MessageType::Is,
        timestamp: message.timestamp,
        user: &message.user,
        channel: message.address.channel.as_ref(),
        message: message.message.as_ref(),
        edited: message.edited,
        catchup: false,
    };
    EventBody::encode(&Event::Message(event), message.message.as_ref())
}

/// A message was edited. Values that the edit does not give stay as they were.
#[derive(Serialize, ToSchema)]
pub struct EditEvent<'a> {
    /// The id of the message that was edited.
    uuid: MessageId,
    #[schema(inline)]
    r#type: EditType,
    /// The new time of the message, if the edit gives one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    timestamp: Option<Timestamp>,
    /// The new sender of the message, if the edit gives one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    user: Option<&'a UserName>,
    /// The channel of the edited message; null if it is private.
    #[schema(required = true)]
    channel: Option<&'a ChannelName>,
    /// The new object of the message, if the edit gives one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    message: Option<&'a Payload>,
    /// The time at which the message was edited.
    edited: Timestamp,
    /// Present and true when the client missed the edit, and absent otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    catchup: Option<bool>,
}

/// Encodes a `message:edit`.
pub fn edit(patch: &Patch) -> EventBody {
    let event = EditEvent {
        uuid: patch.uuid,
        r#type: EditType::Is,
        timestamp: patch.timestamp,
        user: patch.user.as_ref(),
        channel: patch.address.channel.as_ref(),
        message: patch.message.as_ref(),
        edited: patch.edited,
        catchup: None,
    };
    EventBody::encode(&Event::Edit(event), patch.message.as_ref())
}

/// A message was deleted, so clients remove it.
#[derive(Serialize, ToSchema)]
pub struct DeletionEvent<'a> {
    /// The id of the message that was deleted.
    uuid: MessageId,
    #[schema(inline)]
    r#type: DeletionType,
    /// The channel of the deleted message; null if it was private.
    #[schema(required = true)]
    channel: Option<&'a ChannelName>,
    /// Present and true when the client missed the deletion, and absent otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    catchup: Option<bool>,
}

/// Encodes a `message:delete`.
pub fn deletion(deletion: &Deletion) -> EventBody {
    let channel = deletion.address.channel.as_ref();
    let event = DeletionEvent {
        uuid: deletion.uuid,
        r#type: DeletionType::Is,
        channel,
        catchup: None,
    };
    EventBody::encode(&Event::Deletion(event), None)
}

/// Whether the first connection of a user came to a channel, or the last one left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// The user's first connection came to the channel.
    Joined,
    /// The user's last connection left the channel.
    Parted,
}

/// The values of a `presence` event.
pub struct Presence<'a> {
    /// The id of the event.
    pub uuid: MessageId,
    /// The time of the event.
    pub timestamp: Timestamp,
    /// The user who came or left.
    pub user: &'a UserName,
    /// The channel of the event.
    pub channel: &'a ChannelName,
    /// Whether the user came or left.
    pub action: Action,
    /// The user's public state; `None` when the user left.
    pub state: Option<&'a State>,
    /// The users who are present now; empty unless the channel's configuration asks for them.
    pub users: &'a [UserState],
}

/// A user came to a channel or left it.
#[derive(Serialize, ToSchema)]
pub struct PresenceEvent<'a> {
    /// The id of this presence event.
    uuid: MessageId,
    #[schema(inline)]
    r#type: PresenceType,
    /// The time at which the user came or left.
    timestamp: Timestamp,
    /// The user who came or left.
    user: &'a UserName,
    /// The channel that the user came to or left.
    channel: &'a ChannelName,
    /// The public part of the user's state; null when the user left.
    #[schema(value_type = Option<BTreeMap<String, StateValue>>, required = true)]
    state: Option<&'a State>,
    /// The users who are present now; empty unless the channel's configuration asks for them.
    #[schema(value_type = Vec<UserState>)]
    users: &'a [UserState],
    /// An object that says whether the user came or left.
    message: PresenceMessage,
    /// True in catch-up: the client missed this presence event, or may already have read it.
    catchup: bool,
}

/// The object in a presence event that says whether the user came or left.
#[derive(Serialize, ToSchema)]
pub struct PresenceMessage {
    /// Either `joined` when the user came, or `parted` when the user left.
    action: Action,
}

/// Encodes a `presence`.
pub fn presence(event: &Presence<'_>) -> EventBody {
    let event = PresenceEvent {
        uuid: event.uuid,
        r#type: PresenceType::Is,
        timestamp: event.timestamp,
        user: event.user,
        channel: event.channel,
        state: event.state,
        users: event.users,
        message: PresenceMessage {
            action: event.action,
        },
        catchup: false,
    };
    EventBody::encode(&Event::Presence(event), None)
}

/// The values of a `user_state_change` event.
pub struct StateChange<'a> {
    /// The id of the event.
    pub uuid: MessageId,
    /// The time of the change.
    pub timestamp: Timestamp,
    /// The user whose state changed.
    pub user: &'a UserName,
    /// The channel that gets the event.
    pub channel: &'a ChannelName,
    /// The public state after the change.
    pub state: &'a State,
    /// The public values that changed.
    pub changed: &'a [Change],
}

/// Public values of a user's state changed.
#[derive(Serialize, ToSchema)]
pub struct StateChangeEvent<'a> {
    /// The id of this state event.
    uuid: MessageId,
    #[schema(inline)]
    r#type: StateChangeType,
    /// The time at which the state changed.
    timestamp: Timestamp,
    /// The user whose state changed.
    user: &'a UserName,
    /// The channel that gets this state event.
    channel: &'a ChannelName,
    /// The public state now, and what changed in it.
    message: StateChangeMessage<'a>,
    /// True in catch-up: the client missed this change, or may already have read it.
    catchup: bool,
}

/// A user's public state after a change, and the values that changed.
#[derive(Serialize, ToSchema)]
pub struct StateChangeMessage<'a> {
    /// The public part of the user's state after the change.
    #[schema(value_type = BTreeMap<String, StateValue>)]
    state: &'a State,
    /// The public values that changed, with their new values.
    #[schema(value_type = Vec<Change>)]
    changed: &'a [Change],
}

/// Encodes a `user_state_change`.
pub fn state_change(event: &StateChange<'_>) -> EventBody {
    let event = StateChangeEvent {
        uuid: event.uuid,
        r#type: StateChangeType::Is,
        timestamp: event.timestamp,
        user: event.user,
        channel: event.channel,
        message: StateChangeMessage {
            state: event.state,
            changed: event.changed,
        },
        catchup: false,
    };
    EventBody::encode(&Event::StateChange(event), None)
}

/// Events that the client missed are gone. The client should ask its application for the state.
#[derive(Serialize, ToSchema)]
pub struct GapEvent<'a> {
    /// The id of this gap event.
    uuid: MessageId,
    #[schema(inline)]
    r#type: GapType,
    /// The channel whose events are gone; null if they were private.
    #[schema(required = true)]
    channel: Option<&'a ChannelName>,
    /// The time at which the gap was found.
    timestamp: Timestamp,
    /// Always true, because a gap is found only in catch-up.
    catchup: bool,
}

/// Encodes a `catchup:gap`: entries that the client missed are gone. `channel` is `None` for
/// private messages.
pub fn gap(uuid: MessageId, channel: Option<&ChannelName>, timestamp: Timestamp) -> String {
    let event = GapEvent {
        uuid,
        r#type: GapType::Is,
        channel,
        timestamp,
        catchup: true,
    };
    EventBody::encode(&Event::Gap(event), None)
        .live()
        .to_owned()
}
