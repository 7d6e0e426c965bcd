//! What rules know besides the body, and what they leave to the broker.

use channelstream_actors::limits::{Bound, LimitKind};
use channelstream_actors::name::{ConnId, UserName};

use crate::settings::Settings;

/// What rules and tables may look at besides the body.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// The `conn_id` of the query, if it has one.
    pub conn_id: Option<String>,
    /// How large a call may be.
    pub limits: CallLimits,
}

/// How large a call may be. By default it may have any size.
#[derive(Clone, Copy, Debug)]
pub struct CallLimits {
    /// The bytes of the `message` of an item.
    pub message: usize,
    /// The channels of each list.
    pub channels: Bound,
    /// The messages of the call.
    pub messages: Bound,
    /// The users of each list of a message.
    pub recipients: Bound,
    /// The public keys of a user.
    pub public_keys: Bound,
    /// The size of a history.
    pub history_size: Bound,
}

impl CallLimits {
    /// Returns the limits that the settings tell.
    pub fn new(settings: &Settings) -> Self {
        Self {
            message: settings.message_limit,
            channels: Bound::new(LimitKind::ChannelsPerCall, settings.channels_per_call),
            messages: Bound::new(LimitKind::MessagesPerCall, settings.messages_per_call),
            recipients: Bound::new(
                LimitKind::RecipientsPerMessage,
                settings.recipients_per_message,
            ),
            public_keys: Bound::new(LimitKind::PublicKeys, settings.public_keys),
            history_size: Bound::new(LimitKind::HistorySize, settings.history_size_max),
        }
    }
}

impl Default for CallLimits {
    fn default() -> Self {
        Self {
            message: usize::MAX,
            channels: Bound::none(LimitKind::ChannelsPerCall),
            messages: Bound::none(LimitKind::MessagesPerCall),
            recipients: Bound::none(LimitKind::RecipientsPerMessage),
            public_keys: Bound::none(LimitKind::PublicKeys),
            history_size: Bound::none(LimitKind::HistorySize),
        }
    }
}

/// A name in a request that the broker is asked about, since it must exist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lookup {
    /// A connection. If there is none, the error is `Unknown connection`.
    Connection(ConnId),
    /// A user. If there is none, the error is `Unknown user`.
    User(UserName),
}
