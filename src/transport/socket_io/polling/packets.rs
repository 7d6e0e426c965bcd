//! What a session does with the packets that its client posts.

use std::sync::Arc;

use actix::prelude::*;
use channelstream_actors::request::run_in_scope;
use channelstream_actors::transport::Transport;
use serde_json::Value;

use crate::metrics::transport_ends::TransportEnd;
use crate::openapi::answers::SocketIoRefusal;
use crate::transport::socket_io::connecting::{ConnectedClient, NewClient, NotConnected};
use crate::transport::socket_io::messages::Packets;
use crate::transport::socket_io::packet::Membership;
use crate::transport::socket_io::polling::{Phase, PollingSession};
use crate::transport::socket_io::reaction::{Reaction, react};
use crate::transport::socket_io::server_packets::CLOSE;

impl PollingSession {
    /// Handles packets one after the other.
    pub(super) fn take_packets(&mut self, mut rest: Packets, context: &mut Context<Self>) {
        if self.phase == Phase::Ended {
            return answer(rest, Err(SocketIoRefusal::UNKNOWN_SESSION));
        }
        while let Some(packet) = rest.packets.pop_front() {
            let reaction = if packet.starts_with('b') {
                // Binary data.
                Reaction::Nothing
            } else {
                react(
                    packet.as_bytes(),
                    self.facts().map(|facts| facts.form.namespace),
                )
            };
            if reaction == Reaction::TakePong && self.is_ping_open {
                self.begin_ping_interval(context);
                continue;
            }
            if self.count_packet(context).is_err() {
                return answer(rest, Err(SocketIoRefusal::BAD_REQUEST));
            }
            match reaction {
                Reaction::Nothing | Reaction::TakePong | Reaction::Upgrade => {}
                Reaction::Answer(packet) => self.send(packet, context),
                Reaction::Change { membership, ack } => {
                    return self.change_membership(membership, ack, rest, context);
                }
                Reaction::Leave => self.leave_namespace(context),
                Reaction::Connect { namespace, auth } => {
                    let namespace = namespace.to_owned();
                    return self.connect(namespace, auth, rest, context);
                }
                Reaction::End => {
                    self.end_by_client(context);
                    return answer(rest, Ok(()));
                }
                Reaction::Refuse => {
                    self.end(TransportEnd::Violation, CLOSE, context);
                    return answer(rest, Err(SocketIoRefusal::BAD_REQUEST));
                }
            }
        }
        answer(rest, Ok(()));
    }

    /// Counts a packet that the client sent unasked.
    ///
    /// # Errors
    /// Fails when the client sends too many. The session has then ended.
    fn count_packet(&mut self, context: &mut Context<Self>) -> Result<(), ()> {
        if self.rate.refuses_next(self.services.broker.counters()) {
            self.end(TransportEnd::Violation, CLOSE, context);
            return Err(());
        }
        Ok(())
    }

    /// Connects the client to a namespace, and then goes on with the rest of its packets. No other
    /// message is handled meanwhile.
    fn connect(&self, name: String, auth: Value, rest: Packets, context: &mut Context<Self>) {
        let address = context.address();
        let mut client = NewClient {
            sid: self.registration.sid().to_owned(),
            identification: self.identification.clone(),
            address_guard: None,
            services: self.services.clone(),
        };
        let connected = async move {
            let socket = Arc::default();
            let transport = Transport::SocketIoPolling;
            let name = (name.as_str(), &auth);
            client.connect(name, transport, socket, &address).await
        };
        let connected = run_in_scope(self.request.clone(), connected).into_actor(self);
        context.wait(connected.map(move |connected, session, context| {
            session.finish_connecting(connected, context);
            session.take_packets(rest, context);
        }));
    }

    /// Joins or leaves channels, and then goes on with the rest of the packets. No other message is
    /// handled meanwhile.
    fn change_membership(
        &self,
        membership: Membership,
        ack: Option<u64>,
        rest: Packets,
        context: &mut Context<Self>,
    ) {
        let Some(facts) = self.facts() else { return };
        let client = (facts.conn_id, facts.form.namespace);
        let changed = membership.change(ack, client, self.services.clone());
        context.wait(changed.into_actor(self).map(|packets, session, context| {
            for packet in packets {
                session.send(packet, context);
            }
            session.take_packets(rest, context);
        }));
    }

    fn finish_connecting(
        &mut self,
        connected: Result<ConnectedClient, NotConnected>,
        context: &mut Context<Self>,
    ) {
        match connected {
            Ok(ConnectedClient {
                facts,
                outlet,
                packets,
            }) => {
                self.registration.note_connected();
                self.connected = Some((facts, outlet));
                for packet in packets {
                    self.send(packet, context);
                }
            }
            Err(NotConnected::Refused(packet)) => self.send(packet, context),
            Err(NotConnected::Closed(reason)) => {
                self.end(TransportEnd::Closed(reason), CLOSE, context);
            }
        }
    }

    /// Stops listening because the client has left its namespace. The session stays open for some
    /// time, as Socket.IO clients expect, but is sent only pings.
    fn leave_namespace(&mut self, context: &mut Context<Self>) {
        if self.phase == Phase::Open {
            self.phase = Phase::Left;
            self.stop_listening();
            let idle = self.services.broker.limits().idle;
            context.run_later(idle, |session, context| {
                session.end(TransportEnd::Client, CLOSE, context);
            });
        }
    }
}

fn answer(packets: Packets, result: Result<(), SocketIoRefusal>) {
    // An error means that the client has left.
    let _ = packets.answer.send(result);
}
