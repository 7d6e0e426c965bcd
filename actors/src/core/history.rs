//! The history: the last messages of a channel, which `/info` and `/connect` show.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::name::MessageId;
use crate::protocol::config::ChannelConfig;
use crate::protocol::message::Message;

/// The last `history_size` messages of a channel, oldest first; fewer if they take too many bytes.
#[derive(Debug)]
pub struct History {
    /// Each message with its offset in the log.
    messages: VecDeque<(u64, Arc<Message>)>,
    /// The number of bytes that the messages take together.
    bytes: usize,
    /// The part of `bytes` that `memory.rs` does not count with the messages.
    own_bytes: usize,
    /// The largest number of bytes that the messages may take together.
    most_bytes: usize,
}

impl History {
    /// Creates an empty history whose messages may take at most `most_bytes`.
    pub fn new(most_bytes: usize) -> Self {
        Self {
            messages: VecDeque::new(),
            bytes: 0,
            own_bytes: 0,
            most_bytes,
        }
    }

    /// Restores a history from the stored messages, each with its offset.
    pub fn restore(
        messages: impl IntoIterator<Item = (u64, Arc<Message>)>,
        most_bytes: usize,
    ) -> Self {
        let messages: VecDeque<_> = messages.into_iter().collect();
        Self {
            bytes: messages.iter().map(|(_, message)| message.size()).sum(),
            own_bytes: messages.iter().map(|(_, message)| own_size(message)).sum(),
            messages,
            most_bytes,
        }
    }

    /// Stores a message, which has this offset in the log, if the configuration says so. Returns
    /// whether the message was stored. A smaller `history_size` takes effect here, with the next
    /// message. Turning `store_history` off keeps the messages that are there (`protocol.md` §5).
    pub fn store(&mut self, offset: u64, message: &Arc<Message>, config: &ChannelConfig) -> bool {
        if !config.store_history || message.address.no_history {
            return false;
        }
        self.bytes += message.size();
        self.own_bytes += own_size(message);
        self.messages.push_back((offset, message.clone()));
        self.trim(usize::try_from(config.history_size).unwrap_or(usize::MAX));
        true
    }

    /// Drops the oldest messages until at most `size` are left, and they take at most `most_bytes`.
    fn trim(&mut self, size: usize) {
        while self.messages.len() > size || self.bytes > self.most_bytes {
            if !self.drop_oldest() {
                break;
            }
        }
    }

    /// Drops the oldest message. Returns whether there was one.
    fn drop_oldest(&mut self) -> bool {
        let Some((_, oldest)) = self.messages.pop_front() else {
            return false;
        };
        self.bytes -= oldest.size();
        self.own_bytes -= own_size(&oldest);
        true
    }

    /// Drops the oldest messages until the rest takes at most `bytes`.
    pub fn trim_to(&mut self, bytes: usize) {
        while self.bytes > bytes && self.drop_oldest() {}
    }

    /// Returns the offset before the oldest message; `None` if the history is empty.
    pub fn start(&self) -> Option<u64> {
        self.messages.front().map(|(offset, _)| offset - 1)
    }

    /// Returns the message with this id.
    pub fn message(&self, id: MessageId) -> Option<&Arc<Message>> {
        self.messages().find(|message| message.uuid == id)
    }

    /// Replaces the message that has the same id with its edited form. Returns its offset, or
    /// `None` if there is no such message.
    pub fn replace(&mut self, edited: &Arc<Message>) -> Option<u64> {
        let (offset, message) = self
            .messages
            .iter_mut()
            .find(|(_, message)| message.uuid == edited.uuid)?;
        self.bytes = self.bytes + edited.size() - message.size();
        self.own_bytes = self.own_bytes + own_size(edited) - own_size(message);
        *message = edited.clone();
        let offset = *offset;
        self.trim(usize::MAX);
        Some(offset)
    }

    /// Removes the message with this id. Returns its offset, or `None` if there is no such message.
    pub fn erase(&mut self, id: MessageId) -> Option<u64> {
        let index = self.messages().position(|message| message.uuid == id)?;
        let (offset, message) = self.messages.remove(index)?;
        self.bytes -= message.size();
        self.own_bytes -= own_size(&message);
        Some(offset)
    }

    /// Returns the number of messages.
    pub fn len(&self) -> usize {
        self.messages.len()
    }

    /// Returns the largest number of bytes that the messages may take.
    pub fn most_bytes(&self) -> usize {
        self.most_bytes
    }

    /// Returns the number of bytes that the messages take.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Returns the number of bytes that the history takes, without those that `memory.rs` counts
    /// with the messages.
    pub fn own_bytes(&self) -> usize {
        self.own_bytes
    }

    /// Returns whether there are no messages.
    pub fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    /// Returns the messages with their offsets, oldest first.
    pub fn entries(&self) -> impl Iterator<Item = &(u64, Arc<Message>)> {
        self.messages.iter()
    }

    /// Returns the messages, oldest first.
    pub fn messages(&self) -> impl DoubleEndedIterator<Item = &Arc<Message>> + ExactSizeIterator {
        self.messages.iter().map(|(_, message)| message)
    }
}

/// Returns the number of bytes that a message takes in the history, without those that `memory.rs`
/// counts with the message.
fn own_size(message: &Message) -> usize {
    let shared = if message.is_held() { 0 } else { message.size() };
    size_of::<(u64, Arc<Message>)>() + shared
}
