//! What decides: plain structs, which are given the time and all ids. They use no actix, no clock,
//! no random numbers, no input and no output, so a rule of the protocol is tested here without a
//! runtime or a socket.

pub mod channel;
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

/// When an operation happens, and the id of the event that it may make.
#[derive(Clone, Copy, Debug)]
pub struct Stamp {
    /// The time on the server's clocks.
    pub now: Moment,
    /// The id of the event. It is not used where the operation makes no event of its own.
    pub id: MessageId,
}
