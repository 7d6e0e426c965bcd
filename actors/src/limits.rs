//! The deadlines and sizes that the actors keep to. The server fills them from its settings; the
//! defaults are those of `channelstream.toml`. The number of bytes that may wait for a client is a
//! limit of its outlet (`outlet::Queue`).

mod bound;

use std::time::Duration;

pub(crate) use self::bound::LimitRefusals;
pub use self::bound::{Bound, LimitKind, LimitReached};

/// The deadlines, and the sizes of logs and histories. One value is created at the start and shared
/// by all actors.
#[derive(Clone, Debug)]
pub struct Limits {
    /// The time after which a connection ends if its client is not heard from, or takes nothing
    /// while it listens (`protocol.md` §8).
    pub idle: Duration,
    /// The time for which a user whose socket closed still counts as present, so that a page that
    /// is loaded again makes no presence event.
    pub presence_grace: Duration,
    /// The time without activity after which a user without connections is forgotten.
    pub user_lifetime: Duration,
    /// The time without activity after which a channel without subscribers is forgotten.
    pub channel_lifetime: Duration,
    /// The interval at which users and channels drop old entries, and check whether they are to be
    /// forgotten.
    pub sweep: Duration,
    /// The number of a channel's latest entries that a connection is sent when it listens for the
    /// first time.
    pub channel_frames: usize,
    /// The number of a user's latest private entries that a connection is sent when it listens for
    /// the first time.
    pub private_frames: usize,
    /// The largest number of entries that a log keeps, for connections that come back or are slow.
    pub log_length: usize,
    /// The largest number of bytes that the entries of a log hold.
    pub log_bytes: usize,
    /// The largest number of bytes that the messages of a channel's history hold.
    pub history_bytes: usize,
    /// The time after which the socket of an outlet that was told to end is cut.
    pub close_grace: Duration,
    /// The time within which a transport that is replaced must report what its client has read.
    pub handover: Duration,
    /// The largest number of bytes that the memory for `Idempotency-Key` holds.
    pub idempotency_bytes: usize,
    /// The shortest time for which the server, after a restart, waits for a client to return before
    /// it ends the connection.
    pub restart_grace: Duration,
    /// The largest number of channels that a connection may be in.
    pub channels_per_connection: usize,
    /// The largest number of connections; 0 means no limit.
    pub connections: usize,
    /// The largest number of channels; 0 means no limit.
    pub channels: usize,
    /// The largest number of users; 0 means no limit.
    pub users: usize,
    /// The largest number of connections of a user; 0 means no limit.
    pub connections_per_user: usize,
    /// The largest number of keys in the state of a user.
    pub state_keys: usize,
    /// The largest number of bytes in the state of a user.
    pub state_bytes: usize,
    /// The largest number of bytes that may be counted in memory; 0 means no limit.
    pub memory: usize,
    /// Whether other nodes have the same data.
    pub is_shared: bool,
    /// The time between two beats of a node of a cluster. A node that leaves out five is dead.
    pub beat: Duration,
    /// Whether clients may join, by themselves, the channels to which the application has
    /// subscribed their user before. This is no limit, but channels and users need it too.
    pub clients_join: bool,
}

/// The largest size of a user's state.
#[derive(Clone, Copy, Debug)]
pub struct StateBounds {
    /// The largest number of keys.
    pub keys: Bound,
    /// The largest number of bytes of keys and values.
    pub bytes: Bound,
}

/// The bounds of what a log keeps.
#[derive(Clone, Copy, Debug)]
pub struct Retention {
    /// The number of latest entries that stay whatever their age. They are for connections that
    /// listen for the first time.
    pub frames: usize,
    /// The time for which the other entries stay. It is the time for which a connection may be away
    /// and still come back.
    pub age: Duration,
    /// The largest number of entries that stay.
    pub length: usize,
    /// The largest number of bytes that the entries hold. One entry always stays.
    pub bytes: usize,
}

impl Limits {
    /// The number of beats that a dead node of a cluster has left out.
    pub(crate) const BEATS_LEFT_OUT: u32 = 5;

    /// The time after which a client has confirmed at the latest what it was sent, if it can.
    const CONFIRMED_WITHIN: Duration = Duration::from_secs(5);

    /// Returns the limit on the channels of a connection.
    pub(crate) fn channels_of_connection(&self) -> Bound {
        Bound::new(
            LimitKind::ChannelsPerConnection,
            self.channels_per_connection,
        )
    }

    /// Returns the limit on the connections of a user.
    pub(crate) fn connections_of_user(&self) -> Bound {
        Bound::new(LimitKind::ConnectionsPerUser, self.connections_per_user)
    }

    /// Returns the limits on the state of a user.
    pub(crate) fn state(&self) -> StateBounds {
        StateBounds {
            keys: Bound::new(LimitKind::StateKeys, self.state_keys),
            bytes: Bound::new(LimitKind::StateBytes, self.state_bytes),
        }
    }

    /// Returns what a log keeps: its last `frames` entries for connections that listen for the
    /// first time, and the entries for which a connection that is away may come back.
    pub(crate) fn retention(&self, frames: usize) -> Retention {
        Retention {
            frames,
            age: self.log_age(),
            length: self.log_length,
            bytes: self.log_bytes,
        }
    }

    /// Returns the time for which a connection may be away and still come back.
    ///
    /// The connections of a node of a cluster that has died stay for longer: until it is declared
    /// dead, and then for `presence_grace` and `idle`. Nobody can say meanwhile what their clients
    /// have read since they last confirmed something.
    pub(crate) fn log_age(&self) -> Duration {
        let of_dead_node = match self.is_shared {
            true => {
                let declared = self.beat * (Self::BEATS_LEFT_OUT + 1);
                declared + self.presence_grace + Self::CONFIRMED_WITHIN
            }
            false => Duration::ZERO,
        };
        self.idle + self.close_grace + of_dead_node
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
            is_shared: false,
            beat: Duration::from_secs(2),
            clients_join: false,
        }
    }
}
