//! An entry of a log: an event with its number, and who may see it.

use std::sync::Arc;

use crate::core::route::Route;
use crate::name::MessageId;
use crate::protocol::event::EventBody;
use crate::protocol::message::Message;
use crate::protocol::timestamp::Moment;

/// An event of a log.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The number of the entry: 1, 2, 3 … It is given once.
    pub offset: u64,
    /// The users who may see the event.
    pub route: Route,
    /// Whether a client that was not listening is shown the entry later. False where the channel
    /// stores no frames.
    pub kept: bool,
    /// Whether the history of the channel holds the message, or held it.
    pub is_in_history: bool,
    /// What clients read; `None` once the message was deleted.
    pub body: Option<EventBody>,
    /// The id of the event.
    pub id: MessageId,
    /// When it was appended.
    pub at: Moment,
    /// Present where the entry can be edited.
    pub message: Option<Arc<Message>>,
}

impl Entry {
    /// Creates the entry of a message that only the history holds any more.
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

    /// Returns how many bytes it holds.
    pub fn size(&self) -> usize {
        let body = self.body.as_ref().map_or(0, EventBody::size);
        size_of::<Self>()
            + body
            + self.route.size()
            + self.message.as_ref().map_or(0, |message| message.size())
    }

    /// Returns how many bytes it holds, without those that are counted with its message.
    pub fn own_size(&self) -> usize {
        match &self.message {
            Some(message) if message.is_held() => size_of::<Self>() + self.route.size(),
            _ => self.size(),
        }
    }

    /// Returns whether it is a message, and not an edit, a deletion or a change of presence or
    /// state.
    pub fn is_message(&self) -> bool {
        self.message.is_some()
    }
}

/// An event that is to be appended.
#[derive(Debug)]
pub struct Record {
    /// The id of the event.
    pub id: MessageId,
    /// The users who may see the event.
    pub route: Route,
    /// Whether a client that was not listening is shown it later.
    pub kept: bool,
    /// Whether the history holds the message.
    pub is_in_history: bool,
    /// What clients read.
    pub body: EventBody,
    /// The message, if the event is one: later edits start from it.
    pub message: Option<Arc<Message>>,
}
