//! The limits by which calls and clients are refused, and how often each of them was reached.

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

            /// Says that the server has as much as the limit allows.
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
    /// The channels that each list of a call may name.
    ChannelsPerCall = "channels_per_call", "channels in one call";
    /// The messages of a call.
    MessagesPerCall = "messages_per_call", "messages in one call";
    /// The users that each list of a message may name.
    RecipientsPerMessage = "recipients_per_message", "users in one message";
    /// The channels of a connection.
    ChannelsPerConnection = "channels_per_connection", "channels of one connection";
    /// The connections of a user.
    ConnectionsPerUser = "max_connections_per_user", "connections of one user";
    /// The keys of a user's state.
    StateKeys = "state_keys", "keys in the state of one user";
    /// The bytes of a user's state, keys and values together.
    StateBytes = "state_bytes", "bytes in the state of one user";
    /// The public keys of a user.
    PublicKeys = "public_keys", "public keys of one user";
    /// The messages that a channel may be configured to keep in its history.
    HistorySize = "history_size_max", "messages in one history";
    /// The bytes of a message's object.
    Message = "message_limit", "bytes in one message";
    /// The bytes of a body.
    Body = "body_limit", "bytes in one body";
    /// The bytes of a frame from a client.
    Frame = "frame_limit", "bytes in one frame";
    /// The connections of the server.
    Connections = "max_connections", "connections";
    /// The connections of an address.
    ConnectionsPerAddress = "max_connections_per_address", "connections of one address";
    /// The channels of the server.
    Channels = "max_channels", "channels";
    /// The users of the server.
    Users = "max_users", "users";
    /// The frames of a client in a second.
    FramesPerSecond = "frames_per_second", "frames in one second";
    /// The requests without a signature of an address in a second.
    UnsignedRate = "unsigned_rate", "unsigned requests of one address in one second";
    /// The signed calls of an address in a second.
    SignedRate = "signed_rate", "signed calls of one address in one second";
    /// The bytes of the memory for `Idempotency-Key`.
    Idempotency = "idempotency_bytes", "bytes in the memory for Idempotency-Key";
    /// The panels of operators that are open at once.
    OpenPanels = "open_panels", "open panels";
    /// The bytes that are counted in memory.
    Memory = "memory_limit", "data in memory";
}

/// A limit with its value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Bound {
    kind: LimitKind,
    most: usize,
}

/// Something is larger than a limit allows. The text is for the caller.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[error("More than {} {} ({}); got {found}.", bound.most, bound.kind.what(), bound.kind.setting())]
pub struct LimitReached {
    bound: Bound,
    found: usize,
}

impl Bound {
    /// Creates a limit of `most`. 0 stands for no limit.
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

    /// Checks a number of things.
    ///
    /// # Errors
    /// Fails when it is larger than the limit.
    pub fn check(self, found: usize) -> Result<(), LimitReached> {
        if found > self.most {
            Err(LimitReached { bound: self, found })
        } else {
            Ok(())
        }
    }
}

impl LimitReached {
    /// Returns which limit was reached.
    pub fn kind(&self) -> LimitKind {
        self.bound.kind
    }
}

/// How often each limit was the reason of a refusal since the start.
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
    fn a_limit_allows_its_own_number_and_names_its_setting_beyond() {
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
