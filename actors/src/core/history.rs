//! The history: the last messages of a channel, which people read back through `/info` and
//! `/connect`.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::name::MessageId;
use crate::protocol::config::ChannelConfig;
use crate::protocol::message::Message;

/// The last `history_size` messages, oldest first, as far as they fit.
#[derive(Debug)]
pub struct History {
    messages: VecDeque<Arc<Message>>,
    /// How many bytes the messages hold together.
    bytes: usize,
    /// How many bytes they may hold.
    most_bytes: usize,
}

impl History {
    /// Creates a history that holds at most `most_bytes`.
    pub fn new(most_bytes: usize) -> Self {
        Self {
            messages: VecDeque::new(),
            bytes: 0,
            most_bytes,
        }
    }

    /// Keeps a message where the configuration says so. A smaller `history_size` cuts here, with
    /// the next message, and turning `store_history` off keeps what is there (`protocol.md` §5).
    pub fn store(&mut self, message: &Arc<Message>, config: &ChannelConfig) {
        if !config.store_history || message.address.no_history {
            return;
        }
        self.bytes += message.size();
        self.messages.push_back(message.clone());
        self.trim(usize::try_from(config.history_size).unwrap_or(usize::MAX));
    }

    /// Drops the oldest messages beyond `size` messages or the bytes allowed.
    fn trim(&mut self, size: usize) {
        while self.messages.len() > size || self.bytes > self.most_bytes {
            let Some(oldest) = self.messages.pop_front() else {
                break;
            };
            self.bytes -= oldest.size();
        }
    }

    /// Returns the message with this id.
    pub fn message(&self, id: MessageId) -> Option<&Arc<Message>> {
        self.messages.iter().find(|message| message.uuid == id)
    }

    /// Replaces the message that has the same id by its edited form.
    pub fn replace(&mut self, edited: &Arc<Message>) {
        if let Some(message) = self
            .messages
            .iter_mut()
            .find(|message| message.uuid == edited.uuid)
        {
            self.bytes = self.bytes + edited.size() - message.size();
            *message = edited.clone();
            self.trim(usize::MAX);
        }
    }

    /// Removes the message with this id.
    pub fn erase(&mut self, id: MessageId) {
        if let Some(index) = self.messages.iter().position(|message| message.uuid == id) {
            self.bytes -= self
                .messages
                .remove(index)
                .map_or(0, |message| message.size());
        }
    }

    /// Returns how many messages it holds.
    pub fn len(&self) -> usize {
        self.messages.len()
    }

    /// Returns whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    /// Returns the messages, oldest first.
    pub fn messages(&self) -> impl DoubleEndedIterator<Item = &Arc<Message>> + ExactSizeIterator {
        self.messages.iter()
    }
}
