//! The six settings of a channel (`protocol.md` §4).

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The configuration of a channel, which is always whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChannelConfig {
    /// True sends `presence` events to the channel.
    pub notify_presence: bool,
    /// True keeps messages, which `/info`, `/connect` and `/subscribe` show.
    pub store_history: bool,
    /// How many messages the history keeps.
    pub history_size: u64,
    /// True adds the list of present users to `presence` events.
    pub broadcast_presence_with_user_lists: bool,
    /// True sends `user_state_change` events to the channel.
    pub notify_state: bool,
    /// True keeps events for clients that missed them.
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
