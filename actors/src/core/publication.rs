//! What a channel or a user is given to publish.

use std::sync::Arc;

use crate::protocol::event::{self, EventBody};
use crate::protocol::message::Message;

/// A message that was accepted, with its encoded form. It is encoded before it reaches a channel,
/// once for all subscribers.
#[derive(Clone, Debug)]
pub struct Publication {
    /// The message.
    pub message: Arc<Message>,
    /// What clients read.
    pub body: EventBody,
}

impl Publication {
    /// Encodes a message.
    pub fn new(message: Arc<Message>) -> Self {
        let body = event::message(&message);
        Self { message, body }
    }
}
