//! What a session asks its node to do.

use crate::name::LogName;
use crate::position::Position;

/// What a node has to do for a session, besides calls.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Effect {
    /// The transport is attached to a log. The node's copy of the log may not go as
    /// far yet.
    Attach {
        /// The log.
        log: LogName,
        /// The position from which the client goes on.
        position: Position,
        /// The offset up to which entries are marked as caught up.
        missed_up_to: u64,
        /// Whether no transport has begun since the connection took its place.
        is_new: bool,
    },
    /// The transport is detached from a log. The connection has left its channel.
    Detach {
        /// The log.
        log: LogName,
    },
    /// The transport is told to end, and reports with `Session::lost`. A long-poll that was
    /// answered reports that its client has read the answer, unless the client has reset its
    /// socket.
    Shut,
    /// The timers start: after a while `Session::absent` is called, and later
    /// `Session::expired`.
    StartTimers,
}
