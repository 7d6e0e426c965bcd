//! Messages: what a caller sends (drafts, patches, deletions), and what was accepted (`protocol.md` §5).

use std::collections::HashSet;
use std::sync::Arc;

use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::name::{ChannelName, MessageId, UserName};
use crate::protocol::timestamp::Timestamp;

/// The `message` of a message: an object of the application's, passed on byte for byte.
pub type Payload = Arc<RawValue>;

/// Where something is to go. Without channel and recipients it goes nowhere.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
pub struct Address {
    /// Recipients: of the channel, or, without one, all connections of these users.
    pub pm_users: Vec<UserName>,
    /// Users of the channel that are left out.
    pub exclude_users: Vec<UserName>,
    /// The channel.
    pub channel: Option<ChannelName>,
    /// Keep it out of the history.
    pub no_history: bool,
}

/// The one place an [`Address`] leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// The subscribers of a channel.
    Channel(ChannelName),
    /// All connections of these users, each user once.
    Users(Vec<UserName>),
    /// Nobody.
    Nowhere,
}

impl Address {
    /// Neither channel nor recipients.
    pub fn leads_nowhere(&self) -> bool {
        self.channel.is_none() && self.pm_users.is_empty()
    }

    /// A channel counts before recipients.
    pub fn destination(&self) -> Destination {
        if let Some(channel) = &self.channel {
            return Destination::Channel(channel.clone());
        }
        if self.pm_users.is_empty() {
            return Destination::Nowhere;
        }
        let mut seen = HashSet::with_capacity(self.pm_users.len());
        let users = self.pm_users.iter().filter(|user| seen.insert(*user)).cloned().collect();
        Destination::Users(users)
    }
}

/// What a caller sends to be published; id and time are given or made.
#[derive(Clone, Debug)]
pub struct Draft {
    /// Where it goes.
    pub address: Address,
    /// Its id, unless the server shall make one.
    pub uuid: Option<MessageId>,
    /// Its time, unless it is now.
    pub timestamp: Option<Timestamp>,
    /// The sender.
    pub user: UserName,
    /// The application's object.
    pub message: Option<Payload>,
}

/// A message as accepted: the answer of `POST /message`, and what history keeps.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Message {
    /// Where it goes.
    #[serde(flatten)]
    pub address: Address,
    /// Its id.
    pub uuid: MessageId,
    /// When it was sent.
    pub timestamp: Timestamp,
    /// The sender.
    pub user: UserName,
    /// The application's object.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub message: Option<Payload>,
    /// When it was last edited.
    pub edited: Option<Timestamp>,
}

impl Message {
    /// Returns how many bytes it holds.
    pub fn size(&self) -> usize {
        let name = |name: &UserName| size_of::<UserName>() + SHARED + name.as_str().len();
        let names = |users: &[UserName]| users.iter().map(name).sum::<usize>();
        let payload = self.message.as_ref().map_or(0, |payload| SHARED + payload.get().len());
        SHARED + size_of::<Self>() + payload + name(&self.user) + names(&self.address.pm_users) + names(&self.address.exclude_users)
    }
}

/// The two counts before what an [`Arc`] holds, and what an allocator adds.
const SHARED: usize = 4 * size_of::<usize>();

/// An edit as accepted: the answer of `PATCH /message`.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Patch {
    /// Where it goes.
    #[serde(flatten)]
    pub address: Address,
    /// The message that is edited.
    pub uuid: MessageId,
    /// A new time, if given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<Timestamp>,
    /// A new sender, if given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<UserName>,
    /// A new object, if given.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub message: Option<Payload>,
    /// When it was edited.
    pub edited: Timestamp,
}

impl Patch {
    /// The message with what this patch gives.
    pub fn applied_to(&self, message: &Message) -> Message {
        let mut edited = message.clone();
        edited.edited = Some(self.edited);
        if let Some(timestamp) = self.timestamp {
            edited.timestamp = timestamp;
        }
        if let Some(user) = &self.user {
            edited.user = user.clone();
        }
        if let Some(payload) = &self.message {
            edited.message = Some(payload.clone());
        }
        edited
    }
}

/// A deletion as accepted: the answer of `DELETE /message`.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Deletion {
    /// Where it goes.
    #[serde(flatten)]
    pub address: Address,
    /// The message that is deleted.
    pub uuid: MessageId,
}
