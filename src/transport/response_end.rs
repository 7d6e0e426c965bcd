//! How the actor of an event stream or a long-poll learns that its response has ended.

use std::sync::Arc;

use actix::dev::ToEnvelope;
use actix::prelude::*;

use crate::transport::socket_handle::SocketHandle;

/// Tells an outlet's actor that its response has ended: the response was written to the end, or the
/// client was gone before.
#[derive(Message, Clone, Copy, Debug)]
#[rtype(result = "()")]
pub(super) struct ResponseEnded {
    /// Whether the response was written to the end while its client was still there. It is noted
    /// for long-polls only.
    pub(super) is_written: bool,
}

/// Sends [`ResponseEnded`] when it is dropped, with the request or with the body of its response.
pub(super) struct ResponseEnd<A>
where
    A: Handler<ResponseEnded>,
    A::Context: ToEnvelope<A, ResponseEnded>,
{
    outlet: Addr<A>,
    socket: Arc<SocketHandle>,
    is_written: bool,
}

impl<A> ResponseEnd<A>
where
    A: Handler<ResponseEnded>,
    A::Context: ToEnvelope<A, ResponseEnded>,
{
    /// Returns the end of a response on this socket.
    pub(super) fn new(outlet: Addr<A>, socket: Arc<SocketHandle>) -> Self {
        Self {
            outlet,
            socket,
            is_written: false,
        }
    }

    /// Returns whether the client has sent its last byte or has broken the connection off.
    pub(super) fn has_client_ended(&self) -> bool {
        self.socket.has_ended()
    }

    /// Notes that the last byte was handed to the socket. A client that had gone by then may not
    /// have read it.
    pub(super) fn note_written(&mut self) {
        self.is_written = !self.socket.has_ended();
    }
}

impl<A> Drop for ResponseEnd<A>
where
    A: Handler<ResponseEnded>,
    A::Context: ToEnvelope<A, ResponseEnded>,
{
    fn drop(&mut self) {
        #[expect(
            clippy::disallowed_methods,
            reason = "one message at the end of an outlet's life, which must arrive"
        )]
        self.outlet.do_send(ResponseEnded {
            is_written: self.is_written,
        });
    }
}
