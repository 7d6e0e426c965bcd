//! The facts that rules use besides the body, and the lookups that they leave to the broker.

use channelstream_actors::limits::{Bound, LimitKind};
use channelstream_actors::name::{ConnId, UserName};

use crate::settings::Settings;

/// The facts that rules and tables may use besides the body.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// The `conn_id` of the query, if it has one.
    pub conn_id: Option<String>,
    /// The limits on the size of the call.
    pub limits: CallLimits,
}

/// The limits on the size of a call. By default, a call may have any size.
#[derive(Clone, Copy, Debug)]
pub struct CallLimits {
    /// The largest size of an item's `message`, in bytes.
    pub message: usize,
    /// The number of channels in each list.
    pub channels: Bound,
    /// The number of messages in the call.
    pub messages: Bound,
    /// The number of users in each list of a message.
    pub recipients: Bound,
    /// The number of public keys of a user.
    pub public_keys: Bound,
    /// The number of messages in a history.
    pub history_size: Bound,
}

impl CallLimits {
    /// Returns the limits of the settings.
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

/// A connection or user that a request names and that must exist. The broker is asked about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lookup {
    /// A connection. If it does not exist, the error is `Unknown connection`.
    Connection(ConnId),
    /// A user. If it does not exist, the error is `Unknown user`.
    User(UserName),
}
