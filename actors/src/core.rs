//! The decisions of the broker, as plain structs. The caller passes in the time and all ids. The
//! structs use no actix, no clock, no random numbers, no input and no output, so their tests check
//! the rules of the protocol without a runtime or a socket.

pub mod channel;
pub mod cluster;
pub mod connection;
pub mod cursor;
pub mod entry;
pub mod history;
pub mod log;
pub mod planted;
pub mod publication;
pub mod record;
pub mod roster;
pub mod route;
pub mod user;
pub mod visible_state;

use crate::name::MessageId;
use crate::protocol::timestamp::Moment;

/// The time of an operation, and an id for the event that the operation may make.
#[derive(Clone, Copy, Debug)]
pub struct Stamp {
    /// The time on the server's clocks.
    pub now: Moment,
    /// The id of the event. Unused if the operation makes no event of its own.
    pub id: MessageId,
}
