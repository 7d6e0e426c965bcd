//! What `/info` and the panel answer.

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

/// How much `/info` shows.
#[derive(Clone, Debug)]
pub struct InfoOptions {
    /// Shows each channel's history.
    pub include_history: bool,
    /// Shows each channel's users.
    pub include_users: bool,
    /// Shows only the public part of users' states.
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
    /// Returns how much of each channel is shown.
    pub fn detail(&self) -> Detail {
        Detail {
            history: self.include_history,
            users: self.include_users,
        }
    }
}

/// How much of a channel is shown.
#[derive(Clone, Copy, Debug)]
pub struct Detail {
    /// Shows the history.
    pub history: bool,
    /// Shows the users.
    pub users: bool,
}

/// A channel, with as much as the call asked for.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ChannelInfo {
    /// An id that is made with the channel.
    #[schema(value_type = String, format = "uuid")]
    pub uuid: uuid::Uuid,
    /// The name of the channel, which is also its key.
    pub name: ChannelName,
    /// Always null; the original server has this key.
    #[schema(required = true)]
    pub long_name: Option<&'static str>,
    /// The configuration of the channel, always whole.
    pub settings: ChannelConfig,
    /// The messages that history keeps, oldest first; empty unless asked for.
    #[serde(serialize_with = "history")]
    #[schema(value_type = Vec<StoredMessage<'static>>)]
    pub history: Vec<Arc<Message>>,
    /// The time at which something last happened in the channel.
    pub last_active: Timestamp,
    /// How many connections the present users have.
    pub total_connections: usize,
    /// How many users are present.
    pub total_users: usize,
    /// The names of the users who are present, sorted; empty unless asked for.
    #[serde(serialize_with = "Listing::serialize_names")]
    #[schema(value_type = Vec<UserName>)]
    pub users: Arc<Listing>,
}

/// A message as history keeps it, with two keys more than when it was accepted.
#[derive(Serialize, ToSchema)]
struct StoredMessage<'a> {
    #[serde(flatten)]
    message: &'a Message,
    #[schema(inline)]
    r#type: MessageType,
    /// History is not catch-up, so this is false.
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
    /// An id that is made with the user.
    #[schema(value_type = String, format = "uuid")]
    pub uuid: uuid::Uuid,
    /// The public part of the listed user's state.
    #[schema(value_type = BTreeMap<String, StateValue>)]
    pub state: State,
    /// The ids of the user's connections that are present.
    pub connections: Vec<ConnId>,
}

/// The numbers of the server since it started.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Totals {
    /// How many users are in memory, with or without connections.
    pub remembered_user_count: usize,
    /// How many users have connections.
    pub unique_user_count: usize,
    /// How many connections there are.
    pub total_connections: usize,
    /// How many channels there are.
    pub total_channels: usize,
    /// How many messages were delivered; one that three connections got counts three.
    pub total_messages: u64,
    /// How many messages were published since the server started.
    pub total_unique_messages: u64,
    /// All channels by name, or those of the page that was asked for.
    pub channels: BTreeMap<ChannelName, ChannelInfo>,
    /// All users with connections, or those of the page that was asked for.
    pub users: Vec<UserInfo>,
}
