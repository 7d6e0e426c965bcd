//! Parses the frames that a websocket's client sends (RFC 6455 §5), and discards their data, except
//! the texts of Socket.IO clients.
//!
//! A data frame only shows this server that its client is alive. The parser of actix-http collects
//! a whole frame before it checks its size, and it reports an error again each time it is asked.
//! Therefore frames are parsed here: data is skipped, at most 125 bytes of a control frame are
//! kept, and the parser stops at the first violation.

use bytes::{Buf, Bytes, BytesMut};
use channelstream_actors::error::CloseCode;

/// A frame of a client, reduced to what this server needs.
#[derive(Debug, PartialEq, Eq)]
pub enum ClientFrame {
    /// The beginning of a data frame. Its payload is skipped, or is a part of a text that has not
    /// ended.
    Data,
    /// A whole text, if the parser keeps texts.
    Text(Bytes),
    /// A ping. The pong must have the same payload.
    Ping(Bytes),
    /// The answer to a ping of the server, with that ping's payload.
    Pong(Bytes),
    /// A close frame.
    Close,
    /// A violation of the protocol. No frame follows it.
    Violation {
        /// The code of the close frame that the client gets.
        code: CloseCode,
        /// The reason in the close frame, which says what was wrong.
        reason: &'static str,
    },
}

/// The code of the close frame for a frame that is too large.
pub(super) const TOO_BIG_CODE: CloseCode = CloseCode::TooBig;

const TOO_BIG: ClientFrame = ClientFrame::Violation {
    code: TOO_BIG_CODE,
    reason: "frame too large (frame_limit)",
};

fn protocol_error(reason: &'static str) -> ClientFrame {
    ClientFrame::Violation {
        code: CloseCode::ProtocolError,
        reason,
    }
}

/// The parser of one websocket's frames.
pub struct ClientFrameParser {
    /// The bytes that were read but not parsed yet: at most an incomplete header or control frame,
    /// followed by the bytes of the last read.
    buffer: BytesMut,
    /// The number of bytes of the current data frame that have not been read yet.
    to_skip: u64,
    /// Whether a message has begun whose last frame has not been read yet.
    is_fragmented: bool,
    /// The text whose last frame has not been read yet. `None` if texts are skipped.
    text: Option<BytesMut>,
    /// Whether the message that has begun is a text that is kept.
    is_kept: bool,
    /// Whether the client broke the protocol. The bytes that follow are discarded.
    is_broken: bool,
    /// The longest payload of a frame, in bytes.
    limit: u64,
}

impl ClientFrameParser {
    /// Returns a parser that refuses frames whose payload is longer than `limit` bytes.
    pub fn new(limit: usize) -> Self {
        Self {
            buffer: BytesMut::new(),
            to_skip: 0,
            is_fragmented: false,
            text: None,
            is_kept: false,
            is_broken: false,
            limit: limit as u64,
        }
    }

    /// Keeps the texts that the client sends from now on. The frames of a text have at most as many
    /// bytes together as one frame may have.
    pub fn keep_texts(&mut self) {
        self.text = Some(BytesMut::new());
    }

    /// Adds bytes that were read.
    pub fn feed(&mut self, bytes: &[u8]) {
        if !self.is_broken {
            self.buffer.extend_from_slice(bytes);
        }
    }

    /// Returns the number of bytes that wait to be parsed.
    pub fn waiting(&self) -> usize {
        self.buffer.len()
    }

    /// Returns the next frame, or `None` until enough of it was read: the header of a data frame,
    /// or the whole of a control frame.
    pub fn next_frame(&mut self) -> Option<ClientFrame> {
        if self.buffer.is_empty() {
            return None;
        }
        let frame = self.parse();
        self.is_broken = matches!(frame, Some(ClientFrame::Violation { .. }));
        if self.is_broken || self.buffer.is_empty() {
            // The memory is freed, so that an idle websocket does not keep a buffer.
            self.buffer = BytesMut::new();
        }
        frame
    }

    fn parse(&mut self) -> Option<ClientFrame> {
        let skipped = self.to_skip.min(self.buffer.len() as u64);
        self.buffer
            .advance(usize::try_from(skipped).unwrap_or(usize::MAX));
        self.to_skip -= skipped;
        if self.to_skip > 0 {
            return None;
        }
        let &[first, second, ..] = self.buffer.as_ref() else {
            return None;
        };
        let (is_final, opcode) = (first & 0x80 != 0, first & 0x0f);
        if first & 0x70 != 0 {
            return Some(protocol_error("reserved bits are set"));
        }
        if second & 0x80 == 0 {
            return Some(protocol_error("frame is not masked"));
        }
        let (length, header) = match (second & 0x7f, self.buffer.get(2..)) {
            (126, Some(&[a, b, ..])) => (u64::from(u16::from_be_bytes([a, b])), 4),
            (127, Some(&[a, b, c, d, e, f, g, h, ..])) => {
                (u64::from_be_bytes([a, b, c, d, e, f, g, h]), 10)
            }
            (126 | 127, _) => return None,
            (length, _) => (u64::from(length), 2),
        };
        if opcode & 0x08 != 0 {
            return self.parse_control(opcode, is_final, length, header);
        }
        if length > self.limit {
            return Some(TOO_BIG);
        }
        match (opcode, self.is_fragmented) {
            (0, false) => return Some(protocol_error("continuation of nothing")),
            (1 | 2, true) => return Some(protocol_error("message within a message")),
            (0..=2, _) => {}
            _ => return Some(protocol_error("unknown opcode")),
        }
        if opcode != 0 {
            self.is_kept = opcode == 1 && self.text.is_some();
        }
        if self.is_kept {
            return self.parse_text(is_final, length, header);
        }
        self.is_fragmented = !is_final;
        self.buffer.advance(header);
        self.to_skip = length + 4;
        Some(ClientFrame::Data)
    }

    /// Parses a frame of a text that is kept.
    fn parse_text(&mut self, is_final: bool, length: u64, header: usize) -> Option<ClientFrame> {
        let length = usize::try_from(length).ok()?;
        let text = self.text.as_mut()?;
        if (text.len() + length) as u64 > self.limit {
            return Some(TOO_BIG);
        }
        let payload = unmask(self.buffer.get(header..header + 4 + length)?);
        text.extend_from_slice(&payload);
        self.buffer.advance(header + 4 + length);
        self.is_fragmented = !is_final;
        Some(if is_final {
            // The memory is given away, so that an idle websocket does not keep it.
            ClientFrame::Text(std::mem::take(text).freeze())
        } else {
            ClientFrame::Data
        })
    }

    /// Parses a control frame with a header of `header` bytes and a payload of `length` bytes.
    fn parse_control(
        &mut self,
        opcode: u8,
        is_final: bool,
        length: u64,
        header: usize,
    ) -> Option<ClientFrame> {
        if !is_final || length > 125 {
            return Some(protocol_error("control frame is fragmented or too long"));
        }
        let length = usize::try_from(length).ok()?;
        let payload = unmask(self.buffer.get(header..header + 4 + length)?);
        self.buffer.advance(header + 4 + length);
        if cfg!(feature = "planted-faults") {
            self.is_fragmented = false;
        }
        Some(match opcode {
            0x8 => ClientFrame::Close,
            0x9 => ClientFrame::Ping(payload),
            0xa => ClientFrame::Pong(payload),
            _ => protocol_error("unknown opcode"),
        })
    }
}

/// Returns the payload of a frame from its mask and its masked payload (RFC 6455 §5.3).
fn unmask(bytes: &[u8]) -> Bytes {
    let (mask, payload) = bytes.split_at_checked(4).unwrap_or_default();
    let masked = payload.iter().zip(mask.iter().cycle());
    masked.map(|(byte, mask)| byte ^ mask).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frames(bytes: &[u8]) -> Vec<ClientFrame> {
        let mut parser = ClientFrameParser::new(4096);
        let mut frames = Vec::new();
        // The bytes are fed one by one, because a frame may be cut anywhere.
        for byte in bytes {
            parser.feed(&[*byte]);
            frames.extend(parser.next_frame());
            if matches!(frames.last(), Some(ClientFrame::Violation { .. })) {
                break;
            }
        }
        frames
    }

    #[test]
    fn data_is_skipped_and_control_frames_are_unmasked() {
        let bytes = b"\x81\x83\x01\x02\x03\x04abc\x89\x82\x01\x02\x03\x04ij\
                      \x8a\x80\0\0\0\0\x88\x80\0\0\0\0";
        let expected = [
            ClientFrame::Data,
            ClientFrame::Ping(Bytes::from_static(b"hh")),
            ClientFrame::Pong(Bytes::new()),
            ClientFrame::Close,
        ];
        assert_eq!(frames(bytes), expected);
    }

    #[test]
    fn a_frame_is_refused_by_its_announced_length() {
        assert_eq!(
            frames(b"\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff"),
            [TOO_BIG]
        );
        assert_eq!(frames(b"\x82\xfe\x10\x01"), [TOO_BIG]);
        assert_eq!(frames(b"\x82\xfe\x10\x00"), [ClientFrame::Data]);
    }

    fn texts(bytes: &[u8]) -> Vec<ClientFrame> {
        let mut parser = ClientFrameParser::new(4);
        parser.keep_texts();
        parser.feed(bytes);
        std::iter::from_fn(|| parser.next_frame()).collect()
    }

    #[test]
    fn texts_are_kept_if_asked() {
        let bytes = b"\x81\x83\x01\x02\x03\x04cad\x82\x81\0\0\0\0x\
                      \x01\x82\0\0\0\0ab\x89\x80\0\0\0\0\x80\x82\0\0\0\0cd";
        let expected = [
            ClientFrame::Text(Bytes::from_static(b"bcg")),
            ClientFrame::Data,
            ClientFrame::Data,
            ClientFrame::Ping(Bytes::new()),
            ClientFrame::Text(Bytes::from_static(b"abcd")),
        ];
        assert_eq!(texts(bytes), expected);
    }

    #[test]
    fn a_text_of_several_frames_is_refused_by_its_whole_length() {
        let bytes = b"\x01\x82\0\0\0\0ab\x80\x83\0\0\0\0cde";
        assert_eq!(texts(bytes), [ClientFrame::Data, TOO_BIG]);
    }

    #[test]
    fn violations_are_named() {
        for bytes in [
            &b"\x81\x05"[..],
            b"\xc1\x80",
            b"\x80\x80",
            b"\x83\x80",
            b"\x8b\x80\0\0\0\0",
            b"\x09\x80",
            b"\x01\x80\0\0\0\0\x81\x80",
        ] {
            let last = frames(bytes).pop();
            assert!(
                matches!(
                    last,
                    Some(ClientFrame::Violation {
                        code: CloseCode::ProtocolError,
                        ..
                    })
                ),
                "{bytes:?}: {last:?}"
            );
        }
    }
}
