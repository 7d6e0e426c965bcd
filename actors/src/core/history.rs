//! What people read back through `/info` and `/connect`: the last messages of a channel.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::name::MessageId;
use crate::protocol::config::ChannelConfig;
use crate::protocol::message::Message;
use crate::protocol::panel::{HistoryEntry, beginning};

/// The last `history_size` messages, oldest first.
#[derive(Debug, Default)]
pub struct History(VecDeque<Arc<Message>>);

impl History {
    /// Keeps a message where the configuration says so. A smaller `history_size` cuts here, with the next message, and turning
    /// `store_history` off keeps what is there (`protocol.md` §5).
    pub fn store(&mut self, message: Arc<Message>, config: &ChannelConfig) {
        if !config.store_history || message.address.no_history {
            return;
        }
        self.0.push_back(message);
        let size = usize::try_from(config.history_size).unwrap_or(usize::MAX);
        while self.0.len() > size {
            self.0.pop_front();
        }
    }

    /// The message with this id.
    pub fn message(&self, id: MessageId) -> Option<&Arc<Message>> {
        self.0.iter().find(|message| message.uuid == id)
    }

    /// Puts an edited message in the place of the one with its id.
    pub fn replace(&mut self, edited: &Arc<Message>) {
        if let Some(message) = self.0.iter_mut().find(|message| message.uuid == edited.uuid) {
            *message = edited.clone();
        }
    }

    /// Takes out the message with this id.
    pub fn erase(&mut self, id: MessageId) {
        if let Some(index) = self.0.iter().position(|message| message.uuid == id) {
            self.0.remove(index);
        }
    }

    /// How many messages it holds.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The last `count` as an operator sees them.
    pub fn inspect(&self, count: usize) -> Vec<HistoryEntry> {
        let entry = |message: &Arc<Message>| HistoryEntry {
            uuid: message.uuid,
            timestamp: message.timestamp,
            user: message.user.clone(),
            edited: message.edited,
            message: message.message.as_ref().map(|payload| beginning(payload.get())),
        };
        self.0.range(self.0.len().saturating_sub(count)..).map(entry).collect()
    }

    /// All of it.
    pub fn to_vec(&self) -> Vec<Arc<Message>> {
        self.0.iter().cloned().collect()
    }
}
