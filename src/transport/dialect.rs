//! The form in which a websocket sends lists, heartbeats and pings, and in which it says why it
//! ends.

use bytes::Bytes;
use channelstream_actors::error::CloseReason;
use channelstream_actors::list::SocketIoForm;
use channelstream_actors::outlet::Batch;

use crate::transport::position;
use crate::transport::server_frames::{self, HEARTBEAT};
use crate::transport::socket_io::server_packets;

/// The protocol that a websocket's client speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    /// The websocket of `/ws`: each text is a list, and pings are frames of the websocket protocol.
    Lists,
    /// The websocket of `/socket.io/`: each text is a packet, and so are pings and pongs.
    SocketIo(SocketIoForm),
}

impl Dialect {
    /// Returns the frame of a list.
    pub(super) fn list_frame(self, batch: &Batch) -> &Bytes {
        match self {
            Self::Lists => batch.list.frame(),
            Self::SocketIo(form) => (batch.list).socket_io_frame(form, || offset_of(batch)),
        }
    }

    /// Returns the frame that is sent regularly together with a ping. It is empty if the ping is
    /// enough.
    pub(super) fn heartbeat(self) -> &'static [u8] {
        match self {
            Self::Lists => HEARTBEAT,
            Self::SocketIo(_) => &[],
        }
    }

    /// Returns `frame` followed by the ping of this number, in one piece, which is less work for
    /// the kernel than two pieces.
    pub(super) fn append_ping(self, frame: &[u8], number: u64) -> Bytes {
        match self {
            Self::Lists => server_frames::append_ping(frame, number.to_string().as_bytes()),
            Self::SocketIo(_) => [frame, server_packets::PING_FRAME].concat().into(),
        }
    }

    /// Returns the frames that precede the close frame; empty if there are none.
    pub(super) fn goodbye(self, reason: CloseReason) -> Bytes {
        match self {
            Self::Lists => Bytes::new(),
            Self::SocketIo(form) => {
                let packets = server_packets::goodbye(form.namespace, reason);
                let frames: Vec<Bytes> = packets
                    .iter()
                    .map(|packet| server_packets::frame(packet))
                    .collect();
                frames.concat().into()
            }
        }
    }
}

/// Returns the offset behind a list: the position in its log.
pub(super) fn offset_of(batch: &Batch) -> String {
    position::encode(&[(batch.epoch, batch.last)])
}
