//! The types that a store keeps: the notes of the actors, and the contents that the next start gets
//! back.

use bytestring::ByteString;
use uuid::Uuid;

use crate::core::entry::Entry;
use crate::core::record::{ChannelRecord, ConnectionRecord, LogChanges, UserRecord};
use crate::name::{ChannelName, ConnId, UserName};
use crate::protocol::timestamp::Moment;

/// A change that an actor is about to tell others. A later note about the same channel, user,
/// connection or key replaces an earlier one, but the changes of logs add up.
#[derive(Clone, Debug)]
pub enum Note {
    /// A channel as it is now, and the changes of its log.
    Channel(ChannelRecord, LogChanges),
    /// A channel was forgotten, with all its entries.
    ChannelForgotten(ChannelName),
    /// A user as it is now, and the changes of its private log.
    User(UserRecord, LogChanges),
    /// A user was forgotten, with all its entries.
    UserForgotten(UserName),
    /// A connection as it is now.
    Connection(ConnId, ConnectionRecord),
    /// A connection has ended for good.
    ConnectionEnded(ConnId),
    /// A call with an `Idempotency-Key` as it is now.
    Call(String, CallRecord),
    /// A call was forgotten.
    CallForgotten(String),
}

/// A call with an `Idempotency-Key`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallRecord {
    /// A digest of the body.
    pub digest: [u8; 20],
    /// The time at which the call began.
    pub begun_at: Moment,
    /// The value from which the ids of the call's messages are made.
    pub seed: Uuid,
    /// The answer; `None` while the call is under way.
    pub answer: Option<ByteString>,
}

/// The contents of a store, which it gives back at a start.
#[derive(Debug, Default)]
pub struct Kept {
    /// The channels, each with its entries, oldest first.
    pub channels: Vec<(ChannelRecord, Vec<Entry>)>,
    /// The users, each with its private entries, oldest first.
    pub users: Vec<(UserRecord, Vec<Entry>)>,
    /// The connections.
    pub connections: Vec<(ConnId, ConnectionRecord)>,
    /// The calls with an `Idempotency-Key`.
    pub calls: Vec<(String, CallRecord)>,
    /// True if entries that were sent to clients may be missing. Each client that comes back is
    /// then told of a gap.
    pub may_miss_entries: bool,
}
