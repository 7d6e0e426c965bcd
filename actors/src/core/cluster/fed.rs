//! The entries of the feed.

use crate::core::cluster::answer::{Item, Member};
use crate::core::cluster::call::{FeedId, NodeId, Read, SessionName, Turn};
use crate::name::{ConnId, LogName, UserName};
use crate::position::{Epoch, Position};
use crate::protocol::config::ChannelConfig;

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
    /// An entry was appended to a log.
    Appended {
        /// The log.
        log: LogName,
        /// The epoch of the log.
        epoch: Epoch,
        /// The entry.
        item: Item<E>,
    },
    /// A user has come to a channel or left it, or its state or the number of its connections there
    /// has changed.
    Member {
        /// The log of the channel.
        log: LogName,
        /// The user.
        member: Member<E>,
    },
    /// A log was forgotten. If there is one again, it is another one.
    Forgotten {
        /// The log.
        log: LogName,
    },
    /// The state of a user was set.
    User {
        /// The user.
        user: UserName,
        /// The version of the state.
        version: u64,
        /// The state.
        state: E,
    },
    /// The settings of a channel have changed.
    Configured {
        /// The log of the channel.
        log: LogName,
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
        /// Whether the client polls, and does not say up to where it has read.
        polls: bool,
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
        /// The log of the channel.
        log: LogName,
        /// Where the place of the connection begins.
        place: Position,
    },
    /// A channel was removed from a connection.
    Unsubscribed {
        /// The connection.
        conn_id: ConnId,
        /// Its latest turn.
        turn: Turn,
        /// The log of the channel.
        log: LogName,
    },
    /// A client was heard from through its application.
    Heard {
        /// The connection.
        conn_id: ConnId,
        /// Its latest turn.
        turn: Turn,
    },
    /// Packets wait for the client of a session.
    Told {
        /// The session.
        session: SessionName,
    },
    /// A connection has ended. The turn was its latest one.
    Ended {
        /// The connection.
        conn_id: ConnId,
        /// The turn.
        turn: Turn,
    },
}
