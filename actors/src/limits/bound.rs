//! The limits by which calls and clients are refused, and the number of refusals by each of them.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use thiserror::Error;

macro_rules! limits {
    ($($(#[doc = $about:literal])+ $variant:ident = $setting:literal, $what:literal;)+) => {
        /// A limit by which calls or clients are refused. Each is a setting.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub enum LimitKind {
            $($(#[doc = $about])+ $variant,)+
        }

        impl LimitKind {
            /// All limits, in the order of the settings.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// Returns the name of the setting, which is also the name of the limit in metrics.
            pub const fn setting(self) -> &'static str {
                match self {
                    $(Self::$variant => $setting,)+
                }
            }

            /// Returns a text which says that the server has as much as the limit allows.
            pub(crate) fn describe_full(self) -> impl fmt::Display {
                let (what, setting) = (self.what(), self.setting());
                fmt::from_fn(move |f| write!(f, "there is no room for more {what} ({setting})"))
            }

            /// Returns what the limit counts.
            pub const fn what(self) -> &'static str {
                match self {
                    $(Self::$variant => $what,)+
                }
            }
        }
    };
}

limits! {
    /// The number of channels that each list of a call may name.
    ChannelsPerCall = "channels_per_call", "channels in one call";
    /// The number of messages in a call.
    MessagesPerCall = "messages_per_call", "messages in one call";
    /// The number of users that each list of a message may name.
    RecipientsPerMessage = "recipients_per_message", "users in one message";
    /// The number of channels of a connection.
    ChannelsPerConnection = "channels_per_connection", "channels of one connection";
    /// The number of connections of a user.
    ConnectionsPerUser = "max_connections_per_user", "connections of one user";
    /// The number of keys in a user's state.
    StateKeys = "state_keys", "keys in the state of one user";
    /// The number of bytes in a user's state, keys and values together.
    StateBytes = "state_bytes", "bytes in the state of one user";
    /// The number of public keys of a user.
    PublicKeys = "public_keys", "public keys of one user";
    /// The number of messages that a channel may be configured to keep in its history.
    HistorySize = "history_size_max", "messages in one history";
    /// The number of bytes in a message's object.
    Message = "message_limit", "bytes in one message";
    /// The number of bytes in a body.
    Body = "body_limit", "bytes in one body";
    /// The number of bytes in a frame from a client.
    Frame = "frame_limit", "bytes in one frame";
    /// The number of connections of the server.
    Connections = "max_connections", "connections";
    /// The number of connections from an address.
    ConnectionsPerAddress = "max_connections_per_address", "connections of one address";
    /// The number of channels of the server.
    Channels = "max_channels", "channels";
    /// The number of users of the server.
    Users = "max_users", "users";
    /// The number of frames from a client in a second.
    FramesPerSecond = "frames_per_second", "frames in one second";
    /// The number of requests without a signature from an address in a second.
    UnsignedRate = "unsigned_rate", "unsigned requests of one address in one second";
    /// The number of signed calls from an address in a second.
    SignedRate = "signed_rate", "signed calls of one address in one second";
    /// The number of bytes in the memory for `Idempotency-Key`.
    Idempotency = "idempotency_bytes", "bytes in the memory for Idempotency-Key";
    /// The number of panels that operators have open at the same time.
    OpenPanels = "open_panels", "open panels";
    /// The number of bytes that are counted in memory.
    Memory = "memory_limit", "data in memory";
}

/// A limit with its value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Bound {
    kind: LimitKind,
    most: usize,
}

/// An error: a number is larger than a limit allows. The text is for the caller.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[error("More than {} {} ({}); got {found}.", bound.most, bound.kind.what(), bound.kind.setting())]
pub struct LimitReached {
    bound: Bound,
    found: usize,
}

impl Bound {
    /// Creates a limit of `most`; 0 means no limit.
    pub const fn new(kind: LimitKind, most: usize) -> Self {
        match most {
            0 => Self::none(kind),
            most => Self { kind, most },
        }
    }

    /// Creates a limit that is never reached.
    pub const fn none(kind: LimitKind) -> Self {
        Self {
            kind,
            most: usize::MAX,
        }
    }

    /// Returns the largest number that is allowed.
    pub const fn most(self) -> usize {
        self.most
    }

    /// Checks that a number is within the limit.
    ///
    /// # Errors
    /// Fails when the number is larger than the limit.
    pub fn check(self, found: usize) -> Result<(), LimitReached> {
        if found > self.most {
            Err(LimitReached { bound: self, found })
        } else {
            Ok(())
        }
    }
}

impl LimitReached {
    /// Returns the kind of limit that was reached.
    pub fn kind(&self) -> LimitKind {
        self.bound.kind
    }
}

/// The number of refusals by each limit since the start.
#[derive(Debug, Default)]
pub(crate) struct LimitRefusals([AtomicU64; LimitKind::ALL.len()]);

impl LimitRefusals {
    /// Counts a refusal.
    pub(crate) fn count(&self, kind: LimitKind) {
        if let Some(count) = self.0.get(kind as usize) {
            count.fetch_add(1, Relaxed);
        }
    }

    /// Returns the number of refusals by each limit.
    pub(crate) fn all(&self) -> impl Iterator<Item = (LimitKind, u64)> {
        let counts = self.0.iter().map(|count| count.load(Relaxed));
        LimitKind::ALL.iter().copied().zip(counts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_allows_its_value_and_its_error_names_the_setting() {
        let bound = Bound::new(LimitKind::ChannelsPerCall, 3);
        assert_eq!(bound.check(3), Ok(()));
        assert_eq!(
            bound.check(4).unwrap_err().to_string(),
            "More than 3 channels in one call (channels_per_call); got 4."
        );
        assert_eq!(
            Bound::new(LimitKind::ChannelsPerCall, 0).check(usize::MAX),
            Ok(())
        );
    }

    #[test]
    fn each_refusal_is_counted_under_its_own_limit() {
        let refusals = LimitRefusals::default();
        refusals.count(LimitKind::StateKeys);
        refusals.count(LimitKind::StateKeys);
        let counted: Vec<_> = refusals.all().filter(|(_, count)| *count > 0).collect();
        assert_eq!(counted, [(LimitKind::StateKeys, 2)]);
    }
}
