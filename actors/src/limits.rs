//! The numbers the actors obey; how much waits for a client is its outlet's own (`outlet::Queue`).
//! The server fills them from its settings; the defaults are those of `channelstream.toml`.

use std::time::Duration;

use crate::core::log::Retention;

/// Deadlines, lengths of logs, sizes of queues. One value, made at start, shared by all actors.
#[derive(Clone, Debug)]
pub struct Limits {
    /// A connection goes when its client was neither heard from nor, while it listens, reachable
    /// for so long (`protocol.md` §8).
    pub idle: Duration,
    /// A user whose websocket closed counts as present for so long, so that a page reload tells
    /// nobody.
    pub presence_grace: Duration,
    /// A user without connections is forgotten so long after the last activity.
    pub user_lifetime: Duration,
    /// A channel without subscribers is forgotten so long after the last activity.
    pub channel_lifetime: Duration,
    /// A lull of this length lets a user or a channel look whether it has outlived itself.
    pub sweep: Duration,
    /// How many of a channel's frames a connection that never listened before is caught up with.
    pub channel_frames: usize,
    /// The same for a user's private frames.
    pub private_frames: usize,
    /// How many entries a log keeps at most, for connections that come back or are slow.
    pub log_length: usize,
    /// How many bytes the entries of a log hold at most.
    pub log_bytes: usize,
    /// How many bytes the messages of a channel's history hold at most.
    pub history_bytes: usize,
    /// How long an outlet that was told to end may take before its socket is cut.
    pub close_grace: Duration,
    /// How long a transport that is replaced may take to tell what its client has read.
    pub handover: Duration,
    /// How many bytes the memory for `Idempotency-Key` holds at most.
    pub idempotency_bytes: usize,
}

impl Limits {
    /// What a log keeps whose last `frames` are for connections that listen for the first time:
    /// besides them, all that one which is away may come back for.
    pub(crate) fn retention(&self, frames: usize) -> Retention {
        Retention {
            frames,
            age: self.idle + self.close_grace,
            length: self.log_length,
            bytes: self.log_bytes,
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            idle: Duration::from_secs(15),
            presence_grace: Duration::from_millis(2500),
            user_lifetime: Duration::from_secs(24 * 3600),
            channel_lifetime: Duration::from_secs(72 * 3600),
            sweep: Duration::from_secs(60),
            channel_frames: 100,
            private_frames: 50,
            log_length: 16_384,
            log_bytes: 8 << 20,
            history_bytes: 8 << 20,
            close_grace: Duration::from_secs(1),
            handover: Duration::from_millis(200),
            idempotency_bytes: 64 << 20,
        }
    }
}
