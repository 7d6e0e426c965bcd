//! The names of channels and users and the ids of connections and messages, as types of their own.
//!
//! A name of these types has already passed validation. The code that reads requests decides which
//! names are valid. Names are cheap to clone.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::position::Epoch;

macro_rules! text_name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, ToSchema)]
        #[serde(transparent)]
        #[schema(value_type = String)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Creates a name from any text.
            pub fn new(text: impl Into<Arc<str>>) -> Self {
                Self(text.into())
            }

            /// Returns the text of the name.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    };
}

text_name! {
    /// The name of a user, of 1 to 512 characters.
    UserName
}

text_name! {
    /// The name of a channel, of 1 to 256 characters; only `/channel_config` takes an empty name.
    ChannelName
}

/// The name of a log: that of a channel, or that of a user's private messages. Channels come first,
/// as clients are sent their entries first.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum LogName {
    /// The log of a channel.
    Channel(ChannelName),
    /// The private log of a user.
    User(UserName),
}

impl LogName {
    /// Reads a name that [`Display`](fmt::Display) has written.
    pub fn from_text(text: &str) -> Option<Self> {
        match text.split_at_checked(1)? {
            ("#", name) => Some(Self::Channel(ChannelName::new(name))),
            ("@", name) => Some(Self::User(UserName::new(name))),
            _ => None,
        }
    }

    /// Returns the name of the channel, if it is the log of one.
    pub fn channel(&self) -> Option<&ChannelName> {
        match self {
            Self::Channel(name) => Some(name),
            Self::User(_) => None,
        }
    }
}

impl fmt::Display for LogName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Channel(name) => write!(f, "#{name}"),
            Self::User(name) => write!(f, "@{name}"),
        }
    }
}

impl From<ChannelName> for LogName {
    fn from(name: ChannelName) -> Self {
        Self::Channel(name)
    }
}

impl From<UserName> for LogName {
    fn from(name: UserName) -> Self {
        Self::User(name)
    }
}

macro_rules! uuid_name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, ToSchema)]
        #[serde(transparent)]
        #[schema(value_type = String, format = "uuid")]
        pub struct $name(Uuid);

        impl $name {
            /// Creates a random id.
            pub fn random() -> Self {
                Self(Uuid::new_v4())
            }
        }

        impl From<Uuid> for $name {
            fn from(uuid: Uuid) -> Self {
                Self(uuid)
            }
        }

        impl From<$name> for Uuid {
            fn from($name(uuid): $name) -> Self {
                uuid
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.hyphenated().fmt(f)
            }
        }
    };
}

uuid_name! {
    // Anyone who knows the id can act as the connection, so only [`ConnId::short`] is logged.
    /// The id of a connection. Anyone who knows it can listen as the connection.
    ConnId
}

impl ConnId {
    /// Returns the first eight digits of the id: enough to tell connections apart in a log, too few
    /// to act as one.
    pub fn short(&self) -> String {
        self.to_string().chars().take(8).collect()
    }
}

uuid_name! {
    /// The id of a message, or of another event.
    MessageId
}

/// The values that are created with a channel or a user and never change.
#[derive(Clone, Copy, Debug)]
pub struct Identity {
    /// An id that `/info` shows.
    pub uuid: Uuid,
    /// The epoch of the log.
    pub epoch: Epoch,
}

impl Identity {
    /// Creates the identity of a new channel or user.
    pub fn random() -> Self {
        Self {
            uuid: Uuid::new_v4(),
            epoch: Epoch::random(),
        }
    }
}
