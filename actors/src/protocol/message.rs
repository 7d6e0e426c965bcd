//! Messages: what a caller sends (drafts, patches, deletions), and what was accepted (`protocol.md`
//! §5).

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

/// The recipients of a message. A message without channel and recipients reaches nobody.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
pub struct Address {
    /// The recipients: in the channel only, or on all their connections if there is no channel.
    pub pm_users: Vec<UserName>,
    /// The users of the channel who are left out.
    pub exclude_users: Vec<UserName>,
    /// The channel that gets it; null says that it is private.
    #[schema(required = true)]
    pub channel: Option<ChannelName>,
    /// True keeps the message out of the history.
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
    /// Returns whether there is neither a channel nor a recipient.
    pub fn leads_nowhere(&self) -> bool {
        self.channel.is_none() && self.pm_users.is_empty()
    }

    /// Returns where the message goes. A channel counts before recipients.
    pub fn destination(&self) -> Destination {
        if let Some(channel) = &self.channel {
            return Destination::Channel(channel.clone());
        }
        if self.pm_users.is_empty() {
            return Destination::Nowhere;
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
    /// The id of the message; where it is `None`, the server makes one.
    pub uuid: Option<MessageId>,
    /// The time of the message; where it is `None`, it is now.
    pub timestamp: Option<Timestamp>,
    /// The user who sends the message.
    pub user: UserName,
    /// The application's object.
    pub message: Option<Payload>,
}

/// A message as accepted: the answer of `POST /message`, and what history keeps.
// Generators of clients confuse a type called `Message` with its field.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = AcceptedMessage)]
pub struct Message {
    /// The recipients, and whether history keeps the message.
    #[serde(flatten)]
    pub address: Address,
    /// The id of the accepted message.
    pub uuid: MessageId,
    /// The time of the message as given, or as the server made it.
    pub timestamp: Timestamp,
    /// The user who is named as sender.
    pub user: UserName,
    /// The application's object as given; it is absent where none was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub message: Option<Payload>,
    /// The time at which the message was last edited; null says that it never was.
    #[schema(required = true)]
    pub edited: Option<Timestamp>,
    /// Counts the message and its encoded form as memory.
    #[serde(skip)]
    #[schema(ignore)]
    pub held: OnceHeld,
}

/// Counts a message as memory where it is in many places at the same time. A copy is another message,
/// and counts where it is kept.
#[derive(Debug, Default)]
pub struct OnceHeld(Option<HeldBytes>);

impl From<HeldBytes> for OnceHeld {
    fn from(held: HeldBytes) -> Self {
        Self(Some(held))
    }
}

impl Clone for OnceHeld {
    fn clone(&self) -> Self {
        Self(None)
    }
}

impl Message {
    /// Returns whether it is counted by itself, so that its places need not count it.
    pub(crate) fn is_held(&self) -> bool {
        self.held.0.is_some()
    }

    /// Returns how many bytes of memory the message takes.
    pub fn size(&self) -> usize {
        let text = |text: &str| SHARED + text.len();
        let name = |name: &UserName| size_of::<UserName>() + text(name.as_str());
        let names = |users: &[UserName]| users.iter().map(name).sum::<usize>();
        let channel = self.address.channel.as_ref();
        let payload = self
            .message
            .as_ref()
            .map_or(0, |payload| SHARED + payload.get().len());
        SHARED
            + size_of::<Self>()
            + payload
            + channel.map_or(0, |channel| text(channel.as_str()))
            + text(self.user.as_str())
            + names(&self.address.pm_users)
            + names(&self.address.exclude_users)
    }
}

/// The two counts before what an [`Arc`](std::sync::Arc) holds, and what an allocator adds.
pub(crate) const SHARED: usize = 4 * size_of::<usize>();

/// An edit as accepted: the answer of `PATCH /message`.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Patch {
    /// The recipients, and whether history keeps the message.
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
    /// The time of the edit as given, or as the server made it.
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

/// A deletion as accepted: the answer of `DELETE /message`.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Deletion {
    /// The recipients, and whether history keeps the message.
    #[serde(flatten)]
    pub address: Address,
    /// The id of the message to delete.
    pub uuid: MessageId,
}
