//! Tells the actor of an event stream or a long-poll that its response has ended.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll};

use actix::prelude::*;
use actix_web::body::{BodySize, MessageBody};
use bytes::Bytes;

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
pub(super) struct ResponseEnd {
    outlet: Recipient<ResponseEnded>,
    socket: Arc<SocketHandle>,
    is_written: bool,
}

impl ResponseEnd {
    /// Creates the guard for a response on this socket.
    pub(super) fn new(outlet: Recipient<ResponseEnded>, socket: Arc<SocketHandle>) -> Self {
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

impl Drop for ResponseEnd {
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

/// A body in one piece. It notes that it was written to the end.
pub(super) struct WholeBody {
    bytes: Option<Bytes>,
    length: u64,
    response_end: ResponseEnd,
}

impl WholeBody {
    pub(super) fn new(bytes: Bytes, response_end: ResponseEnd) -> Self {
        Self {
            length: bytes.len() as u64,
            bytes: Some(bytes),
            response_end,
        }
    }
}

impl MessageBody for WholeBody {
    type Error = Infallible;

    fn size(&self) -> BodySize {
        BodySize::Sized(self.length)
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        _: &mut TaskContext<'_>,
    ) -> Poll<Option<Result<Bytes, Infallible>>> {
        let bytes = self.bytes.take();
        if bytes.is_none() {
            self.response_end.note_written();
        }
        Poll::Ready(bytes.map(Ok))
    }
}
