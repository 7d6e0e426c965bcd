//! Encoded events.

use bytestring::ByteString;
use serde::Serialize;

use crate::protocol::message::{Payload, SHARED};

/// The end of the live form of an event that says whether it is caught up.
const LIVE_MARK: &str = ",\"catchup\":false}";

/// The end of the form of every event that is caught up.
const CATCH_UP_MARK: &str = ",\"catchup\":true}";

/// How many bytes most events hold besides the application's object.
const ENVELOPE: usize = 256;

/// An event as the JSON object that goes to clients, in the form for those who listen while it
/// happens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventBody(ByteString);

impl EventBody {
    /// Encodes an event, which may carry an application's object.
    pub(super) fn encode(event: &impl Serialize, payload: Option<&Payload>) -> Self {
        let mut text = Vec::with_capacity(Self::most_size(payload));
        let encoded = serde_json::to_writer(&mut text, event).ok();
        // What was not used would be kept as long as the event. An allocator that is told to shrink a
        // block by less than half leaves it as it is, so a small event is copied.
        if text.capacity() - text.len() > text.len() / 8 {
            text = text.as_slice().into();
        }
        let text = encoded.and_then(|()| ByteString::try_from(text).ok());
        // These events hold text keys and values only, which always encode.
        Self(text.unwrap_or_else(|| {
            log::error!("an event could not be encoded");
            ByteString::from_static("{\"type\":\"error\"}")
        }))
    }

    /// Returns how many bytes of memory most events with this object take at most.
    pub(crate) fn most_size(payload: Option<&Payload>) -> usize {
        SHARED + ENVELOPE + payload.map_or(0, |payload| payload.get().len())
    }

    /// Takes the form for those who listen while the event happens, as it was encoded before.
    pub fn from_live(text: impl Into<ByteString>) -> Self {
        Self(text.into())
    }

    /// Returns the form for those who listen while the event happens.
    pub fn live(&self) -> &str {
        &self.0
    }

    /// Appends the form for those who missed the event: the same object with `"catchup": true`. An
    /// edit or a deletion has no such key when it comes at once (`protocol.md` §7), so there the
    /// mark is added instead of changed.
    pub fn write_caught_up(&self, out: &mut String) {
        out.push_str(
            self.0
                .strip_suffix(LIVE_MARK)
                .or_else(|| self.0.strip_suffix('}'))
                .unwrap_or_default(),
        );
        out.push_str(CATCH_UP_MARK);
    }

    /// Returns how many bytes of memory it takes.
    pub fn size(&self) -> usize {
        SHARED + self.len()
    }

    /// Returns the length of the live form, in bytes.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns whether the live form is empty, which it never is: an event is an object with keys.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
