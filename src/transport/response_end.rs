//! Tells the actor of an event stream or a long-poll that its response has ended.

use std::sync::Arc;

use actix::dev::ToEnvelope;
use actix::prelude::*;

use crate::transport::socket_handle::SocketHandle;

/// Tells an outlet's actor that its response has ended. The response was written to the end, or the
/// client left before that.
#[derive(Message, Clone, Copy, Debug)]
#[rtype(result = "()")]
pub(super) struct ResponseEnded {
    /// Whether the response was written to the end while its client was still connected. Only
    /// long-polls set this.
    pub(super) is_written: bool,
}

/// A guard that sends [`ResponseEnded`] when it is dropped. It is dropped with the request, or with
/// the body of its response.
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
    /// Creates the guard for a response on this socket.
    pub(super) fn new(outlet: Addr<A>, socket: Arc<SocketHandle>) -> Self {
        Self {
            outlet,
            socket,
            is_written: false,
        }
    }

    /// Returns whether the client has sent its last byte or has reset the socket.
    pub(super) fn has_client_ended(&self) -> bool {
        self.socket.has_ended()
    }

    /// Notes that the last byte was handed to the socket. This does not count if the client has
    /// ended before, because it may not have read the response.
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
