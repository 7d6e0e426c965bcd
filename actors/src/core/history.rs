//! What people read back through `/info` and `/connect`: the last messages of a channel.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::name::MessageId;
use crate::protocol::config::ChannelConfig;
use crate::protocol::message::Message;
use crate::protocol::panel::{HistoryEntry, beginning};

/// The last `history_size` messages, oldest first, as far as they fit.
#[derive(Debug)]
pub struct History {
    messages: VecDeque<Arc<Message>>,
    /// What the messages hold together, and at most.
    bytes: usize,
    most_bytes: usize,
}

impl History {
    /// Creates a history that holds at most so many bytes.
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

    /// The oldest go first.
    fn trim(&mut self, size: usize) {
        while self.messages.len() > size || self.bytes > self.most_bytes {
            let Some(oldest) = self.messages.pop_front() else {
                break;
            };
            self.bytes -= oldest.size();
        }
    }

    /// The message with this id.
    pub fn message(&self, id: MessageId) -> Option<&Arc<Message>> {
        self.messages.iter().find(|message| message.uuid == id)
    }

    /// Puts an edited message in the place of the one with its id.
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

    /// Takes out the message with this id.
    pub fn erase(&mut self, id: MessageId) {
        if let Some(index) = self.messages.iter().position(|message| message.uuid == id) {
            self.bytes -= self
                .messages
                .remove(index)
                .map_or(0, |message| message.size());
        }
    }

    /// How many messages it holds.
    pub fn len(&self) -> usize {
        self.messages.len()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    /// The last `count` as an operator sees them.
    pub fn inspect(&self, count: usize) -> Vec<HistoryEntry> {
        let entry = |message: &Arc<Message>| HistoryEntry {
            uuid: message.uuid,
            timestamp: message.timestamp,
            user: message.user.clone(),
            edited: message.edited,
            message: message
                .message
                .as_ref()
                .map(|payload| beginning(payload.get())),
        };
        self.messages
            .range(self.messages.len().saturating_sub(count)..)
            .map(entry)
            .collect()
    }

    /// All of it.
    pub fn to_vec(&self) -> Vec<Arc<Message>> {
        self.messages.iter().cloned().collect()
    }
}
