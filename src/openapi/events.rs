//! What pages say to listen, and what they hear (`protocol.md` §7, §13). Events are encoded by hand, once each; these types only describe them.

#![expect(dead_code, reason = "they say what queries and events look like")]

use std::collections::BTreeMap;

use channelstream_actors::protocol::state::{Change, StateValue, UserState};
use channelstream_actors::protocol::timestamp::Timestamp;
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

/// What a page says that wants to listen.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Listening {
    /// Of its connection. Who knows it is the connection.
    #[param(value_type = String, format = "uuid")]
    conn_id: (),
    /// The `id` of the last event it read by server-sent events, if it did.
    last_event_id: Option<String>,
}

/// What a page hears.
#[derive(Serialize, ToSchema)]
#[serde(tag = "type")]
pub enum Event {
    /// A message.
    #[serde(rename = "message")]
    Message(MessageEvent),
    /// A message was changed; what was not given stays.
    #[serde(rename = "message:edit")]
    Edit(EditEvent),
    /// A message was deleted.
    #[serde(rename = "message:delete")]
    Delete(DeleteEvent),
    /// A user came or went.
    #[serde(rename = "presence")]
    Presence(PresenceEvent),
    /// The public state of a user changed.
    #[serde(rename = "user_state_change")]
    UserState(UserStateEvent),
    /// Entries that were missed are gone; ask the application for what is true now.
    #[serde(rename = "catchup:gap")]
    Gap(GapEvent),
}

/// A message.
#[derive(Serialize, ToSchema)]
pub struct MessageEvent {
    /// Of the message.
    #[schema(format = "uuid")]
    uuid: String,
    timestamp: Timestamp,
    /// The sender.
    user: String,
    /// Null: it is private.
    channel: Option<String>,
    /// The application's object.
    #[schema(value_type = Object)]
    message: (),
    edited: Option<Timestamp>,
    /// Whether it was missed, or may have been read before.
    catchup: bool,
}

/// A changed message.
#[derive(Serialize, ToSchema)]
pub struct EditEvent {
    /// Of the message.
    #[schema(format = "uuid")]
    uuid: String,
    /// Null: it is private.
    channel: Option<String>,
    edited: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    timestamp: Option<Timestamp>,
    #[schema(value_type = Option<Object>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<()>,
}

/// A deleted message.
#[derive(Serialize, ToSchema)]
pub struct DeleteEvent {
    /// Of the message.
    #[schema(format = "uuid")]
    uuid: String,
    /// Null: it is private.
    channel: Option<String>,
}

/// What a user did.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Action {
    Joined,
    Parted,
}

/// What a user did.
#[derive(Serialize, ToSchema)]
struct Presence {
    action: Action,
}

/// A user came or went.
#[derive(Serialize, ToSchema)]
pub struct PresenceEvent {
    #[schema(format = "uuid")]
    uuid: String,
    timestamp: Timestamp,
    user: String,
    channel: String,
    message: Presence,
    /// The public part; null when the user parted.
    state: Option<BTreeMap<String, StateValue>>,
    /// Who is here now, where the channel tells; else empty.
    users: Vec<UserState>,
    catchup: bool,
}

/// What changed.
#[derive(Serialize, ToSchema)]
struct StateChange {
    /// The public part, now.
    state: BTreeMap<String, StateValue>,
    changed: Vec<Change>,
}

/// The public state of a user changed.
#[derive(Serialize, ToSchema)]
pub struct UserStateEvent {
    #[schema(format = "uuid")]
    uuid: String,
    timestamp: Timestamp,
    user: String,
    channel: String,
    message: StateChange,
    catchup: bool,
}

/// Entries that were missed are gone.
#[derive(Serialize, ToSchema)]
pub struct GapEvent {
    #[schema(format = "uuid")]
    uuid: String,
    timestamp: Timestamp,
    /// Null: private messages.
    channel: Option<String>,
    catchup: bool,
}
