//! The calls of a node to the scripts in Redis.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::name::{ConnId, LogName, MessageId, UserName};
use crate::position::{Continuity, Position};
use crate::protocol::config::ChannelConfig;

/// A node, from its start to its end. A process that starts again is another node.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct NodeId(pub u64);

/// The right of one node to serve a connection once. A later turn replaces all earlier ones.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Turn(pub u64);

/// The number of a period in which Redis has not lost anything. Another process of Redis begins
/// another period.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Term(pub u64);

/// Up to where a client has read, by log. In the beginning this is where its place began. A
/// connection has a place in the logs of its channels and in the private log of its user.
pub type Read = BTreeMap<LogName, Position>;

/// A call to a script. Each script is one step: nothing else happens in Redis meanwhile. `E` is
/// what scripts keep and never look into: a message, or the state of a user.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Call<E> {
    /// Makes the record of a connection, which is present from then on, unless there is one.
    Connect {
        /// The connection.
        conn_id: ConnId,
        /// The owner of the connection.
        user: UserName,
        /// The logs in which the connection has a place.
        logs: BTreeSet<LogName>,
    },
    /// Adds a channel to a connection.
    Subscribe {
        /// The connection.
        conn_id: ConnId,
        /// The log of the channel.
        log: LogName,
    },
    /// Removes a channel from a connection.
    Unsubscribe {
        /// The connection.
        conn_id: ConnId,
        /// The log of the channel.
        log: LogName,
    },
    /// Says that a client was heard from through its application. Its connection is present from
    /// then on, and its node begins to wait anew.
    Heard {
        /// The connection.
        conn_id: ConnId,
    },
    /// Reads the record of a connection.
    LookUp {
        /// The connection.
        conn_id: ConnId,
    },
    /// Reads a user.
    LookUpUser {
        /// The user.
        user: UserName,
    },
    /// Sets the state of a user, unless it is not as the caller knows it any more.
    SetUser {
        /// The user.
        user: UserName,
        /// The version that the caller knows; 0 if there was no such user.
        seen: u64,
        /// The whole state.
        state: E,
        /// What the channels are told of the change; `None` if they are told nothing.
        changed: Option<E>,
    },
    /// Takes the next turn of a connection, because its client has opened a transport here. The
    /// connection is present from then on.
    Take {
        /// The connection.
        conn_id: ConnId,
        /// Whether the client polls, and does not say up to where it has read. Then it has read the
        /// answer to its last poll.
        polls: bool,
        /// The continuity that the client brings. If it is not that of the record, another one
        /// begins.
        continuity: Option<Continuity>,
        /// The session that goes on; `None` if the transport is not of such a session. The turn is
        /// refused if another transport has listened for the connection since.
        session: Option<SessionName>,
    },
    /// Begins another continuity of a connection, because its client has missed something.
    Break {
        /// The connection.
        conn_id: ConnId,
        /// The turn, which must be the latest one.
        turn: Turn,
        /// The continuity that begins.
        continuity: Continuity,
    },
    /// Reports up to where the client of a transport has read.
    Report {
        /// The connection.
        conn_id: ConnId,
        /// The turn.
        turn: Turn,
        /// Up to where the client has read for certain.
        read: Read,
        /// Whether the transport has ended. Otherwise nobody is told.
        has_ended: bool,
    },
    /// Makes a connection absent.
    Leave {
        /// The connection.
        conn_id: ConnId,
        /// The turn, which must be the latest one.
        turn: Turn,
        /// The entry of the feed after which its application must not have been heard from; `None`
        /// if it may.
        heard: Option<FeedId>,
    },
    /// Ends a connection: it leaves its channels, and its record is removed.
    End {
        /// The connection.
        conn_id: ConnId,
        /// The turn, which must be the latest one; `None` if any may be.
        turn: Option<Turn>,
    },
    /// Writes the record of a connection as its node knows it, because Redis may have lost it. The
    /// channels are not told of it. Refused if the connection was ended lately.
    Renew {
        /// The connection.
        conn_id: ConnId,
        /// The record.
        record: Record,
        /// The channels that the connection has left, and the entries of the feed that say so. It
        /// is not in them, unless it was subscribed to them again later.
        left: BTreeMap<LogName, FeedId>,
        /// The last entry of the feed that the record has. What the connection has left later, it
        /// is not in again.
        heard: FeedId,
    },
    /// Lists the connections whose records name a node.
    List {
        /// The node.
        node: NodeId,
    },
    /// Sets the settings of a channel.
    Configure {
        /// The log of the channel.
        log: LogName,
        /// The settings.
        config: ChannelConfig,
        /// Whether the settings are only for a channel that was never configured and that nobody
        /// has ever been in.
        is_for_new: bool,
    },
    /// Appends a message to a log that exists.
    Post {
        /// The log.
        log: LogName,
        /// The message.
        message: E,
        /// Whether the message may be kept in the history.
        is_for_history: bool,
        /// The id of the message, if it is not appended again when it was posted under this id
        /// lately.
        once: Option<MessageId>,
    },
    /// Appends the edit or the deletion of a message to a log that exists, and edits or empties the
    /// message where it is kept, unless the log has another edit or deletion that the caller does
    /// not know.
    Rewrite {
        /// The log.
        log: LogName,
        /// The offset of the message; `None` if it is not kept any more.
        offset: Option<u64>,
        /// The revision of the log that the caller knows.
        seen: u64,
        /// The message after the edit; `None` if it is deleted.
        message: Option<E>,
        /// What clients are told.
        event: E,
    },
    /// Reads a log, and makes it if there is none.
    Load {
        /// The log.
        log: LogName,
    },
    /// Forgets a log in which no connection has a place, and what belongs to its channel or user.
    Forget {
        /// The log.
        log: LogName,
    },
    /// Keeps a claim to make a call once, unless there is one.
    Claim {
        /// The key of the call.
        key: String,
        /// The claim.
        claim: E,
    },
    /// Replaces a claim to make a call once, or forgets it.
    Settle {
        /// The key of the call.
        key: String,
        /// The claim with the answer of the call; `None` to forget it.
        claim: Option<E>,
    },
    /// Takes the packets that wait for the client of a session, for a poll that waits at the
    /// calling node.
    Hold {
        /// The session.
        session: SessionName,
        /// How long the client may take.
        times: PollTimes,
    },
    /// Lets packets wait for the client of a session, and tells the node at which it polls.
    Tell {
        /// The session.
        session: SessionName,
        /// How long the client may take.
        times: PollTimes,
        /// Whether the client has answered the last ping.
        is_pong: bool,
        /// The packets.
        packets: Vec<E>,
    },
    /// Keeps what a session is, and lets packets wait for its client.
    Keep {
        /// The session.
        session: SessionName,
        /// How long the client may take.
        times: PollTimes,
        /// What the session is from now on.
        change: SessionChange<E>,
        /// The packets.
        packets: Vec<E>,
    },
    /// Lists the names of some logs.
    Names {
        /// Where the list goes on: 0 in the beginning, then what the last answer said.
        cursor: u64,
    },
    /// Asks which of some logs exist.
    Exist {
        /// The logs.
        logs: Vec<LogName>,
    },
    /// Asks for the last entry of the feed.
    Reach,
    /// Says that Redis has lost entries of the feed. Each log then begins another epoch, and each
    /// client is told of a gap.
    Lost,
    /// Tells the other nodes that the calling node lives.
    Beat {
        /// What operators are told of the node.
        about: E,
    },
    /// Declares a node dead. It may not call any more.
    Declare {
        /// The node.
        node: NodeId,
        /// How long its clients may stay away, if the node itself says that it has stopped. Zero
        /// otherwise.
        away: Duration,
    },
}

/// The record of a connection.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Record {
    /// The owner of the connection.
    pub user: UserName,
    /// The node that answers for the connection.
    pub node: NodeId,
    /// The latest turn.
    pub turn: Turn,
    /// The first turn. Earlier turns belong to a connection with the same id that has ended.
    pub born: Turn,
    /// The continuity of the latest transport.
    pub continuity: Continuity,
    /// Whether the connection is present in its channels.
    pub is_here: bool,
    /// The logs in which the connection has a place, and up to where its client has read each of
    /// them for certain.
    pub read: Read,
    /// The turns whose transports have not reported their end, and their nodes.
    pub open: BTreeMap<Turn, NodeId>,
}

/// The name of a session of a Socket.IO client that polls.
pub type SessionName = String;

/// How long the client of a session may take.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct PollTimes {
    /// The time between two pings, in milliseconds.
    pub interval: u64,
    /// The time that the client may take to answer a ping, in milliseconds.
    pub timeout: u64,
}

/// What becomes of a session.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum SessionChange<E> {
    /// Its client has connected to a namespace for a connection, unless it has done so before.
    Connected {
        /// The connection.
        conn_id: ConnId,
        /// What the session is.
        content: E,
    },
    /// The session is something else now.
    Changed {
        /// What the session is.
        content: E,
    },
    /// The session is over.
    Over,
}

/// The id of an entry of the feed: the term in which it was made, and its number in that term.
pub type FeedId = (Term, u64);
