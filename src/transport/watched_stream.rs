//! The stream under every request. It ends when the head of a request does not arrive in time.
//! Other code can cut it, whatever its outlet does. It also notes how the socket ended, which shows
//! whether a client has read the answer to a long-poll.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::exchange::Exchange;
use crate::transport::client_stream::ClientStream;
use crate::transport::head_timer::HeadTimer;
use crate::transport::socket_handle::SocketHandle;

/// The answer to a client whose head did not arrive in time.
const HEAD_TIMEOUT_ANSWER: &[u8] =
    b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-type: application/json\r\n\
x-channelstream-error: too-slow\r\n\
content-length: 68\r\n\r\n\
{\"request\": \"the head of the request took too long (head_timeout)\"}\n";

/// A client's stream with a [`SocketHandle`].
#[derive(Debug)]
pub struct WatchedStream {
    stream: ClientStream,
    handle: Arc<SocketHandle>,
    exchange: Arc<Exchange>,
    /// The deadline of heads. `None` once no request follows on the stream.
    head: Option<HeadTimer>,
    /// Whether a head did not arrive in time. The client gets [`HEAD_TIMEOUT_ANSWER`] when the
    /// stream ends.
    is_late: bool,
}

impl WatchedStream {
    /// Takes a stream that was just accepted, and the state that it shares with its requests.
    ///
    /// The stream ends when the other side does not acknowledge sent bytes within `unacknowledged`,
    /// because a machine that is gone neither answers pings nor closes its sockets. It also ends
    /// when the head of a request takes longer than `head_timeout`.
    pub fn new(
        stream: ClientStream,
        exchange: Exchange,
        unacknowledged: Duration,
        head_timeout: Duration,
    ) -> Self {
        if stream.is_tcp() {
            let socket = stream.socket();
            // Lists are small, and a list must not wait until the former one is acknowledged.
            let set = socket
                .set_tcp_nodelay(true)
                .and_then(|()| socket.set_tcp_user_timeout(Some(unacknowledged)));
            if let Err(error) = set {
                log::debug!("an option of a socket could not be set: {error}");
            }
        }
        Self {
            stream,
            handle: Arc::default(),
            exchange: Arc::new(exchange),
            head: Some(HeadTimer::new(head_timeout)),
            is_late: false,
        }
    }

    /// Returns the state that the stream shares with its outlet.
    pub fn handle(&self) -> Arc<SocketHandle> {
        self.handle.clone()
    }

    /// Returns the state that the stream shares with its requests.
    pub fn exchange(&self) -> Arc<Exchange> {
        self.exchange.clone()
    }

    /// Ends the deadlines of HTTP. No request follows, and all bytes from now on belong to a
    /// websocket.
    pub(super) fn leave_http(&mut self) {
        self.head = None;
        self.exchange.release();
    }

    /// Returns whether the stream waits for no more bytes. Reads then return as if the client had
    /// sent its last byte. If the answer is no, the task is woken at the deadline of the head.
    fn must_stop_reading(&mut self, context: &mut Context<'_>) -> bool {
        let Some(head) = &mut self.head else {
            return false;
        };
        self.is_late = self.is_late || head.is_late(&self.exchange, context);
        self.is_late || self.exchange.has_reading_ended()
    }

    /// Registers the task, so that it is woken if the socket is cut. Fails if the socket was cut
    /// already.
    fn check_cut(&self, context: &Context<'_>) -> io::Result<()> {
        if self.handle.register(context) {
            Err(io::ErrorKind::ConnectionAborted.into())
        } else {
            Ok(())
        }
    }

    fn open_probe(&self) {
        if self.handle.wants_probe() {
            self.handle.open_probe(self.stream.socket());
        }
    }

    fn note_written(&self, result: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if let Poll::Ready(Ok(bytes)) = result {
            self.handle.note_written(bytes);
        }
        self.note_error(result)
    }

    fn note_error<T>(&self, result: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if matches!(result, Poll::Ready(Err(_))) {
            self.handle.note_reset();
        }
        result
    }
}

impl Drop for WatchedStream {
    fn drop(&mut self) {
        self.handle.note_drop(self.stream.socket());
    }
}

impl AsyncRead for WatchedStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.check_cut(context)?;
        if self.head.is_some() {
            self.exchange.register(context);
            if self.is_late || self.exchange.has_reading_ended() {
                self.handle.note_end();
                return Poll::Ready(Ok(()));
            }
        }
        let before = buffer.filled().len();
        let result = Pin::new(&mut self.stream).poll_read(context, buffer);
        let read = buffer.filled().get(before..).unwrap_or_default();
        match &result {
            Poll::Ready(Ok(())) if !read.is_empty() => {
                let Self { head, exchange, .. } = &mut *self;
                if let Some(head) = head {
                    head.note_read(read, exchange);
                }
            }
            Poll::Ready(Ok(())) if buffer.remaining() > 0 => self.handle.note_end(),
            Poll::Pending if self.must_stop_reading(context) => {
                self.handle.note_end();
                return Poll::Ready(Ok(()));
            }
            _ => {}
        }
        self.note_error(result)
    }
}

impl AsyncWrite for WatchedStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.check_cut(context)?;
        self.open_probe();
        let result = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.note_written(result)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.check_cut(context)?;
        self.open_probe();
        let result = Pin::new(&mut self.stream).poll_write_vectored(context, parts);
        self.note_written(result)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.check_cut(context).is_err() {
            return Poll::Ready(Ok(()));
        }
        if std::mem::take(&mut self.is_late) {
            // If the socket does not take these few bytes, its client does not read.
            let _ = Pin::new(&mut self.stream).poll_write(context, HEAD_TIMEOUT_ANSWER);
        }
        let result = Pin::new(&mut self.stream).poll_shutdown(context);
        self.note_error(result)
    }
}
