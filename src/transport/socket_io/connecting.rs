//! Connects a Socket.IO client to a namespace, which attaches it to its connection.

use std::sync::Arc;

use actix::prelude::*;
use actix_web::web::Data;
use channelstream_actors::core::user::ConnectState;
use channelstream_actors::error::{CloseReason, NotAttached};
use channelstream_actors::list::{Namespace, SocketIoForm};
use channelstream_actors::name::{ConnId, UserName};
use channelstream_actors::position::{GoingOn, Return};
use channelstream_actors::transport::Transport;
use serde_json::Value;

use crate::address_table::CountedConnection;
use crate::services::Services;
use crate::transport::attached_outlet::{AttachedOutlet, OutletActor};
use crate::transport::listen_request::{ListenRequest, STOPPING};
use crate::transport::socket_handle::SocketHandle;
use crate::transport::socket_io::identification::{Facts, Identification};
use crate::transport::socket_io::server_packets::{self, UserConnect};

/// A client that has not connected to a namespace yet.
pub(super) struct NewClient {
    pub(super) sid: String,
    /// What the client says of itself in its query.
    pub(super) identification: Identification,
    /// The guard that counts a client behind a proxy for its address.
    pub(super) address_guard: Option<CountedConnection>,
    pub(super) services: Data<Services>,
}

/// A client that has connected.
pub(super) struct ConnectedClient {
    pub(super) facts: Facts,
    pub(super) outlet: AttachedOutlet,
    /// The first packets for the client.
    pub(super) packets: Vec<String>,
}

/// The reason why a client whose signature is not valid cannot connect.
const WRONG_SIGNATURE: &str = "the sig is wrong or too old; ask your application for a new one";

/// What is wrong with what a client says of itself.
enum Flaw {
    /// It names no connection, or one that does not exist, or a user that is not known.
    UnknownConnection,
    /// The signature is not valid.
    Signature,
    /// The user may not have one more connection.
    NotConnected(channelstream_actors::error::NotConnected),
    /// The connection that it names does not exist, or cannot be served now.
    NotAttached(NotAttached),
}

/// The reason why a client could not connect.
pub(super) enum NotConnected {
    /// The client gets this packet, and may try again.
    Refused(String),
    /// The session ends.
    Closed(CloseReason),
}

impl NewClient {
    /// Attaches the actor at `address`, which serves the client, to the connection that the client
    /// names.
    ///
    /// # Errors
    /// Fails when the namespace or the connection does not exist.
    pub(super) async fn connect(
        &mut self,
        (name, auth): (&str, &Value),
        transport: Transport,
        socket: Arc<SocketHandle>,
        address: &Addr<impl OutletActor>,
    ) -> Result<ConnectedClient, NotConnected> {
        let namespace = match name {
            "/" => Namespace::Root,
            "/stream" => Namespace::Stream,
            _ => {
                let refusal = server_packets::refuse(name, "Invalid namespace", None);
                return Err(NotConnected::Refused(refusal));
            }
        };
        let identification = self.identification.with_auth(auth);
        let found = self.find_connection(&identification).await;
        let conn_id = found.map_err(|flaw| self.refuse(name, &flaw))?;
        let mut facts = Facts {
            conn_id,
            form: SocketIoForm {
                namespace,
                has_offsets: identification.wants_offsets,
            },
            continuity: None,
        };
        let returning = identification.returning(conn_id);
        let attached = self.attach(facts, returning, transport, socket, address);
        let outlet =
            (attached.await).map_err(|error| self.refuse(name, &Flaw::NotAttached(error)))?;
        facts.continuity = outlet.continuity();
        let mut packets = vec![server_packets::connected(&facts, &self.sid)];
        if let Some(introduction) = self.services.broker.introduce(conn_id).await {
            let user = UserConnect {
                conn_id,
                introduction,
            };
            packets.push(server_packets::user_connect(namespace, &user));
        }
        Ok(ConnectedClient {
            facts,
            outlet,
            packets,
        })
    }

    /// Attaches the actor at `address` to the connection of a client whose session goes on. The
    /// session is given if nodes share it.
    ///
    /// # Errors
    /// Fails when the connection does not exist, or cannot be served now.
    pub(super) async fn go_on(
        &mut self,
        (facts, session): (Facts, Option<GoingOn>),
        packets: Vec<String>,
        socket: Arc<SocketHandle>,
        address: &Addr<impl OutletActor>,
    ) -> Result<ConnectedClient, NotAttached> {
        let returning = Return {
            continuity: facts.continuity,
            session: session.map(Box::new),
            ..Return::default()
        };
        let attached = self.attach(facts, returning, Transport::SocketIo, socket, address);
        Ok(ConnectedClient {
            facts,
            outlet: attached.await?,
            packets,
        })
    }

    /// Returns the connection for which a client listens.
    async fn find_connection(&self, identification: &Identification) -> Result<ConnId, Flaw> {
        match &identification.user {
            Some((username, signature)) if self.services.settings.socketio_username => {
                self.connection_of_user(username, signature, identification)
                    .await
            }
            _ => identification.conn_id.ok_or(Flaw::UnknownConnection),
        }
    }

    /// Makes a connection for a client that listens as a user, or returns the one that the client
    /// had before.
    async fn connection_of_user(
        &self,
        username: &str,
        signature: &str,
        identification: &Identification,
    ) -> Result<ConnId, Flaw> {
        let is_allowed = {
            let live = self.services.live.current();
            let signatures = live.user_signatures.as_ref();
            signatures.is_some_and(|signatures| signatures.allow(username, signature))
        };
        if !is_allowed {
            return Err(Flaw::Signature);
        }
        let (broker, user) = (&self.services.broker, UserName::new(username));
        let is_known = broker.knows_user(user.clone()).await;
        if !is_known.map_err(|error| Flaw::NotAttached(error.into()))? {
            return Err(Flaw::UnknownConnection);
        }
        // A connection that has ended, or that is another user's, is not named again.
        if let Some(former) = identification.former
            && broker.owner_of(former).await.as_ref() == Some(&user)
        {
            return Ok(former);
        }
        let named = match identification.conn_id {
            Some(conn_id) => match broker.owner_of(conn_id).await {
                Some(owner) if owner == user => return Ok(conn_id),
                Some(_) => None,
                None => Some(conn_id),
            },
            None => None,
        };
        let conn_id = named.unwrap_or_else(ConnId::random);
        let set = ConnectState::default();
        let connected = broker.connect(user, conn_id, set, Vec::new(), Default::default());
        connected.await.map_err(Flaw::NotConnected)?;
        Ok(conn_id)
    }

    /// Returns the answer to a client that cannot connect to the namespace `name`.
    fn refuse(&self, name: &str, flaw: &Flaw) -> NotConnected {
        let reason = match flaw {
            Flaw::NotAttached(error) => self.reason_of(*error),
            _ => self.reason_of(NotAttached::Unknown),
        };
        if reason != CloseReason::UnknownConnection {
            return NotConnected::Closed(reason);
        }
        let message = match flaw {
            Flaw::UnknownConnection | Flaw::NotAttached(_) => reason.reason().into_owned(),
            Flaw::Signature => WRONG_SIGNATURE.to_owned(),
            Flaw::NotConnected(error) => error.to_string(),
        };
        let code = Some(reason.code().number());
        NotConnected::Refused(server_packets::refuse(name, &message, code))
    }

    /// Returns the reason that a client is told whose transport was not attached.
    pub(super) fn reason_of(&self, error: NotAttached) -> CloseReason {
        if self.services.lifecycle.is_draining() {
            STOPPING
        } else {
            error.close_reason()
        }
    }

    /// Attaches the actor at `address` to the connection of a client.
    ///
    /// # Errors
    /// Fails when the connection does not exist, or cannot be served now.
    async fn attach(
        &mut self,
        Facts { conn_id, form, .. }: Facts,
        returning: Return,
        transport: Transport,
        socket: Arc<SocketHandle>,
        address: &Addr<impl OutletActor>,
    ) -> Result<AttachedOutlet, NotAttached> {
        // A failed attempt to attach would drop the guard, although the client stays.
        if !self.services.broker.knows_connection(conn_id).await? {
            return Err(NotAttached::Unknown);
        }
        let listen = ListenRequest {
            conn_id,
            returning,
            socket,
            address_guard: self.address_guard.take(),
        };
        let services = self.services.clone();
        let mut outlet = AttachedOutlet::attach(transport, listen, address, services).await?;
        if form.has_offsets {
            outlet.read.keep_trail();
        }
        Ok(outlet)
    }
}
