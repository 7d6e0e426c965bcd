//! The answers of `/info` and of the panel.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;
use serde::ser::{SerializeSeq, Serializer};
use utoipa::ToSchema;

use crate::name::{ChannelName, ConnId, UserName};
use crate::protocol::config::ChannelConfig;
use crate::protocol::event::MessageType;
use crate::protocol::listing::{Listing, Users};
use crate::protocol::message::Message;
use crate::protocol::state::{State, StateValue, UserState};
use crate::protocol::timestamp::Timestamp;

/// The channels, and the parts of them, that `/info` shows.
#[derive(Clone, Debug)]
pub struct InfoOptions {
    /// Whether each channel's history is shown.
    pub include_history: bool,
    /// Whether each channel's users are shown.
    pub include_users: bool,
    /// Whether only the public part of users' states is shown.
    pub return_public_state: bool,
    /// The channels that are not shown.
    pub exclude_channels: Vec<ChannelName>,
}

impl Default for InfoOptions {
    fn default() -> Self {
        Self {
            include_history: true,
            include_users: true,
            return_public_state: false,
            exclude_channels: Vec::new(),
        }
    }
}

impl InfoOptions {
    /// Returns the parts of each channel that are shown.
    pub fn detail(&self) -> Detail {
        Detail {
            history: self.include_history,
            users: self.include_users,
        }
    }
}

/// The parts of a channel that are shown.
#[derive(Clone, Copy, Debug)]
pub struct Detail {
    /// Whether the history is shown.
    pub history: bool,
    /// Whether the users are shown.
    pub users: bool,
}

/// A channel, with the parts that the call asked for.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ChannelInfo {
    /// The id that the channel got when it was created.
    #[schema(value_type = String, format = "uuid")]
    pub uuid: uuid::Uuid,
    /// The name of the channel, which is also its key.
    pub name: ChannelName,
    /// Always null; the original server has this key.
    #[schema(required = true)]
    pub long_name: Option<&'static str>,
    /// The configuration of the channel, with all six settings.
    pub settings: ChannelConfig,
    /// The messages in the history, oldest first; empty unless asked for.
    #[serde(serialize_with = "history")]
    #[schema(value_type = Vec<StoredMessage<'static>>)]
    pub history: Vec<Arc<Message>>,
    /// The time of the last activity in the channel.
    pub last_active: Timestamp,
    /// The number of connections that the present users have in the channel.
    pub total_connections: usize,
    /// The number of users who are present in the channel.
    pub total_users: usize,
    /// The names of the users who are present, sorted; empty unless asked for.
    #[serde(serialize_with = "Listing::serialize_names")]
    #[schema(value_type = Vec<UserName>)]
    pub users: Arc<Listing>,
}

/// A message in the history: the accepted message with two more keys.
#[derive(Serialize, ToSchema)]
struct StoredMessage<'a> {
    #[serde(flatten)]
    message: &'a Message,
    #[schema(inline)]
    r#type: MessageType,
    /// Always false, because the history is not catch-up.
    catchup: bool,
}

fn history<S: Serializer>(messages: &[Arc<Message>], serializer: S) -> Result<S::Ok, S::Error> {
    let mut list = serializer.serialize_seq(Some(messages.len()))?;
    for message in messages {
        list.serialize_element(&StoredMessage {
            message,
            r#type: MessageType::Is,
            catchup: false,
        })?;
    }
    list.end()
}

/// Channels by name, and the users who are present in them.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
pub struct Info {
    /// The channels that were asked for and exist, by name.
    pub channels: BTreeMap<ChannelName, ChannelInfo>,
    /// The users who are present in these channels, each once, sorted by name.
    #[schema(value_type = Vec<UserState>)]
    pub users: Users,
}

/// A user with connections, as the panel lists it.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct UserInfo {
    /// The name of the listed user.
    pub user: UserName,
    /// The id that the user got when it was created.
    #[schema(value_type = String, format = "uuid")]
    pub uuid: uuid::Uuid,
    /// The public part of the listed user's state.
    #[schema(value_type = BTreeMap<String, StateValue>)]
    pub state: State,
    /// The ids of the user's connections that count as present.
    pub connections: Vec<ConnId>,
}

/// What a client is told of its own connection.
#[derive(Clone, Debug, Serialize)]
pub struct Introduction {
    /// The name of the connection's user.
    pub username: UserName,
    /// The channels of the connection, sorted.
    pub channels: Vec<ChannelName>,
    /// The public part of the user's state.
    pub state: State,
}

/// The current numbers of the server, and its totals since the start.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Totals {
    /// The number of users in memory, with or without connections.
    pub remembered_user_count: usize,
    /// The number of users who have connections.
    pub unique_user_count: usize,
    /// The number of connections that exist.
    pub total_connections: usize,
    /// The number of channels that exist.
    pub total_channels: usize,
    /// The number of deliveries. A message that three connections got counts as three.
    pub total_messages: u64,
    /// The number of messages that were published since the server started.
    pub total_unique_messages: u64,
    /// All channels by name, or those of the page that was asked for.
    pub channels: BTreeMap<ChannelName, ChannelInfo>,
    /// All users with connections, or those of the page that was asked for.
    pub users: Vec<UserInfo>,
}
