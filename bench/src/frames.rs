//! Reads and writes websocket frames as a server sends them (RFC 6455 §5.2), without copies.

/// A frame.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Frame<'a> {
    /// The kind of the frame.
    pub(crate) opcode: Opcode,
    /// The payload.
    pub(crate) payload: &'a [u8],
}

/// The kind of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Opcode {
    /// Bytes, or a part of a message.
    Data,
    /// Text.
    Text,
    /// A close.
    Close,
    /// A ping, which must be answered.
    Ping,
    /// A pong, the answer to a ping.
    Pong,
}

/// Removes the first frame from the bytes. Returns `None` if it is not complete yet.
pub(crate) fn split<'a>(bytes: &mut &'a [u8]) -> Option<Frame<'a>> {
    let Head {
        opcode,
        length,
        rest,
    } = Head::of(bytes)?;
    let (payload, rest) = rest.split_at_checked(usize::try_from(length).ok()?)?;
    *bytes = rest;
    Some(Frame { opcode, payload })
}

/// The head of a frame.
pub(crate) struct Head<'a> {
    /// The kind of the frame.
    pub(crate) opcode: Opcode,
    /// The length of its payload.
    pub(crate) length: u64,
    /// The bytes after the head: the part of the payload that has arrived, and perhaps more.
    pub(crate) rest: &'a [u8],
}

impl<'a> Head<'a> {
    /// Reads a head. Returns `None` if it is not complete yet.
    pub(crate) fn of(bytes: &'a [u8]) -> Option<Self> {
        let (&[first, second], rest) = bytes.split_first_chunk()?;
        let (length, rest) = match second & 0x7f {
            126 => rest
                .split_first_chunk()
                .map(|(length, rest)| (u64::from(u16::from_be_bytes(*length)), rest))?,
            127 => rest
                .split_first_chunk()
                .map(|(length, rest)| (u64::from_be_bytes(*length), rest))?,
            length => (u64::from(length), rest),
        };
        let opcode = match first & 0x0f {
            0x1 => Opcode::Text,
            0x8 => Opcode::Close,
            0x9 => Opcode::Ping,
            0xa => Opcode::Pong,
            _ => Opcode::Data,
        };
        Some(Self {
            opcode,
            length,
            rest,
        })
    }
}

/// Returns a frame as a server sends it. It has no mask, so it is the same for all clients.
pub(crate) fn to_client(payload: &[u8]) -> Vec<u8> {
    let mut frame = header(0x82, 0, payload.len());
    frame.extend_from_slice(payload);
    frame
}

/// Returns a frame as a client sends it. The mask is zero, which does not change the payload.
pub(crate) fn to_server(opcode: Opcode, payload: &[u8]) -> Vec<u8> {
    let first = match opcode {
        Opcode::Data => 0x82,
        Opcode::Text => 0x81,
        Opcode::Close => 0x88,
        Opcode::Ping => 0x89,
        Opcode::Pong => 0x8a,
    };
    let mut frame = header(first, 0x80, payload.len());
    frame.extend_from_slice(&[0; 4]);
    frame.extend_from_slice(payload);
    frame
}

fn header(first: u8, mask: u8, length: usize) -> Vec<u8> {
    match (u8::try_from(length), u16::try_from(length)) {
        (Ok(length @ 0..126), _) => vec![first, mask | length],
        (_, Ok(length)) => [&[first, mask | 126], &length.to_be_bytes()[..]].concat(),
        _ => [&[first, mask | 127], &(length as u64).to_be_bytes()[..]].concat(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_of_all_lengths_are_split_and_a_partial_frame_is_not() {
        for length in [0, 125, 126, 65_535, 65_536] {
            let payload = vec![b'x'; length];
            let frame = to_client(&payload);
            let mut bytes = frame.as_slice();
            assert_eq!(
                split(&mut bytes),
                Some(Frame {
                    opcode: Opcode::Data,
                    payload: &payload
                })
            );
            assert!(bytes.is_empty());
            let mut part = frame.get(..frame.len() - 1).unwrap();
            assert_eq!(split(&mut part), None);
        }
    }
}
