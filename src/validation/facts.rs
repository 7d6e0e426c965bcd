//! What rules know besides the body, and what they leave to the broker.

use channelstream_actors::name::{ConnId, UserName};

/// What rules and tables may look at besides the body.
#[derive(Clone, Debug)]
pub struct Facts {
    /// The `conn_id` of the query, if it has one.
    pub conn_id: Option<String>,
    /// How many bytes the `message` of an item may have.
    pub message_limit: usize,
}

impl Default for Facts {
    fn default() -> Self {
        Self {
            conn_id: None,
            message_limit: usize::MAX,
        }
    }
}

/// A name in a request that the broker is asked about, since it must exist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lookup {
    /// A connection. If there is none, the error is `Unknown connection`.
    Connection(ConnId),
    /// A user. If there is none, the error is `Unknown user`.
    User(UserName),
}
