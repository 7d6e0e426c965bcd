//! What a session that nodes share does with the packets that its client posts.

use std::collections::VecDeque;
use std::sync::Arc;

use actix::prelude::*;
use actix_web::web::Data;
use bytestring::ByteString;
use channelstream_actors::outlet::End;
use channelstream_actors::request::{RequestId, run_in_scope};
use channelstream_actors::transport::Transport;
use serde_json::Value;

use crate::error::ApiError;
use crate::metrics::transport_ends::TransportEnd;
use crate::openapi::answers::SocketIoRefusal;
use crate::services::Services;
use crate::transport::frame_rate::FrameRate;
use crate::transport::socket_io::connecting::{ConnectedClient, NewClient, NotConnected};
use crate::transport::socket_io::reaction::{Reaction, react};
use crate::transport::socket_io::server_packets::{CLOSE, NOOP};
use crate::transport::socket_io::shared::session::{Content, Phase, SharedSession, State};
use crate::transport::socket_io::shared::visitor::Visitor;

/// The text of a pong.
const PONG: &str = "3";

/// The packets of a client, and what becomes of them.
struct Posting {
    session: SharedSession,
    /// What the session is; `None` before the client has connected.
    content: Option<Content>,
    /// The packets for the client.
    answers: Vec<String>,
}

/// Whether a session goes on after a packet.
enum Next {
    GoesOn,
    IsOver,
}

impl SharedSession {
    /// Handles the packets of the client. Its request may end meanwhile, but the packets are
    /// handled to the end.
    ///
    /// # Errors
    /// Fails when there is no such session, when the client has broken the protocol, or when Redis
    /// cannot be reached.
    pub(in crate::transport::socket_io) async fn take_packets(
        self,
        packets: VecDeque<ByteString>,
    ) -> Result<(), ApiError> {
        let request = RequestId::current_if_logged();
        let taken = async move { self.take(packets).await };
        let taken = actix::spawn(run_in_scope(request, taken)).await;
        taken.unwrap_or(Err(ApiError::Internal("a task has failed")))
    }

    async fn take(self, packets: VecDeque<ByteString>) -> Result<(), ApiError> {
        let is_pong = packets.iter().any(|packet| packet == PONG);
        let content = match self.look(is_pong).await?.state {
            State::Fresh => None,
            State::Connected(content) | State::Lost(content, _) => Some(content),
            State::Over => return Err(ApiError::SocketIo(SocketIoRefusal::UNKNOWN_SESSION)),
        };
        let mut posting = Posting {
            session: self,
            content,
            answers: Vec::new(),
        };
        let mut rate = FrameRate::new(posting.services().settings.frames_per_second);
        for packet in packets.into_iter().filter(|packet| packet != PONG) {
            if rate.refuses_next(posting.services().broker.counters()) {
                return posting.end_by_violation().await;
            }
            if let Next::IsOver = posting.take_packet(&packet).await? {
                return Ok(());
            }
        }
        if !posting.answers.is_empty() {
            posting.session.tell(posting.answers).await?;
        }
        Ok(())
    }

    /// Ends the session because the client has broken the protocol.
    pub(in crate::transport::socket_io) async fn refuse(&self) -> Result<(), ApiError> {
        if let State::Connected(content) = self.look(false).await?.state {
            self.stop_listening(&content).await;
        }
        self.end(Some(CLOSE)).await?;
        Err(ApiError::SocketIo(SocketIoRefusal::BAD_REQUEST))
    }
}

impl Posting {
    fn services(&self) -> &Data<Services> {
        self.session.services()
    }

    async fn take_packet(&mut self, packet: &str) -> Result<Next, ApiError> {
        if packet.starts_with('b') {
            // Binary data.
            return Ok(Next::GoesOn);
        }
        let facts = self.content.map(|content| content.facts());
        match react(packet.as_bytes(), facts.map(|facts| facts.form.namespace)) {
            Reaction::Nothing | Reaction::TakePong | Reaction::Upgrade => {}
            Reaction::Answer(packet) => self.answers.push(packet),
            Reaction::Change { membership, ack } => {
                if let Some(facts) = facts {
                    let client = (facts.conn_id, facts.form.namespace);
                    let services = self.services().clone();
                    let answers = membership.change(ack, client, services).await;
                    self.answers.extend(answers);
                }
            }
            Reaction::Leave => self.leave_namespace().await?,
            Reaction::Connect { namespace, auth } => return self.connect(namespace, &auth).await,
            Reaction::End => {
                self.stop_listening().await;
                self.session.end(Some(NOOP)).await?;
                return Ok(Next::IsOver);
            }
            Reaction::Refuse => {
                self.end_by_violation().await?;
                return Ok(Next::IsOver);
            }
        }
        Ok(Next::GoesOn)
    }

    /// Attaches the client to its connection for a moment. Its next poll goes on from there.
    async fn connect(&mut self, namespace: &str, auth: &Value) -> Result<Next, ApiError> {
        let mut client = NewClient {
            sid: self.session.sid().to_owned(),
            identification: self.session.identification().clone(),
            address_guard: None,
            services: self.services().clone(),
        };
        let context = Context::<Visitor>::new();
        let (transport, address) = (Transport::SocketIoPolling, context.address());
        let connected = client.connect((namespace, auth), transport, Arc::default(), &address);
        match connected.await {
            Ok(ConnectedClient {
                facts,
                mut outlet,
                packets,
            }) => {
                let content = Content::new(facts);
                self.answers.extend(packets);
                let packets = std::mem::take(&mut self.answers);
                self.session.connect(&content, packets).await?;
                self.content = Some(content);
                outlet.note_end(TransportEnd::Answered);
                outlet.detach(End {
                    returns: true,
                    ..End::default()
                });
            }
            Err(NotConnected::Refused(packet)) => self.answers.push(packet),
            Err(NotConnected::Closed(_)) => {
                self.session.end(Some(CLOSE)).await?;
                return Ok(Next::IsOver);
            }
        }
        Ok(Next::GoesOn)
    }

    /// Stops listening because the client has left its namespace. The session stays open, as
    /// Socket.IO clients expect, but the client is sent only pings.
    async fn leave_namespace(&mut self) -> Result<(), ApiError> {
        self.stop_listening().await;
        if let Some(content) = &mut self.content
            && content.phase == Phase::Open
        {
            content.phase = Phase::Left;
            self.session.change(content).await?;
        }
        Ok(())
    }

    async fn stop_listening(&self) {
        if let Some(content) = &self.content
            && content.phase == Phase::Open
        {
            self.session.stop_listening(content).await;
        }
    }

    async fn end_by_violation(&self) -> Result<(), ApiError> {
        self.stop_listening().await;
        self.session.end(Some(CLOSE)).await?;
        Err(ApiError::SocketIo(SocketIoRefusal::BAD_REQUEST))
    }
}
