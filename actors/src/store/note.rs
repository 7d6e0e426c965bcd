//! What is kept, as types: what an actor notes, and what the next start gets back.

use bytestring::ByteString;
use uuid::Uuid;

use crate::core::entry::Entry;
use crate::core::record::{ChannelRecord, ConnectionRecord, LogChanges, UserRecord};
use crate::name::{ChannelName, ConnId, UserName};
use crate::protocol::timestamp::Moment;

/// What an actor is about to tell others. A later note about the same channel, user, connection or
/// key replaces an earlier one; the changes of logs add up.
#[derive(Clone, Debug)]
pub enum Note {
    /// A channel as it is now, and what has changed in its log.
    Channel(ChannelRecord, LogChanges),
    /// A channel was forgotten, with all its entries.
    ChannelForgotten(ChannelName),
    /// A user as it is now, and what has changed in its private log.
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
    /// When the call began.
    pub begun_at: Moment,
    /// The ids of the call's messages are made of this.
    pub seed: Uuid,
    /// The answer; `None` while the call is under way.
    pub answer: Option<ByteString>,
}

/// Everything that a store gives back at a start.
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
    /// True where entries that were handed on may be missing, so that each client that comes back
    /// is told of a gap.
    pub may_miss_entries: bool,
}
