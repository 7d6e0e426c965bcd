//! An entry of a log: an event with its offset and its route.

use std::sync::Arc;

use crate::core::route::Route;
use crate::name::MessageId;
use crate::protocol::event::EventBody;
use crate::protocol::message::Message;
use crate::protocol::timestamp::Moment;

/// An event of a log.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The number of the entry in the log: 1, 2, 3 … It is never given again within an epoch.
    pub offset: u64,
    /// The users who may see the event.
    pub route: Route,
    /// Whether the entry is sent later to clients that were not listening when it was appended.
    /// False if the channel does not store frames.
    pub kept: bool,
    /// Whether the message was stored in the history of the channel. Stays true after the history
    /// has dropped the message.
    pub is_in_history: bool,
    /// The encoded event that clients read; `None` once the message was deleted.
    pub body: Option<EventBody>,
    /// The id of the event.
    pub id: MessageId,
    /// The time at which the entry was appended.
    pub at: Moment,
    /// The message, if the event is one and can still be edited.
    pub message: Option<Arc<Message>>,
}

impl Entry {
    /// Creates an entry for a message that the history still holds, but the log does not.
    pub fn of_history(offset: u64, message: &Arc<Message>) -> Self {
        Self {
            offset,
            route: Route::of(&message.address),
            kept: false,
            is_in_history: true,
            body: None,
            id: message.uuid,
            at: Moment::default(),
            message: Some(message.clone()),
        }
    }

    /// Returns the number of bytes that the entry takes.
    pub fn size(&self) -> usize {
        let body = self.body.as_ref().map_or(0, EventBody::size);
        size_of::<Self>()
            + body
            + self.route.size()
            + self.message.as_ref().map_or(0, |message| message.size())
    }

    /// Returns the number of bytes that the entry takes, without those that `memory.rs` counts with
    /// its message.
    pub fn own_size(&self) -> usize {
        match &self.message {
            Some(message) if message.is_held() => size_of::<Self>() + self.route.size(),
            _ => self.size(),
        }
    }

    /// Returns whether the event is a message, and not an edit, a deletion or a change of presence
    /// or state.
    pub fn is_message(&self) -> bool {
        self.message.is_some()
    }
}

/// An event to append to a log.
#[derive(Debug)]
pub struct Record {
    /// The id of the event.
    pub id: MessageId,
    /// The users who may see the event.
    pub route: Route,
    /// Whether the event is sent later to clients that are not listening now.
    pub kept: bool,
    /// Whether the message was stored in the history.
    pub is_in_history: bool,
    /// The encoded event that clients read.
    pub body: EventBody,
    /// The message, if the event is one: later edits start from it.
    pub message: Option<Arc<Message>>,
}
