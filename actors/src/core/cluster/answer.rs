//! The answers of the scripts.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::core::cluster::call::{FeedId, NodeId, Read, Record, Term, Turn};
use crate::core::record::LogState;
use crate::name::{ConnId, LogName, UserName};
use crate::position::Epoch;
use crate::protocol::config::ChannelConfig;

/// The answer of a script.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Answer<E> {
    /// The call is done, or was done before.
    Done,
    /// The calling node was declared dead. Nothing was done.
    Dead,
    /// The node knows another term than Redis. Nothing was done.
    OtherTerm(Term),
    /// The connection has no record. Nothing was done.
    Unknown,
    /// The connection has this later turn. Nothing was done.
    Later(Turn),
    /// `Connect`: the record was made.
    Connected {
        /// The record.
        record: Record,
        /// The last entry of the feed then. Only later ones are about the connection.
        fed: FeedId,
    },
    /// `Connect`, `LookUp`: the connection has this record. Nothing was done.
    Known(Record),
    /// `LookUpUser`: the user.
    User(User<E>),
    /// `SetUser`, `Rewrite`, `Keep`: the user, the log or the session was changed by somebody else.
    /// Nothing was done.
    Changed,
    /// `Forget`: a connection has a place in the log. Nothing was done.
    InUse,
    /// `Names`: some of the names. `Exist`: the names of the logs that exist.
    Names {
        /// Where the list goes on; 0 at its end.
        cursor: u64,
        /// The names. A name may come twice.
        names: Vec<LogName>,
    },
    /// `Claim`: the claim that is kept.
    Claimed(E),
    /// `Reach`: the last entry of the feed.
    Reached(FeedId),
    /// `Beat`: what is known of each node.
    Beats(BTreeMap<NodeId, Pulse<E>>),
    /// `Take`: the turn was taken.
    Taken {
        /// The record with the new turn.
        record: Record,
        /// The end of each log. Other nodes may have sent the entries up to here to
        /// the client.
        ends: BTreeMap<LogName, u64>,
        /// The logs in which no transport has begun since the connection took its place.
        new: BTreeSet<LogName>,
        /// The entry of the feed that tells of the turn. The record has what earlier ones say.
        fed: FeedId,
    },
    /// `Renew`: the record was written.
    Renewed {
        /// The channels of the record.
        read: Read,
        /// The last entry of the feed then.
        fed: FeedId,
    },
    /// `List`: the connections.
    Listed(Vec<Listed>),
    /// `Post`: the message is in the log, or was posted before under the same number.
    Posted {
        /// The last entry of the feed.
        fed: FeedId,
    },
    /// `Load`: the log.
    Loaded(Loaded<E>),
    /// `Hold`, `Tell`: the session.
    Held(Held<E>),
}

impl<E> Answer<E> {
    /// Returns the last entry of the feed, if the answer names it.
    pub fn fed(&self) -> Option<FeedId> {
        match self {
            Self::Connected { fed, .. }
            | Self::Taken { fed, .. }
            | Self::Renewed { fed, .. }
            | Self::Posted { fed }
            | Self::Reached(fed)
            | Self::Loaded(Loaded { fed, .. }) => Some(*fed),
            _ => None,
        }
    }
}

/// What `Beat` tells of a node.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Pulse<E> {
    /// The number of its beats.
    pub beats: u64,
    /// How long its clients may stay away since it has stopped in order. Zero otherwise.
    pub away: Duration,
    /// What operators are told of it; `None` before its first beat.
    pub about: Option<E>,
}

/// A session of a Socket.IO client that polls.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Held<E> {
    /// What the session is; `None` if its client has not connected to a namespace yet, or if the
    /// session is over.
    pub content: Option<E>,
    /// The packets that waited, if they were asked for.
    pub packets: Vec<E>,
    /// The state of the session.
    pub state: HeldState,
    /// The time after which the session must be held again, in milliseconds.
    pub wait: u64,
}

/// The state of a session of a Socket.IO client that polls.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum HeldState {
    /// It goes on.
    Open,
    /// It goes on, and the client must be sent a ping now.
    PingDue,
    /// Another transport has listened for the connection since the last poll.
    Replaced,
    /// The application has ended the connection.
    Disconnected,
    /// It is over.
    Over,
}

/// A connection that `List` names.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Listed {
    /// The connection.
    pub conn_id: ConnId,
    /// Its latest turn.
    pub turn: Turn,
    /// Whether it is present.
    pub is_here: bool,
}

/// The answer of `Load`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Loaded<E> {
    /// The numbering of the log.
    pub log: LogState,
    /// The first epoch since which no entry was lost. A client whose position is in an earlier one
    /// is told of a gap.
    pub whole_since: Epoch,
    /// The epoch in which the log was made. It never changes.
    pub origin: Epoch,
    /// The offset of the latest edit or deletion; 0 if there was none.
    pub revision: u64,
    /// The time of the last entry, or at which the log was made, in milliseconds since 1970.
    pub last_active: u64,
    /// The entries, oldest first.
    pub entries: Vec<Item<E>>,
    /// The settings of the channel.
    pub config: ChannelConfig,
    /// The history, oldest message first.
    pub history: Vec<Item<E>>,
    /// The users who are present.
    pub members: Vec<Member<E>>,
    /// The owner of a private log; `None` if there is no such user, or it is the log of a channel.
    pub user: Option<User<E>>,
    /// The last entry of the feed then.
    pub fed: FeedId,
}

/// An entry of a log.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Item<E> {
    /// The offset of the entry.
    pub offset: u64,
    /// The time at which it was appended, in milliseconds since 1970.
    pub at: u64,
    /// Whether it is sent later to clients that were not listening: whether the channel stored
    /// frames then.
    pub is_kept: bool,
    /// Whether it was stored in the history.
    pub is_in_history: bool,
    /// What it says. Scripts write what it says of presence and state.
    pub content: E,
}

/// A user who is present in a channel.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Member<E> {
    /// The user.
    pub user: UserName,
    /// The number of the user's connections in the channel that are present; 0 if the user has left
    /// it.
    pub connections: u64,
    /// The state of the user; `None` if it is as before, or was never set.
    pub state: Option<E>,
}

/// A user.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct User<E> {
    /// The version of the state, which is higher than that of any state before it.
    pub version: u64,
    /// The version of the first state. It tells the user from a former one with the same name.
    pub born: u64,
    /// The state.
    pub state: E,
    /// The connections, and whether each is present.
    pub connections: BTreeMap<ConnId, bool>,
}
