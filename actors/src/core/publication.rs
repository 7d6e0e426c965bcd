//! A message on its way to the log of a channel or a user.

use std::sync::Arc;

use crate::protocol::event::{self, EventBody};
use crate::protocol::message::Message;

/// An accepted message with its encoded form. It is encoded once for all subscribers, before it
/// reaches a channel.
#[derive(Clone, Debug)]
pub struct Publication {
    /// The message.
    pub message: Arc<Message>,
    /// The encoded event that clients read.
    pub body: EventBody,
}

impl Publication {
    /// Creates a publication: encodes the message.
    pub fn new(message: Arc<Message>) -> Self {
        let body = event::message(&message);
        Self { message, body }
    }
}
