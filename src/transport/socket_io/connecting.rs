//! Connects a Socket.IO client to a namespace, which attaches it to its connection.

use std::sync::Arc;

use actix::prelude::*;
use actix_web::web::Data;
use channelstream_actors::error::{CloseReason, Unknown};
use channelstream_actors::list::Namespace;
use channelstream_actors::name::ConnId;
use channelstream_actors::position::Report;
use channelstream_actors::transport::Transport;
use serde_json::Value;

use crate::address_table::CountedConnection;
use crate::services::Services;
use crate::transport::attached_outlet::{AttachedOutlet, OutletActor};
use crate::transport::listen_request::{ListenRequest, STOPPING};
use crate::transport::socket_handle::SocketHandle;
use crate::transport::socket_io::server_packets::{self, UserConnect};
use crate::validation::rules::parse_uuid;

/// A client that has not connected to a namespace yet.
pub(super) struct NewClient {
    pub(super) sid: String,
    /// The connection that the query names. The client may name another one when it connects.
    pub(super) conn_id: Option<ConnId>,
    /// The guard that counts a client behind a proxy for its address.
    pub(super) address_guard: Option<CountedConnection>,
    pub(super) services: Data<Services>,
}

/// A client that has connected.
pub(super) struct ConnectedClient {
    pub(super) namespace: Namespace,
    pub(super) conn_id: ConnId,
    pub(super) outlet: AttachedOutlet,
    /// The first packets for the client.
    pub(super) packets: Vec<String>,
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
        let conn_id = match auth.get("conn_id") {
            Some(id) => id.as_str().and_then(parse_uuid).map(ConnId::from),
            None => self.conn_id,
        };
        let attached = match conn_id {
            Some(conn_id) => {
                let outlet = self.attach(conn_id, transport, socket, address).await;
                outlet.map(|outlet| (conn_id, outlet))
            }
            None => Err(Unknown),
        };
        let Ok((conn_id, outlet)) = attached else {
            let reason = self.reason_of_unknown();
            return Err(if reason == CloseReason::UnknownConnection {
                let code = Some(reason.code().number());
                NotConnected::Refused(server_packets::refuse(name, &reason.reason(), code))
            } else {
                NotConnected::Closed(reason)
            });
        };
        let mut packets = vec![server_packets::connected(namespace, &self.sid)];
        if let Some(introduction) = self.services.broker.introduce(conn_id).await {
            let user = UserConnect {
                conn_id,
                introduction,
            };
            packets.push(server_packets::user_connect(namespace, &user));
        }
        Ok(ConnectedClient {
            namespace,
            conn_id,
            outlet,
            packets,
        })
    }

    /// Returns the reason why a connection is unknown.
    pub(super) fn reason_of_unknown(&self) -> CloseReason {
        if self.services.lifecycle.is_draining() {
            STOPPING
        } else {
            CloseReason::UnknownConnection
        }
    }

    /// Attaches the actor at `address` to a connection.
    ///
    /// # Errors
    /// Fails when the connection does not exist.
    pub(super) async fn attach(
        &mut self,
        conn_id: ConnId,
        transport: Transport,
        socket: Arc<SocketHandle>,
        address: &Addr<impl OutletActor>,
    ) -> Result<AttachedOutlet, Unknown> {
        // A failed attempt to attach would drop the guard, although the client stays.
        if !self.services.broker.knows_connection(conn_id).await {
            return Err(Unknown);
        }
        let listen = ListenRequest {
            conn_id,
            position: Report::default(),
            socket,
            address_guard: self.address_guard.take(),
        };
        AttachedOutlet::attach(transport, listen, address, self.services.clone()).await
    }
}
