//! What a websocket does with the packets of a Socket.IO client that has connected.

use actix::prelude::*;
use bytes::Bytes;
use channelstream_actors::error::CloseCode;
use channelstream_actors::outlet::End;

use crate::metrics::transport_ends::TransportEnd;
use crate::transport::dialect::Dialect;
use crate::transport::socket_io::frames;
use crate::transport::socket_io::packet::{self, ClientPacket};
use crate::transport::websocket::{NO_PACKET, WebSocket};

/// The reason why a client may not connect to a second namespace.
const ONE_NAMESPACE: &str = "one namespace per connection: use forceNew";

impl WebSocket {
    /// Handles a packet of a Socket.IO client.
    pub(super) fn take_packet(&mut self, text: &[u8], context: &mut Context<Self>) {
        let Dialect::SocketIo(namespace) = self.dialect else {
            return;
        };
        let packet = str::from_utf8(text).ok().and_then(packet::parse);
        if packet == Some(ClientPacket::Pong) {
            let lag = self.pings.take_plain_pong(&mut self.outlet.read);
            return self.take_pong(lag, lag.is_some(), context);
        }
        self.count_frame(context);
        match packet {
            Some(ClientPacket::Close) => {
                self.outlet.note_end(TransportEnd::Client);
                self.close(CloseCode::Normal, "", context);
            }
            Some(ClientPacket::Disconnect) => self.leave_namespace(context),
            Some(ClientPacket::Probe(text)) => self.answer(frames::answer_probe(text)),
            Some(ClientPacket::Connect { namespace, .. }) => {
                self.answer(frames::refuse(namespace, ONE_NAMESPACE, None));
            }
            Some(ClientPacket::Event { ack: Some(number) }) => {
                self.answer(frames::refuse_event(namespace, number));
            }
            Some(ClientPacket::Event { ack: None } | ClientPacket::Ignored)
            | Some(ClientPacket::Pong) => {}
            None => self.refuse(CloseCode::ProtocolError, NO_PACKET, context),
        }
    }

    /// Stops listening because the client has left its namespace. The socket stays open for some
    /// time, as Socket.IO clients expect, but is sent only pings.
    fn leave_namespace(&mut self, context: &mut Context<Self>) {
        self.has_left = true;
        self.outlet.note_end(TransportEnd::Client);
        self.outlet.detach(End::default());
        let idle = self.outlet.services.broker.limits().idle;
        context.run_later(idle, |socket, context| {
            socket.close(CloseCode::Normal, "", context);
        });
    }

    /// Answers a packet of the client, if the server may still send.
    fn answer(&mut self, frame: Bytes) {
        if self.phase.is_sending() {
            self.send(frame);
            self.is_answer_unsent = true;
        }
    }
}
