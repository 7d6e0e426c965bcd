//! The six settings of a channel (`protocol.md` §4).

use serde::Serialize;
use utoipa::ToSchema;

/// A channel's configuration, always complete: what a caller leaves out is the default.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct ChannelConfig {
    /// Send `presence` events.
    pub notify_presence: bool,
    /// Keep messages for `/info` and `/connect`.
    pub store_history: bool,
    /// How many.
    pub history_size: u64,
    /// Presence events carry the list of users present.
    pub broadcast_presence_with_user_lists: bool,
    /// Send `user_state_change` events.
    pub notify_state: bool,
    /// Keep frames for catch-up.
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
