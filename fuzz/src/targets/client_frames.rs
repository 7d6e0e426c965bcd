//! The bytes that a websocket client sends. The first byte of an input is the number of bytes that
//! are read at once.

use bytes::Bytes;
use channelstream::fuzzing::{ClientFrame, ClientFrameParser};
use channelstream_actors::error::CloseCode;

use crate::time_limit::in_linear_time;

/// The longest payload that is accepted.
const LIMIT: usize = 300;

/// The size in bytes of the longest piece of a frame that the parser may hold back: header, mask,
/// and the payload of a control frame or of a text that is kept.
const LONGEST_WAITING: usize = 10 + 4 + 125;
const LONGEST_WAITING_TEXT: usize = 10 + 4 + LIMIT;

/// Asserts that the parser finds the frames that a simple parser finds in the whole stream,
/// wherever the stream is cut, and that it holds hardly any bytes back. Texts are skipped once, as
/// for `/ws`, and kept once, as for `/socket.io/`.
pub(super) fn run(input: &[u8]) {
    let Some((piece, stream)) = input.split_first() else {
        return;
    };
    let piece = usize::from(*piece).max(1);
    for keeps_texts in [false, true] {
        let found = in_linear_time(stream.len(), || parse(stream, piece, keeps_texts));
        assert_eq!(found, expected(stream, keeps_texts));
    }
}

fn parse(stream: &[u8], piece: usize, keeps_texts: bool) -> Vec<ClientFrame> {
    let mut parser = ClientFrameParser::new(LIMIT);
    let mut longest_waiting = LONGEST_WAITING;
    if keeps_texts {
        parser.keep_texts();
        longest_waiting = LONGEST_WAITING_TEXT;
    }
    let mut frames = Vec::new();
    for bytes in stream.chunks(piece) {
        parser.feed(bytes);
        while let Some(frame) = parser.next_frame() {
            frames.push(frame);
        }
        assert!(parser.waiting() <= longest_waiting, "{}", parser.waiting());
    }
    frames
}

/// Returns the frames of a stream according to RFC 6455.
fn expected(stream: &[u8], keeps_texts: bool) -> Vec<ClientFrame> {
    let mut rest = stream;
    let mut frames = Vec::new();
    let mut message = Message::None;
    while let Some(frame) = take_frame(&mut rest, &mut message, keeps_texts) {
        let is_last = matches!(frame, ClientFrame::Violation { .. });
        frames.push(frame);
        if is_last {
            break;
        }
    }
    frames
}

/// The message that has begun and not ended.
enum Message {
    None,
    Skipped,
    /// A text that is kept, up to now.
    Kept(Vec<u8>),
}

fn take_frame(rest: &mut &[u8], message: &mut Message, keeps_texts: bool) -> Option<ClientFrame> {
    let violation = |code, reason| Some(ClientFrame::Violation { code, reason });
    let head = take(rest, 2)?;
    let (first, second) = (*head.first()?, *head.last()?);
    let (is_final, opcode) = (first >> 7 == 1, first & 15);
    if first >> 4 & 7 != 0 {
        return violation(CloseCode::ProtocolError, "reserved bits are set");
    }
    if second >> 7 == 0 {
        return violation(CloseCode::ProtocolError, "frame is not masked");
    }
    let length = match second & 127 {
        126 => take(rest, 2)?,
        127 => take(rest, 8)?,
        _ => std::slice::from_ref(&second),
    };
    let length = length
        .iter()
        .fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    let length = if second & 127 < 126 {
        length & 127
    } else {
        length
    };
    if opcode >= 8 {
        if !is_final || length > 125 {
            return violation(
                CloseCode::ProtocolError,
                "control frame is fragmented or too long",
            );
        }
        let payload = take_payload(rest, length)?;
        return match opcode {
            8 => Some(ClientFrame::Close),
            9 => Some(ClientFrame::Ping(payload)),
            10 => Some(ClientFrame::Pong(payload)),
            _ => violation(CloseCode::ProtocolError, "unknown opcode"),
        };
    }
    if length > LIMIT as u64 {
        return violation(CloseCode::TooBig, "frame too large (frame_limit)");
    }
    match (opcode, &*message) {
        (0, Message::None) => {
            return violation(CloseCode::ProtocolError, "continuation of nothing");
        }
        (1 | 2, Message::Skipped | Message::Kept(_)) => {
            return violation(CloseCode::ProtocolError, "message within a message");
        }
        (0, _) => {}
        (1, _) if keeps_texts => *message = Message::Kept(Vec::new()),
        (1 | 2, _) => *message = Message::Skipped,
        _ => return violation(CloseCode::ProtocolError, "unknown opcode"),
    }
    let frame = if let Message::Kept(text) = message {
        if text.len() as u64 + length > LIMIT as u64 {
            return violation(CloseCode::TooBig, "frame too large (frame_limit)");
        }
        text.extend_from_slice(&take_payload(rest, length)?);
        if is_final {
            ClientFrame::Text(std::mem::take(text).into())
        } else {
            ClientFrame::Data
        }
    } else {
        // A frame that is cut off at the end of the stream is still to come.
        let payload = usize::try_from(length).ok()? + 4;
        *rest = rest.get(payload..).unwrap_or_default();
        ClientFrame::Data
    };
    if is_final {
        *message = Message::None;
    }
    Some(frame)
}

/// Removes a mask and a payload from the front, if they are complete, and returns the payload.
fn take_payload(rest: &mut &[u8], length: u64) -> Option<Bytes> {
    let mask = take(rest, 4)?;
    let masked = take(rest, usize::try_from(length).ok()?)?;
    let bytes = masked.iter().zip(mask.iter().cycle());
    Some(bytes.map(|(byte, mask)| byte ^ mask).collect())
}

/// Removes bytes from the front, if there are this many.
fn take<'a>(rest: &mut &'a [u8], count: usize) -> Option<&'a [u8]> {
    let (taken, after) = rest.split_at_checked(count)?;
    *rest = after;
    Some(taken)
}
