//! A list of events as it goes over the wire, encoded once for all subscribers at the same
//! position.

use std::sync::Arc;

use bytes::{BufMut, Bytes, BytesMut};
use bytestring::ByteString;

/// A list `[event, …]` as text, and as the frame in which a websocket carries it. A server's frames
/// have no mask (RFC 6455 §5.1), so the frame has the same bytes for everyone, and no outlet copies
/// them.
#[derive(Clone, Debug)]
pub struct List(Arc<EncodedList>);

#[derive(Debug)]
struct EncodedList {
    frame: Bytes,
    text: ByteString,
    /// The same text without line breaks.
    line: ByteString,
}

impl List {
    /// Creates the list with this text.
    pub fn new(text: &str) -> Self {
        let mut frame = BytesMut::with_capacity(10 + text.len());
        frame.put_u8(0x81);
        // RFC 6455 §5.2.
        match (u8::try_from(text.len()), u16::try_from(text.len())) {
            (Ok(length @ 0..126), _) => frame.put_u8(length),
            (_, Ok(length)) => {
                frame.put_u8(126);
                frame.put_u16(length);
            }
            _ => {
                frame.put_u8(127);
                frame.put_u64(text.len() as u64);
            }
        }
        let header = frame.len();
        frame.put_slice(text.as_bytes());
        let frame = frame.freeze();
        // The text shares the bytes of the frame, without the header.
        let text = ByteString::try_from(frame.slice(header..)).unwrap_or_default();
        // A line break in a caller's JSON can only be white space between two tokens.
        let line = if text.contains(['\n', '\r']) {
            text.replace(['\n', '\r'], " ").into()
        } else {
            text.clone()
        };
        Self(Arc::new(EncodedList { frame, text, line }))
    }

    /// Returns the list as text.
    pub fn text(&self) -> &ByteString {
        &self.0.text
    }

    /// Returns the list as text in one line.
    pub fn line(&self) -> &ByteString {
        &self.0.line
    }

    /// Returns the list as the frame of a websocket.
    pub fn frame(&self) -> &Bytes {
        &self.0.frame
    }

    /// Returns the number of bytes that the list takes in the queue of a socket.
    pub fn size(&self) -> usize {
        self.0.frame.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_a_header_and_the_text() {
        for (length, header) in [
            (2, &[0x81, 2][..]),
            (125, &[0x81, 125]),
            (126, &[0x81, 126, 0, 126]),
            (65_535, &[0x81, 126, 255, 255]),
            (65_536, &[0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0]),
        ] {
            let text = "x".repeat(length);
            let list = List::new(&text);
            assert_eq!(**list.text(), *text);
            assert_eq!(list.frame(), &[header, text.as_bytes()].concat());
        }
    }
}
