//! The deadlines and sizes that the actors keep to. How much may wait for a client is its outlet's
//! own limit (`outlet::Queue`). The server fills them from its settings; the defaults are those of
//! `channelstream.toml`.

mod bound;

use std::time::Duration;

pub(crate) use self::bound::LimitRefusals;
pub use self::bound::{Bound, LimitKind, LimitReached};

/// Deadlines, and sizes of logs and histories. One value is made at start and shared by all actors.
#[derive(Clone, Debug)]
pub struct Limits {
    /// How long a client may not be heard from, or not take anything while it listens, before its
    /// connection ends (`protocol.md` §8).
    pub idle: Duration,
    /// How long a user whose socket closed still counts as present, so that nobody hears of a page
    /// that is loaded again.
    pub presence_grace: Duration,
    /// How long after the last activity a user without connections is forgotten.
    pub user_lifetime: Duration,
    /// How long after the last activity a channel without subscribers is forgotten.
    pub channel_lifetime: Duration,
    /// How often a user and a channel drop what is old, and look whether they are to be forgotten.
    pub sweep: Duration,
    /// How many of a channel's latest entries a connection is sent that listens for the first time.
    pub channel_frames: usize,
    /// How many of a user's latest private entries such a connection is sent.
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
    /// How long after a restart a client is waited for at least before its connection ends.
    pub restart_grace: Duration,
    /// How many channels a connection may be in.
    pub channels_per_connection: usize,
    /// How many connections there may be; 0 stands for any number.
    pub connections: usize,
    /// How many channels there may be; 0 stands for any number.
    pub channels: usize,
    /// How many users there may be; 0 stands for any number.
    pub users: usize,
    /// How many connections a user may have; 0 stands for any number.
    pub connections_per_user: usize,
    /// How many keys the state of a user may have.
    pub state_keys: usize,
    /// How many bytes the state of a user may have.
    pub state_bytes: usize,
    /// How many bytes may be counted in memory; 0 stands for any number.
    pub memory: usize,
}

/// How large the state of a user may become.
#[derive(Clone, Copy, Debug)]
pub struct StateBounds {
    /// The number of its keys.
    pub keys: Bound,
    /// The bytes of its keys and values.
    pub bytes: Bound,
}

/// How much a log keeps.
#[derive(Clone, Copy, Debug)]
pub struct Retention {
    /// How many of the latest entries stay whatever their age: they are for connections that listen
    /// for the first time.
    pub frames: usize,
    /// How long the other entries stay: as long as a connection may be away and come back.
    pub age: Duration,
    /// How many entries stay at most.
    pub length: usize,
    /// How many bytes the entries hold at most. One entry always stays.
    pub bytes: usize,
}

impl Limits {
    /// Returns how many channels a connection may be in.
    pub(crate) fn channels_of_connection(&self) -> Bound {
        Bound::new(
            LimitKind::ChannelsPerConnection,
            self.channels_per_connection,
        )
    }

    /// Returns how many connections a user may have.
    pub(crate) fn connections_of_user(&self) -> Bound {
        Bound::new(LimitKind::ConnectionsPerUser, self.connections_per_user)
    }

    /// Returns how large the state of a user may become.
    pub(crate) fn state(&self) -> StateBounds {
        StateBounds {
            keys: Bound::new(LimitKind::StateKeys, self.state_keys),
            bytes: Bound::new(LimitKind::StateBytes, self.state_bytes),
        }
    }

    /// Returns what a log keeps: its last `frames` entries for connections that listen for the
    /// first time, and whatever a connection that is away may come back for.
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
            restart_grace: Duration::from_secs(30),
            channels_per_connection: 100_000,
            connections: 0,
            channels: 1_000_000,
            users: 1_000_000,
            connections_per_user: 0,
            state_keys: 1000,
            state_bytes: 64 << 10,
            memory: 0,
        }
    }
}
