//! The limits that scripts keep to.

use std::fmt;
use std::time::Duration;

use crate::limits;

/// The most users in the list of a presence event.
const USER_LIST: usize = 500;

/// The most bytes of the feed. Nodes that are declared dead after 10 seconds need no more of it.
const FEED_BYTES: usize = 256 << 20;

/// The limits that scripts keep to. All nodes must have the same ones.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Limits {
    /// The number of a channel's latest entries that stay whatever their age.
    pub channel_frames: usize,
    /// The number of a user's latest private entries that stay whatever their age.
    pub private_frames: usize,
    /// The largest number of entries of a log.
    pub log_length: usize,
    /// The largest number of bytes of the entries of a log. One entry always stays.
    pub log_bytes: usize,
    /// The age up to which all entries stay.
    pub log_age: Duration,
    /// The time without activity after which a channel without connections is forgotten.
    pub channel_lifetime: Duration,
    /// The time without activity after which a user without connections is forgotten.
    pub user_lifetime: Duration,
    /// The largest number of bytes of the messages of a history.
    pub history_bytes: usize,
    /// The most users in the list of a presence event. An event of a channel with more users has no
    /// list.
    pub user_list: usize,
    /// The number of bytes of the feed beyond which each beat drops its oldest entries.
    pub feed_bytes: usize,
}

impl From<&limits::Limits> for Limits {
    fn from(limits: &limits::Limits) -> Self {
        Self {
            channel_frames: limits.channel_frames,
            private_frames: limits.private_frames,
            log_length: limits.log_length,
            log_bytes: limits.log_bytes,
            log_age: limits.log_age(),
            channel_lifetime: limits.channel_lifetime,
            user_lifetime: limits.user_lifetime,
            history_bytes: limits.history_bytes,
            user_list: USER_LIST,
            feed_bytes: FEED_BYTES,
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::from(&limits::Limits::default())
    }
}

/// Writes the limits as the text after `begin.lua`. As a part of the scripts they cost a call
/// nothing.
impl fmt::Display for Limits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            channel_frames,
            private_frames,
            log_length,
            log_bytes,
            history_bytes,
            user_list,
            feed_bytes,
            channel_lifetime,
            user_lifetime,
            ..
        } = self;
        let log_age = self.log_age.as_millis();
        // A key whose lifetime is zero would be gone in the middle of a script.
        let lifetime = |lifetime: &Duration| lifetime.as_millis().max(1);
        let (channel_lifetime, user_lifetime) =
            (lifetime(channel_lifetime), lifetime(user_lifetime));
        write!(
            f,
            "local LOG_LENGTH, LOG_BYTES, LOG_AGE = {log_length}, {log_bytes}, {log_age}\n\
             local HISTORY_BYTES, FEED_BYTES = {history_bytes}, {feed_bytes}\n\
             local USER_LIST = {user_list}\n\
             local CHANNEL_FRAMES, PRIVATE_FRAMES = {channel_frames}, {private_frames}\n\
             local CHANNEL_LIFETIME, USER_LIFETIME = '{channel_lifetime}', '{user_lifetime}'\n"
        )
    }
}
