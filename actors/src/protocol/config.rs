//! The six settings of a channel (`protocol.md` §4).

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The configuration of a channel, which always has all six settings.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
pub struct ChannelConfig {
    /// Whether `presence` events are sent to the channel.
    pub notify_presence: bool,
    /// Whether the history keeps messages, which `/info`, `/connect` and `/subscribe` show.
    pub store_history: bool,
    /// The number of messages that the history keeps.
    pub history_size: u64,
    /// Whether `presence` events have the list of present users.
    pub broadcast_presence_with_user_lists: bool,
    /// Whether `user_state_change` events are sent to the channel.
    pub notify_state: bool,
    /// Whether the channel keeps events for clients that missed them.
    pub store_frames: bool,
}

impl Default for ChannelConfig {
    fn default() -> Self {
        Self {
            notify_presence: false,
            store_history: false,
            history_size: 10,
            broadcast_presence_with_user_lists: false,
            notify_state: false,
            store_frames: true,
        }
    }
}
