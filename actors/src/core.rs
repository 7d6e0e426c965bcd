//! What decides: plain structs, with time and ids as arguments. No actix, no clock, no input or
//! output; a rule of the protocol is tested here without runtime or socket.

pub mod channel;
pub mod cursor;
pub mod history;
pub mod log;
pub mod roster;
pub mod route;
pub mod user;

use crate::name::MessageId;
use crate::protocol::timestamp::Moment;

/// When an operation happens, and the id of the event it may make.
#[derive(Clone, Copy, Debug)]
pub struct Stamp {
    /// The server's clock.
    pub now: Moment,
    /// Unused where the operation makes no event of its own.
    pub id: MessageId,
}

impl Stamp {
    /// Now, with a new id.
    pub fn now() -> Self {
        Self {
            now: Moment::now(),
            id: MessageId::random(),
        }
    }
}
