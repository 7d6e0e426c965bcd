//! The calls of a node to the scripts in Redis, and their answers.

use std::collections::{BTreeMap, BTreeSet};

use crate::core::record::LogState;
use crate::name::{ChannelName, ConnId, UserName};
use crate::position::{Epoch, Position};
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

/// Up to where a client has read, by channel. In the beginning this is where its place began.
pub type Read = BTreeMap<ChannelName, Position>;

/// A call to a script. Each script is one step: nothing else happens in Redis meanwhile. `E` is an
/// entry of a log.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Call<E> {
    /// Makes the record of a connection, which is present from then on, unless there is one.
    Connect {
        /// The connection.
        conn_id: ConnId,
        /// The owner of the connection.
        user: UserName,
        /// The channels of the connection.
        channels: BTreeSet<ChannelName>,
    },
    /// Adds a channel to a connection.
    Subscribe {
        /// The connection.
        conn_id: ConnId,
        /// The channel.
        channel: ChannelName,
    },
    /// Removes a channel from a connection.
    Unsubscribe {
        /// The connection.
        conn_id: ConnId,
        /// The channel.
        channel: ChannelName,
    },
    /// Takes the next turn of a connection, because its client has opened a transport here. The
    /// connection is present from then on.
    Take {
        /// The connection.
        conn_id: ConnId,
    },
    /// Reports that the transport of a turn has ended.
    Report {
        /// The connection.
        conn_id: ConnId,
        /// The turn.
        turn: Turn,
        /// Up to where the client has read for certain.
        read: Read,
    },
    /// Makes a connection absent.
    Leave {
        /// The connection.
        conn_id: ConnId,
        /// The turn, which must be the latest one.
        turn: Turn,
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
        left: BTreeMap<ChannelName, FeedId>,
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
        /// The channel.
        channel: ChannelName,
        /// The settings.
        config: ChannelConfig,
        /// Whether the settings are only for a channel that was never configured and that nobody
        /// has ever been in.
        is_for_new: bool,
    },
    /// Appends a message to the log of a channel.
    Post {
        /// The channel.
        channel: ChannelName,
        /// The message.
        message: E,
        /// Whether the message may be kept in the history.
        is_for_history: bool,
    },
    /// Reads a log.
    Load {
        /// The channel.
        channel: ChannelName,
    },
    /// Says that Redis has lost entries of the feed. Each log then begins another epoch, and each
    /// client is told of a gap.
    Lost,
    /// Tells the other nodes that the calling node lives.
    Beat,
    /// Declares a node dead. It may not call any more.
    Declare {
        /// The node.
        node: NodeId,
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
    /// Whether the connection is present in its channels.
    pub is_here: bool,
    /// The channels, and up to where the client has read for certain in each.
    pub read: Read,
    /// The turns whose transports have not reported their end, and their nodes.
    pub open: BTreeMap<Turn, NodeId>,
}

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
    /// `Connect`: the connection has a record. Nothing was done.
    Known,
    /// `Take`: the turn was taken.
    Taken {
        /// The record with the new turn.
        record: Record,
        /// The end of the log of each channel. Other nodes may have sent the entries up to here to
        /// the client.
        ends: BTreeMap<ChannelName, u64>,
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
    /// The entries, oldest first.
    pub entries: Vec<E>,
    /// The settings of the channel.
    pub config: ChannelConfig,
    /// The history, oldest message first.
    pub history: Vec<E>,
    /// The last entry of the feed then.
    pub fed: FeedId,
}

/// The id of an entry of the feed: the term in which it was made, and its number in that term.
pub type FeedId = (Term, u64);

/// An entry of the feed.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Fed<E> {
    /// A term has begun. What was changed before may be lost.
    Fenced {
        /// The last entry of the feed that Redis has kept.
        kept: FeedId,
    },
    /// A node knows of entries that were lost. The logs must be read anew.
    Lost,
    /// An entry was appended to the log of a channel.
    Appended {
        /// The channel.
        channel: ChannelName,
        /// The position of the entry.
        position: Position,
        /// The entry.
        message: E,
    },
    /// The settings of a channel have changed.
    Configured {
        /// The channel.
        channel: ChannelName,
        /// The settings.
        config: ChannelConfig,
    },
    /// A node has taken a turn of a connection.
    Taken {
        /// The connection.
        conn_id: ConnId,
        /// The turn.
        turn: Turn,
        /// The node.
        node: NodeId,
    },
    /// The transport of a turn has ended.
    Reported {
        /// The connection.
        conn_id: ConnId,
        /// The turn.
        turn: Turn,
        /// Up to where the client has read for certain.
        read: Read,
    },
    /// A channel was added to a connection.
    Subscribed {
        /// The connection.
        conn_id: ConnId,
        /// Its latest turn.
        turn: Turn,
        /// The channel.
        channel: ChannelName,
        /// Where the place of the connection begins.
        place: Position,
    },
    /// A channel was removed from a connection.
    Unsubscribed {
        /// The connection.
        conn_id: ConnId,
        /// Its latest turn.
        turn: Turn,
        /// The channel.
        channel: ChannelName,
    },
    /// A connection has ended. The turn was its latest one.
    Ended {
        /// The connection.
        conn_id: ConnId,
        /// The turn.
        turn: Turn,
    },
}
