//! A list of events as it goes over the wire, encoded once for all subscribers at the same
//! position.

use std::sync::{Arc, OnceLock};

use bytes::{BufMut, Bytes, BytesMut};
use bytestring::ByteString;

/// A list `[event, …]` as text, and as the frames in which websockets carry it. A server's frames
/// have no mask (RFC 6455 §5.1), so a frame has the same bytes for everyone, and no outlet copies
/// them.
#[derive(Clone, Debug)]
pub struct List(Arc<EncodedList>);

#[derive(Debug)]
struct EncodedList {
    frame: Bytes,
    text: ByteString,
    /// The same text without line breaks.
    line: ByteString,
    /// The frames for Socket.IO, by [`SocketIoForm`]. Each is encoded when the first client needs
    /// it.
    socket_io: [OnceLock<Bytes>; SocketIoForm::COUNT],
}

/// A namespace of Socket.IO that clients may connect to. All of them carry the same events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Namespace {
    /// `/`, which clients use when they name none.
    Root,
    /// `/stream`, which clients of the first release of Channelstream use.
    Stream,
}

/// The form in which a Socket.IO client is sent lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SocketIoForm {
    /// The namespace that the client has connected to.
    pub namespace: Namespace,
    /// Whether the client has asked for the offset behind each list. It brings the last one when it
    /// comes back.
    pub has_offsets: bool,
}

impl SocketIoForm {
    const COUNT: usize = 4;
}

impl Namespace {
    /// Returns what a packet has between its type and its data.
    pub fn prefix(self) -> &'static str {
        match self {
            Self::Root => "",
            Self::Stream => "/stream,",
        }
    }
}

/// Returns the text frame of a websocket with these parts, one after the other (RFC 6455 §5.2).
pub fn text_frame(parts: &[&str]) -> Bytes {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    let mut frame = BytesMut::with_capacity(10 + length);
    frame.put_u8(0x81);
    match (u8::try_from(length), u16::try_from(length)) {
        (Ok(length @ 0..126), _) => frame.put_u8(length),
        (_, Ok(length)) => {
            frame.put_u8(126);
            frame.put_u16(length);
        }
        _ => {
            frame.put_u8(127);
            frame.put_u64(length as u64);
        }
    }
    for part in parts {
        frame.put_slice(part.as_bytes());
    }
    frame.freeze()
}

impl List {
    /// Creates the list with this text.
    pub fn new(text: &str) -> Self {
        let frame = text_frame(&[text]);
        let header = frame.len() - text.len();
        // The text shares the bytes of the frame, without the header.
        let text = ByteString::try_from(frame.slice(header..)).unwrap_or_default();
        // A line break in a caller's JSON can only be white space between two tokens.
        let line = if text.contains(['\n', '\r']) {
            text.replace(['\n', '\r'], " ").into()
        } else {
            text.clone()
        };
        Self(Arc::new(EncodedList {
            frame,
            text,
            line,
            socket_io: [const { OnceLock::new() }; SocketIoForm::COUNT],
        }))
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

    /// Returns the list as the frame of a Socket.IO client: the event `message`, whose argument is
    /// the list. A client that has asked for offsets gets the one behind the list as a second
    /// argument. `offset` returns it; it has no character that JSON would escape.
    pub fn socket_io_frame(&self, form: SocketIoForm, offset: impl FnOnce() -> String) -> &Bytes {
        let [root, root_offset, stream, stream_offset] = &self.0.socket_io;
        let frame = match (form.namespace, form.has_offsets) {
            (Namespace::Root, false) => root,
            (Namespace::Root, true) => root_offset,
            (Namespace::Stream, false) => stream,
            (Namespace::Stream, true) => stream_offset,
        };
        let encode = || {
            let end = if form.has_offsets {
                format!(r#","{}"]"#, offset())
            } else {
                "]".to_owned()
            };
            text_frame(&[
                "42",
                form.namespace.prefix(),
                r#"["message","#,
                &self.0.text,
                &end,
            ])
        };
        frame.get_or_init(encode)
    }

    /// Returns the list as the packet of a Socket.IO client: the payload of its
    /// [frame](Self::socket_io_frame).
    pub fn socket_io_packet(&self, form: SocketIoForm, offset: impl FnOnce() -> String) -> Bytes {
        let frame = self.socket_io_frame(form, offset);
        // The second byte is the length, or says how many bytes the length has.
        let header = match frame.get(1) {
            Some(127) => 10,
            Some(126) => 4,
            _ => 2,
        };
        frame.slice(header..)
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

    const PLAIN: SocketIoForm = SocketIoForm {
        namespace: Namespace::Root,
        has_offsets: false,
    };

    #[test]
    fn a_packet_for_socket_io_is_its_frame_without_the_header() {
        for length in [10, 1_000, 100_000] {
            let text = "x".repeat(length);
            let packet = List::new(&text).socket_io_packet(PLAIN, String::new);
            assert_eq!(packet, format!(r#"42["message",{text}]"#));
        }
    }

    #[test]
    fn a_frame_for_socket_io_is_an_event_in_its_namespace() {
        let list = List::new("[1]");
        for (namespace, has_offsets, text) in [
            (Namespace::Root, false, r#"42["message",[1]]"#),
            (Namespace::Root, true, r#"42["message",[1],"x"]"#),
            (Namespace::Stream, false, r#"42/stream,["message",[1]]"#),
            (Namespace::Stream, true, r#"42/stream,["message",[1],"x"]"#),
        ] {
            let form = SocketIoForm {
                namespace,
                has_offsets,
            };
            let frame = list.socket_io_frame(form, || "x".to_owned());
            assert_eq!(frame, &text_frame(&[text]));
        }
    }
}
