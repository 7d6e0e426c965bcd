//! What a websocket does with the packets of a Socket.IO client that has connected.

use actix::prelude::*;
use channelstream_actors::error::CloseCode;
use channelstream_actors::list::Namespace;
use channelstream_actors::outlet::End;

use crate::metrics::transport_ends::TransportEnd;
use crate::transport::dialect::Dialect;
use crate::transport::socket_io::packet::Membership;
use crate::transport::socket_io::reaction::{Reaction, react};
use crate::transport::socket_io::server_packets;
use crate::transport::websocket::{NO_PACKET, WebSocket};

impl WebSocket {
    /// Handles a packet of a Socket.IO client.
    pub(super) fn take_packet(&mut self, text: &[u8], context: &mut Context<Self>) {
        let Dialect::SocketIo(form) = self.dialect else {
            return;
        };
        let reaction = react(text, Some(form.namespace));
        if reaction == Reaction::TakePong {
            let lag = self.pings.take_plain_pong(&mut self.outlet.read);
            return self.take_pong(lag, lag.is_some(), context);
        }
        self.count_frame(context);
        match reaction {
            Reaction::Nothing | Reaction::Upgrade | Reaction::TakePong => {}
            Reaction::Answer(packet) => self.answer(&packet),
            Reaction::Change { membership, ack } => {
                self.change_membership(membership, ack, form.namespace, context);
            }
            Reaction::Leave => self.leave_namespace(context),
            Reaction::End => {
                self.outlet.note_end(TransportEnd::Client);
                self.close(CloseCode::Normal, "", context);
            }
            // A client that has connected cannot connect again, which `react` knows.
            Reaction::Connect { .. } | Reaction::Refuse => {
                self.refuse(CloseCode::ProtocolError, NO_PACKET, context);
            }
        }
    }

    /// Joins or leaves channels. No other packet is handled meanwhile.
    fn change_membership(
        &self,
        membership: Membership,
        ack: Option<u64>,
        namespace: Namespace,
        context: &mut Context<Self>,
    ) {
        let client = (self.outlet.conn_id(), namespace);
        let changed = membership.change(ack, client, self.outlet.services.clone());
        context.wait(changed.into_actor(self).map(|packets, socket, _| {
            for packet in packets {
                socket.answer(&packet);
            }
        }));
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
    fn answer(&mut self, packet: &str) {
        if self.phase.is_sending() {
            self.send(server_packets::frame(packet));
            self.is_answer_unsent = true;
        }
    }
}
