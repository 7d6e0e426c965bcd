//! Encodes the frames that the server itself creates (RFC 6455 §5.5). The frames of lists come
//! encoded from the broker.

use bytes::Bytes;
use channelstream_actors::error::CloseCode;

/// The heartbeat, an empty list. It is a data frame, because proxies and pages accept no other
/// frame as a sign of life.
pub(super) const HEARTBEAT: &[u8] = b"\x81\x02[]";

const CLOSE: u8 = 0x88;
const PING: u8 = 0x89;
const PONG: u8 = 0x8a;

/// The longest payload of a control frame, in bytes.
const LONGEST_PAYLOAD: usize = 125;

/// Returns a close frame with its code and reason.
pub(super) fn close(code: CloseCode, reason: &str) -> Bytes {
    control(
        &[],
        CLOSE,
        &[&code.number().to_be_bytes(), reason.as_bytes()].concat(),
    )
}

/// Returns `frame` followed by a ping, in one piece, which is less work for the kernel than two
/// pieces.
pub(super) fn append_ping(frame: &[u8], payload: &[u8]) -> Bytes {
    control(frame, PING, payload)
}

/// Returns a pong with the payload of the ping that it answers.
pub(super) fn pong(payload: &[u8]) -> Bytes {
    control(&[], PONG, payload)
}

/// Returns `frame` followed by a control frame. A payload that is too long is cut.
fn control(frame: &[u8], first_byte: u8, payload: &[u8]) -> Bytes {
    let payload = payload.get(..LONGEST_PAYLOAD).unwrap_or(payload);
    let header = [first_byte, payload.len() as u8];
    [frame, &header, payload].concat().into()
}
