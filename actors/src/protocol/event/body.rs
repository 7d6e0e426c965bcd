//! Encoded events.

use bytestring::ByteString;
use serde::Serialize;

use crate::protocol::message::{ARC_BYTES, Payload};

/// The end of the live form of an event that has the key `catchup`.
const LIVE_MARK: &str = ",\"catchup\":false}";

/// The end of the caught-up form of every event.
const CATCH_UP_MARK: &str = ",\"catchup\":true}";

/// The number of bytes that most events do not exceed, apart from the application's object.
const ENVELOPE_BYTES: usize = 256;

/// An event as the JSON object that clients read, in its live form: the form for clients that
/// listen at the time of the event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventBody(ByteString);

impl EventBody {
    /// Encodes an event, which may carry an application's object.
    pub(super) fn encode(event: &impl Serialize, payload: Option<&Payload>) -> Self {
        let mut text = Vec::with_capacity(Self::most_size(payload));
        let encoded = serde_json::to_writer(&mut text, event).ok();
        // Unused capacity would be held as long as the event. An allocator does not shrink a block
        // by less than half, so the text of a small event is copied instead.
        if text.capacity() - text.len() > text.len() / 8 {
            text = text.as_slice().into();
        }
        let text = encoded.and_then(|()| ByteString::try_from(text).ok());
        // Cannot fail: events have only text keys, and values that can always be encoded.
        Self(text.unwrap_or_else(|| {
            log::error!("an event could not be encoded");
            ByteString::from_static("{\"type\":\"error\"}")
        }))
    }

    /// Returns the number of bytes of memory that most events with this object do not exceed.
    pub fn most_size(payload: Option<&Payload>) -> usize {
        ARC_BYTES + ENVELOPE_BYTES + payload.map_or(0, |payload| payload.get().len())
    }

    /// Creates the event from its live form, which was encoded earlier.
    pub fn from_live(text: impl Into<ByteString>) -> Self {
        Self(text.into())
    }

    /// Returns the live form, for clients that listen at the time of the event.
    pub fn live(&self) -> &str {
        &self.0
    }

    /// Appends the caught-up form, for clients that missed the event: the same object with
    /// `"catchup": true`. The live form of an edit or a deletion has no such key (`protocol.md`
    /// §7), so there the key is added instead of changed.
    pub fn write_caught_up(&self, out: &mut String) {
        out.push_str(
            self.0
                .strip_suffix(LIVE_MARK)
                .or_else(|| self.0.strip_suffix('}'))
                .unwrap_or_default(),
        );
        out.push_str(CATCH_UP_MARK);
    }

    /// Returns the number of bytes of memory that the event takes.
    pub fn size(&self) -> usize {
        ARC_BYTES + self.len()
    }

    /// Returns the length of the live form, in bytes.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns whether the live form is empty. It never is: an event is an object with keys.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
