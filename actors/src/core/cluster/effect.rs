//! What a session asks its node to do.

use crate::name::ChannelName;
use crate::position::Position;

/// What a node has to do for a session, besides calls.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Effect {
    /// The transport is attached to the log of a channel. The node's copy of the log may not go as
    /// far yet.
    Attach {
        /// The channel.
        channel: ChannelName,
        /// The position from which the client goes on.
        position: Position,
        /// The offset up to which entries are marked as caught up.
        missed_up_to: u64,
    },
    /// The transport is detached from the log of a channel, which the connection has left.
    Detach {
        /// The channel.
        channel: ChannelName,
    },
    /// The transport is told to end, and reports with `Session::lost`. A long-poll that was
    /// answered reports that its client has read the answer, unless the client has reset its
    /// socket.
    Shut,
    /// The timers start: after a while `Session::absent` is called, and later
    /// `Session::expired`.
    StartTimers,
}
