//! Messages: the drafts that callers send, and the accepted messages, edits and deletions
//! (`protocol.md` §5).

use std::collections::HashSet;
use std::sync::Arc;

use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::openapi::schema::{AdditionalProperties, ObjectBuilder};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::memory::HeldBytes;
use crate::name::{ChannelName, MessageId, UserName};
use crate::protocol::timestamp::Timestamp;

/// The application's object, with any keys and values, which is passed on byte for byte.
#[derive(Clone, Debug, Serialize)]
#[serde(transparent)]
pub struct Payload(Arc<RawValue>);

impl PartialSchema for Payload {
    fn schema() -> RefOr<Schema> {
        let description =
            "The application's object, with any keys and values, which is passed on unchanged.";
        let object = ObjectBuilder::new().description(Some(description));
        object
            .additional_properties(Some(AdditionalProperties::FreeForm(true)))
            .into()
    }
}

impl ToSchema for Payload {}

impl Payload {
    /// Returns the object's JSON.
    pub fn get(&self) -> &str {
        self.0.get()
    }
}

impl From<Box<RawValue>> for Payload {
    fn from(object: Box<RawValue>) -> Self {
        Self(object.into())
    }
}

/// The recipients of a message. A message with neither a channel nor `pm_users` reaches nobody.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
pub struct Address {
    /// The users who get the message: in the channel if there is one, or on all their connections.
    pub pm_users: Vec<UserName>,
    /// The users of the channel who do not get the message.
    pub exclude_users: Vec<UserName>,
    /// The channel that gets the message; null if it is private.
    #[schema(required = true)]
    pub channel: Option<ChannelName>,
    /// Whether the message is kept out of the history.
    pub no_history: bool,
}

/// The one destination of an [`Address`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// The subscribers of a channel.
    Channel(ChannelName),
    /// All connections of these users, each user once.
    Users(Vec<UserName>),
    /// Nobody.
    Nobody,
}

impl Address {
    /// Returns whether the address has neither a channel nor recipients.
    pub fn reaches_nobody(&self) -> bool {
        self.channel.is_none() && self.pm_users.is_empty()
    }

    /// Returns the destination of the message: the channel if there is one, and otherwise the
    /// recipients.
    pub fn destination(&self) -> Destination {
        if let Some(channel) = &self.channel {
            return Destination::Channel(channel.clone());
        }
        if self.pm_users.is_empty() {
            return Destination::Nobody;
        }
        let mut seen = HashSet::with_capacity(self.pm_users.len());
        let users = self
            .pm_users
            .iter()
            .filter(|user| seen.insert(*user))
            .cloned()
            .collect();
        Destination::Users(users)
    }
}

/// A message that a caller sends to be published.
#[derive(Clone, Debug)]
pub struct Draft {
    /// The recipients of the message.
    pub address: Address,
    /// The id of the message; if `None`, the server makes one.
    pub uuid: Option<MessageId>,
    /// The time of the message; if `None`, it is the present time.
    pub timestamp: Option<Timestamp>,
    /// The user who sends the message.
    pub user: UserName,
    /// The application's object.
    pub message: Option<Payload>,
}

/// An accepted message, as `POST /message` returns it and the history keeps it.
// Generators of clients confuse a type called `Message` with its field.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = AcceptedMessage)]
pub struct Message {
    /// The recipients, and whether the history keeps the message.
    #[serde(flatten)]
    pub address: Address,
    /// The id of the accepted message.
    pub uuid: MessageId,
    /// The time of the message, as the caller gave it or the server set it.
    pub timestamp: Timestamp,
    /// The user who is named as sender.
    pub user: UserName,
    /// The application's object, as the caller gave it; absent if none was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub message: Option<Payload>,
    /// The time at which the message was last edited; null if it never was.
    #[schema(required = true)]
    pub edited: Option<Timestamp>,
    /// The count of the memory that the message and its encoded form take (`memory.rs`).
    #[serde(skip)]
    #[schema(ignore)]
    pub held: MessageMemory,
}

/// The count of the memory that a message takes. A message that is in several logs and histories
/// counts once. A clone is a message without a count of its own: the logs and histories that hold
/// it count it.
#[derive(Debug, Default)]
pub struct MessageMemory(Option<HeldBytes>);

impl From<HeldBytes> for MessageMemory {
    fn from(held: HeldBytes) -> Self {
        Self(Some(held))
    }
}

impl Clone for MessageMemory {
    fn clone(&self) -> Self {
        Self(None)
    }
}

impl Message {
    /// Returns whether the message is counted by itself, so that the logs and histories that hold
    /// it need not count it.
    pub(crate) fn is_held(&self) -> bool {
        self.held.0.is_some()
    }

    /// Returns the number of bytes of memory that the message takes.
    pub fn size(&self) -> usize {
        let text = |text: &str| ARC_BYTES + text.len();
        let name = |name: &UserName| size_of::<UserName>() + text(name.as_str());
        let names = |users: &[UserName]| users.iter().map(name).sum::<usize>();
        let channel = self.address.channel.as_ref();
        let payload = self
            .message
            .as_ref()
            .map_or(0, |payload| ARC_BYTES + payload.get().len());
        ARC_BYTES
            + size_of::<Self>()
            + payload
            + channel.map_or(0, |channel| text(channel.as_str()))
            + text(self.user.as_str())
            + names(&self.address.pm_users)
            + names(&self.address.exclude_users)
    }
}

/// The number of bytes that an [`Arc`](std::sync::Arc) takes besides its value: its two counts, and
/// the overhead of the allocator.
pub(crate) const ARC_BYTES: usize = 4 * size_of::<usize>();

/// An accepted edit: the answer of `PATCH /message`.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Patch {
    /// The recipients, and whether the history keeps the message.
    #[serde(flatten)]
    pub address: Address,
    /// The id of the message to edit.
    pub uuid: MessageId,
    /// The new time, if one was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub timestamp: Option<Timestamp>,
    /// The new sender, if one was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub user: Option<UserName>,
    /// The new object, if one was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub message: Option<Payload>,
    /// The time of the edit, as the caller gave it or the server set it.
    pub edited: Timestamp,
}

impl Patch {
    /// Returns the message with the changes of this patch.
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

/// An accepted deletion: the answer of `DELETE /message`.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Deletion {
    /// The recipients, and whether the history keeps the message.
    #[serde(flatten)]
    pub address: Address,
    /// The id of the message to delete.
    pub uuid: MessageId,
}
