//! What `/info` and the panel answer.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;
use serde::ser::{SerializeSeq, Serializer};
use utoipa::ToSchema;

use crate::name::{ChannelName, ConnId, UserName};
use crate::protocol::config::ChannelConfig;
use crate::protocol::listing::{Listing, Users};
use crate::protocol::message::Message;
use crate::protocol::state::{State, StateValue, UserState};
use crate::protocol::timestamp::Timestamp;

/// How much `/info` shall tell.
#[derive(Clone, Debug)]
pub struct InfoOptions {
    /// With each channel's history.
    pub include_history: bool,
    /// With each channel's users.
    pub include_users: bool,
    /// Of a user's state only the public part.
    pub return_public_state: bool,
    /// Channels left out.
    pub exclude_channels: Vec<ChannelName>,
}

impl Default for InfoOptions {
    fn default() -> Self {
        Self { include_history: true, include_users: true, return_public_state: false, exclude_channels: Vec::new() }
    }
}

impl InfoOptions {
    /// How much each channel shall tell.
    pub fn detail(&self) -> Detail {
        Detail { history: self.include_history, users: self.include_users }
    }
}

/// How much a channel shall tell.
#[derive(Clone, Copy, Debug)]
pub struct Detail {
    /// Its history too.
    pub history: bool,
    /// Its users too.
    pub users: bool,
}

/// A channel as `/info` tells it.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ChannelInfo {
    /// An id born with the channel.
    #[schema(value_type = String, format = "uuid")]
    pub uuid: uuid::Uuid,
    /// Its name.
    pub name: ChannelName,
    /// Always null; the original has it.
    pub long_name: Option<&'static str>,
    /// Its configuration.
    pub settings: ChannelConfig,
    /// What history keeps, oldest first; empty unless asked for.
    #[serde(serialize_with = "history")]
    #[schema(value_type = Vec<Message>)]
    pub history: Vec<Arc<Message>>,
    /// When something last happened in it.
    pub last_active: Timestamp,
    /// Connections of those present.
    pub total_connections: usize,
    /// The length of `users`.
    pub total_users: usize,
    /// Who is present, sorted; empty unless asked for.
    #[serde(serialize_with = "Listing::serialize_names")]
    #[schema(value_type = Vec<UserName>)]
    pub users: Arc<Listing>,
}

/// A message in history has two keys more than in an answer.
fn history<S: Serializer>(messages: &[Arc<Message>], serializer: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Stored<'a> {
        #[serde(flatten)]
        message: &'a Message,
        r#type: &'static str,
        catchup: bool,
    }
    let mut list = serializer.serialize_seq(Some(messages.len()))?;
    for message in messages {
        list.serialize_element(&Stored { message, r#type: "message", catchup: false })?;
    }
    list.end()
}

/// The answer of `/info`.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
pub struct Info {
    /// The channels asked for that exist.
    pub channels: BTreeMap<ChannelName, ChannelInfo>,
    /// The users listed there, each once, sorted.
    #[schema(value_type = Vec<UserState>)]
    pub users: Users,
}

/// A user as the panel sees it.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct UserInfo {
    /// The name.
    pub user: UserName,
    /// An id born with the user.
    #[schema(value_type = String, format = "uuid")]
    pub uuid: uuid::Uuid,
    /// The public part of the state.
    #[schema(value_type = BTreeMap<String, StateValue>)]
    pub state: State,
    /// The connections that are present.
    pub connections: Vec<ConnId>,
}

/// The server's numbers, for the panel.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Totals {
    /// Users in memory, with or without connections.
    pub remembered_user_count: usize,
    /// Users with connections.
    pub unique_user_count: usize,
    /// Connections.
    pub total_connections: usize,
    /// Channels.
    pub total_channels: usize,
    /// Deliveries of messages since the start: one message to three listening connections counts three.
    pub total_messages: u64,
    /// Messages since the start.
    pub total_unique_messages: u64,
    /// All channels.
    pub channels: BTreeMap<ChannelName, ChannelInfo>,
    /// Users with connections.
    pub users: Vec<UserInfo>,
}
