//! What a websocket's client sends (RFC 6455 §5), read without keeping any of it.
//!
//! Clients of this server only give signs of life. actix-http's own parser collects a frame whole before it looks at its size, and goes
//! on reporting an error for as long as it is asked; so frames are taken apart here: data is counted and thrown away, of control frames
//! at most 125 bytes are kept, and the first violation ends the reading.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use actix_web::web::Payload;
use bytes::{Buf, Bytes, BytesMut};
use futures_util::Stream;

/// A frame, as far as this server cares.
#[derive(Debug, PartialEq, Eq)]
pub enum ClientFrame {
    /// Text or bytes, or a part of them.
    Data,
    /// To be answered with the same bytes.
    Ping(Bytes),
    /// An answer to ours.
    Pong(Bytes),
    /// The client says goodbye.
    Close,
    /// The client breaks the rules; nothing follows.
    Violation {
        /// The code of the close frame that it gets.
        code: u16,
        /// What was wrong.
        reason: &'static str,
    },
}

const TOO_BIG: ClientFrame = ClientFrame::Violation { code: 1009, reason: "frame too large (frame_limit)" };

fn protocol_error(reason: &'static str) -> ClientFrame {
    ClientFrame::Violation { code: 1002, reason }
}

/// The frames of a socket.
pub struct ClientFrames {
    payload: Payload,
    parser: Parser,
    is_over: bool,
}

impl ClientFrames {
    /// Refuses frames whose payload is longer than `limit` bytes.
    pub fn new(payload: Payload, limit: usize) -> Self {
        Self {
            payload,
            parser: Parser { buffer: BytesMut::new(), to_skip: 0, is_fragmented: false, limit: limit as u64 },
            is_over: false,
        }
    }
}

impl Stream for ClientFrames {
    type Item = ClientFrame;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<ClientFrame>> {
        loop {
            if self.is_over {
                return Poll::Ready(None);
            }
            if let Some(frame) = self.parser.next() {
                self.is_over = matches!(frame, ClientFrame::Violation { .. });
                return Poll::Ready(Some(frame));
            }
            match ready!(Pin::new(&mut self.payload).poll_next(context)) {
                Some(Ok(chunk)) => self.parser.feed(&chunk),
                // The socket is gone.
                Some(Err(_)) | None => self.is_over = true,
            }
        }
    }
}

struct Parser {
    /// A header and a control frame's payload at most: what else comes is skipped.
    buffer: BytesMut,
    /// So much of the current data frame is still to come.
    to_skip: u64,
    is_fragmented: bool,
    limit: u64,
}

impl Parser {
    fn feed(&mut self, chunk: &[u8]) {
        self.buffer.extend_from_slice(chunk);
    }

    fn next(&mut self) -> Option<ClientFrame> {
        let skipped = self.to_skip.min(self.buffer.len() as u64);
        self.buffer.advance(usize::try_from(skipped).unwrap_or(usize::MAX));
        self.to_skip -= skipped;
        if self.to_skip > 0 {
            return None;
        }
        let &[first, second, ..] = self.buffer.as_ref() else { return None };
        let (is_final, opcode) = (first & 0x80 != 0, first & 0x0f);
        if first & 0x70 != 0 {
            return Some(protocol_error("reserved bits are set"));
        }
        if second & 0x80 == 0 {
            return Some(protocol_error("frame is not masked"));
        }
        let (length, header) = match (second & 0x7f, self.buffer.get(2..)) {
            (126, Some(&[a, b, ..])) => (u64::from(u16::from_be_bytes([a, b])), 4),
            (127, Some(&[a, b, c, d, e, f, g, h, ..])) => (u64::from_be_bytes([a, b, c, d, e, f, g, h]), 10),
            (126 | 127, _) => return None,
            (length, _) => (u64::from(length), 2),
        };
        if opcode & 0x08 != 0 {
            return self.control(opcode, is_final, length, header);
        }
        if length > self.limit {
            return Some(TOO_BIG);
        }
        match (opcode, self.is_fragmented) {
            (0, false) => return Some(protocol_error("continuation of nothing")),
            (1 | 2, true) => return Some(protocol_error("message within a message")),
            (0..=2, _) => self.is_fragmented = !is_final,
            _ => return Some(protocol_error("unknown opcode")),
        }
        self.buffer.advance(header);
        self.to_skip = length + 4;
        Some(ClientFrame::Data)
    }

    fn control(&mut self, opcode: u8, is_final: bool, length: u64, header: usize) -> Option<ClientFrame> {
        if !is_final || length > 125 {
            return Some(protocol_error("control frame is fragmented or too long"));
        }
        let length = usize::try_from(length).ok()?;
        if self.buffer.len() < header + 4 + length {
            return None;
        }
        self.buffer.advance(header);
        let mask = self.buffer.split_to(4);
        let mut payload = self.buffer.split_to(length);
        payload.iter_mut().zip(mask.iter().cycle()).for_each(|(byte, mask)| *byte ^= mask);
        let payload = Bytes::copy_from_slice(&payload);
        Some(match opcode {
            0x8 => ClientFrame::Close,
            0x9 => ClientFrame::Ping(payload),
            0xa => ClientFrame::Pong(payload),
            _ => protocol_error("unknown opcode"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frames(bytes: &[u8]) -> Vec<ClientFrame> {
        let mut parser = Parser { buffer: BytesMut::new(), to_skip: 0, is_fragmented: false, limit: 4096 };
        let mut frames = Vec::new();
        // Byte by byte: a frame may be cut anywhere.
        for byte in bytes {
            parser.feed(&[*byte]);
            frames.extend(parser.next());
            if matches!(frames.last(), Some(ClientFrame::Violation { .. })) {
                break;
            }
        }
        frames
    }

    #[test]
    fn data_is_skipped_and_control_frames_are_unmasked() {
        let bytes = b"\x81\x83\x01\x02\x03\x04abc\x89\x82\x01\x02\x03\x04ij\x8a\x80\0\0\0\0\x88\x80\0\0\0\0";
        let expected =
            [ClientFrame::Data, ClientFrame::Ping(Bytes::from_static(b"hh")), ClientFrame::Pong(Bytes::new()), ClientFrame::Close];
        assert_eq!(frames(bytes), expected);
    }

    #[test]
    fn a_frame_is_refused_by_its_announced_length() {
        assert_eq!(frames(b"\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff"), [TOO_BIG]);
        assert_eq!(frames(b"\x82\xfe\x10\x01"), [TOO_BIG]);
        assert_eq!(frames(b"\x82\xfe\x10\x00"), [ClientFrame::Data]);
    }

    #[test]
    fn violations_are_named() {
        for bytes in
            [&b"\x81\x05"[..], b"\xc1\x80", b"\x80\x80", b"\x83\x80", b"\x8b\x80\0\0\0\0", b"\x09\x80", b"\x01\x80\0\0\0\0\x81\x80"]
        {
            let last = frames(bytes).pop();
            assert!(matches!(last, Some(ClientFrame::Violation { code: 1002, .. })), "{bytes:?}: {last:?}");
        }
    }
}
