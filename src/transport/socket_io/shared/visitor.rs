//! A transport that ends at once. By it a session takes a turn of its connection at a node at which
//! the client does not poll.

use std::sync::Arc;

use actix::prelude::*;
use channelstream_actors::outlet::{AwaitCapacity, Batch, End, Shut};
use channelstream_actors::position::Return;
use channelstream_actors::transport::Transport;

use crate::metrics::transport_ends::TransportEnd;
use crate::transport::attached_outlet::AttachedOutlet;
use crate::transport::listen_request::ListenRequest;
use crate::transport::socket_io::shared::session::{Content, SharedSession};

/// The outlet of such a transport, which never runs.
pub(super) struct Visitor;

impl Actor for Visitor {
    type Context = Context<Self>;
}

impl Handler<Batch> for Visitor {
    type Result = ();

    fn handle(&mut self, _: Batch, _: &mut Self::Context) {}
}

impl Handler<AwaitCapacity> for Visitor {
    type Result = ();

    fn handle(&mut self, _: AwaitCapacity, _: &mut Self::Context) {}
}

impl Handler<Shut> for Visitor {
    type Result = ();

    fn handle(&mut self, _: Shut, _: &mut Self::Context) {}
}

impl SharedSession {
    /// Ends the transport of the session, wherever it is, because the client does not want to hear
    /// more. What the client was sent last is not confirmed.
    pub(super) async fn stop_listening(&self, content: &Content) {
        let facts = content.facts();
        let context = Context::<Visitor>::new();
        let listen = ListenRequest {
            conn_id: facts.conn_id,
            returning: Return {
                continuity: facts.continuity,
                session: Some(self.going_on(false).into()),
                ..Return::default()
            },
            socket: Arc::default(),
            address_guard: None,
        };
        let (address, services) = (context.address(), self.services().clone());
        let polling = Transport::SocketIoPolling;
        let attached = AttachedOutlet::attach(polling, listen, &address, services);
        // An error means that the connection has ended, or that another transport listens for it.
        if let Ok(mut outlet) = attached.await {
            outlet.note_end(TransportEnd::Client);
            outlet.detach(End::default());
        }
    }
}
