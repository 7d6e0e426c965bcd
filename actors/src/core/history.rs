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
    /// Each message with its offset in the log.
    messages: VecDeque<(u64, Arc<Message>)>,
    /// How many bytes the messages hold together.
    bytes: usize,
    /// How many bytes of these are not counted with messages.
    own_bytes: usize,
    /// How many bytes they may hold.
    most_bytes: usize,
}

impl History {
    /// Creates a history that holds at most `most_bytes`.
    pub fn new(most_bytes: usize) -> Self {
        Self {
            messages: VecDeque::new(),
            bytes: 0,
            own_bytes: 0,
            most_bytes,
        }
    }

    /// Creates a history again from the messages that were kept of it, each with its offset.
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

    /// Keeps a message, which has this offset in the log, where the configuration says so, and
    /// returns whether it does. A smaller `history_size` cuts here, with the next message, and
    /// turning `store_history` off keeps what is there (`protocol.md` §5).
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

    /// Drops the oldest messages beyond `size` messages or the bytes allowed.
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

    /// Drops the oldest messages until the rest holds at most this many bytes.
    pub fn trim_to(&mut self, bytes: usize) {
        while self.bytes > bytes && self.drop_oldest() {}
    }

    /// Returns the offset before the oldest message; `None` if it holds none.
    pub fn start(&self) -> Option<u64> {
        self.messages.front().map(|(offset, _)| offset - 1)
    }

    /// Returns the message with this id.
    pub fn message(&self, id: MessageId) -> Option<&Arc<Message>> {
        self.messages().find(|message| message.uuid == id)
    }

    /// Replaces the message that has the same id by its edited form, and returns its offset.
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

    /// Removes the message with this id, and returns its offset.
    pub fn erase(&mut self, id: MessageId) -> Option<u64> {
        let index = self.messages().position(|message| message.uuid == id)?;
        let (offset, message) = self.messages.remove(index)?;
        self.bytes -= message.size();
        self.own_bytes -= own_size(&message);
        Some(offset)
    }

    /// Returns how many messages it holds.
    pub fn len(&self) -> usize {
        self.messages.len()
    }

    /// Returns how many bytes its messages hold.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Returns how many bytes it holds, without those that are counted with messages.
    pub fn own_bytes(&self) -> usize {
        self.own_bytes
    }

    /// Returns whether it holds none.
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

/// Returns how many bytes a message takes here, without those that are counted with it.
fn own_size(message: &Message) -> usize {
    let shared = if message.is_held() { 0 } else { message.size() };
    size_of::<(u64, Arc<Message>)>() + shared
}
