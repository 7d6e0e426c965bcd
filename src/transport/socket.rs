//! The TCP stream under every request. It can be cut from outside, whatever became of its outlet;
//! and it tells how it ended, which says whether a client has read the answer of a long-poll.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;

use actix_web::rt::net::TcpStream;
use channelstream_actors::outlet::Socket;
use futures_util::task::AtomicWaker;
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::Notify;

use crate::exchange::Exchange;
use crate::transport::head_timer::HeadTimer;

/// What a client reads whose head did not arrive in time.
const TOO_LATE: &[u8] =
    b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: 68\r\n\r\n\
{\"request\": \"the head of the request took too long (head_timeout)\"}\n";

const OPEN: u8 = 0;
/// The client has sent its last byte.
const ENDED: u8 = 1;
/// The other side broke it off.
const RESET: u8 = 2;

/// What is known of a stream outside of its own task.
#[derive(Debug, Default)]
pub struct Handle {
    state: AtomicU8,
    is_cut: AtomicBool,
    is_gone: AtomicBool,
    waker: AtomicWaker,
    written: AtomicU64,
    /// Told whenever the socket took bytes, and when it is gone.
    progress: Notify,
    is_probed: AtomicBool,
    /// A second descriptor of the socket. The kernel knows of a reset before the stream's task has
    /// run to see it; a client that comes back at once must not be believed to have read what it
    /// broke off.
    probe: OnceLock<socket2::Socket>,
}

impl Handle {
    /// Asks for the truth about the end of this socket: before the next byte is written,
    /// [`was_reset`](Socket::was_reset) learns to ask the kernel.
    pub fn watch_closely(&self) {
        self.is_probed.store(true, Ordering::Release);
    }

    /// Waits until `condition` holds, or the socket is gone. The condition is looked at whenever
    /// the socket took bytes.
    pub async fn moved_until(&self, condition: impl Fn() -> bool) {
        loop {
            let progress = self.progress.notified();
            if condition() || self.is_gone.load(Ordering::Acquire) {
                return;
            }
            progress.await;
        }
    }

    /// Whether the client has sent its last byte, or broken it off.
    pub fn has_ended(&self) -> bool {
        self.state.load(Ordering::Acquire) != OPEN
    }
}

impl Socket for Handle {
    fn cut(&self) {
        self.is_cut.store(true, Ordering::Release);
        self.waker.wake();
    }

    fn was_reset(&self) -> bool {
        let has_error = |socket: &socket2::Socket| !matches!(socket.take_error(), Ok(None));
        if self.probe.get().is_some_and(has_error) {
            self.state.store(RESET, Ordering::Release);
        }
        self.state.load(Ordering::Acquire) == RESET
    }

    fn written(&self) -> u64 {
        self.written.load(Ordering::Relaxed)
    }
}

/// A stream with a [`Handle`].
#[derive(Debug)]
pub struct WatchedStream {
    stream: TcpStream,
    handle: Arc<Handle>,
    exchange: Arc<Exchange>,
    /// `None` once no request follows on it.
    head: Option<HeadTimer>,
    /// A head did not arrive in time: the client is told so when the stream ends.
    is_late: bool,
}

impl WatchedStream {
    /// Takes a stream that was just accepted. It ends when the other side acknowledges nothing for
    /// so long: a machine that is gone answers no pings and sends no goodbye. It also ends when the
    /// head of a request takes longer than `head_timeout`.
    pub fn new(stream: TcpStream, unacknowledged: Duration, head_timeout: Duration) -> Self {
        let socket = SockRef::from(&stream);
        // Lists of messages are small and must not wait for each other.
        let set = socket
            .set_tcp_nodelay(true)
            .and_then(|()| socket.set_tcp_user_timeout(Some(unacknowledged)));
        if let Err(error) = set {
            log::debug!("an option of a socket could not be set: {error}");
        }
        Self {
            stream,
            handle: Arc::default(),
            exchange: Arc::default(),
            head: Some(HeadTimer::new(head_timeout)),
            is_late: false,
        }
    }

    /// The way to it from outside.
    pub fn handle(&self) -> Arc<Handle> {
        self.handle.clone()
    }

    /// What its requests tell it.
    pub fn exchange(&self) -> Arc<Exchange> {
        self.exchange.clone()
    }

    /// No request follows: what is read from now on belongs to a websocket.
    pub fn leave_http(&mut self) {
        self.head = None;
        self.exchange.release();
    }

    /// Whether the stream is read as if the client had sent its last byte.
    fn is_given_up(&mut self, context: &mut Context<'_>) -> bool {
        let Self {
            head: Some(head),
            exchange,
            ..
        } = self
        else {
            return false;
        };
        self.is_late = self.is_late || head.is_late(exchange, context);
        self.is_late || self.exchange.is_over()
    }

    /// The client has sent its last byte.
    fn end(&self) {
        self.handle
            .state
            .compare_exchange(OPEN, ENDED, Ordering::AcqRel, Ordering::Acquire)
            .ok();
    }

    fn check(&self, context: &Context<'_>) -> io::Result<()> {
        self.handle.waker.register(context.waker());
        if self.handle.is_cut.load(Ordering::Acquire) {
            Err(io::ErrorKind::ConnectionAborted.into())
        } else {
            Ok(())
        }
    }

    /// Before something is written.
    fn probe(&self) {
        if self.handle.is_probed.load(Ordering::Acquire) && self.handle.probe.get().is_none() {
            match SockRef::from(&self.stream).try_clone() {
                Ok(socket) => drop(self.handle.probe.set(socket)),
                Err(error) => log::debug!("a socket could not be probed: {error}"),
            }
        }
    }

    fn note_written(&self, result: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if let Poll::Ready(Ok(bytes)) = result {
            self.handle
                .written
                .fetch_add(bytes as u64, Ordering::Relaxed);
            self.handle.progress.notify_waiters();
        }
        self.note(result)
    }

    fn note<T>(&self, result: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if matches!(result, Poll::Ready(Err(_))) {
            self.handle.state.store(RESET, Ordering::Release);
        }
        result
    }
}

impl Drop for WatchedStream {
    fn drop(&mut self) {
        self.handle.is_gone.store(true, Ordering::Release);
        self.handle.progress.notify_waiters();
        // The probe may outlive it, and would keep the socket open. It shall do so where the client
        // has ended it: only then the kernel tells of a reset that follows.
        if self.handle.probe.get().is_some() && !self.handle.has_ended() {
            SockRef::from(&self.stream)
                .shutdown(std::net::Shutdown::Both)
                .ok();
        }
    }
}

impl AsyncRead for WatchedStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.check(context)?;
        if self.head.is_some() {
            self.exchange.register(context);
            if self.is_late || self.exchange.is_over() {
                self.end();
                return Poll::Ready(Ok(()));
            }
        }
        let before = buffer.filled().len();
        let result = Pin::new(&mut self.stream).poll_read(context, buffer);
        let read = buffer.filled().get(before..).unwrap_or_default();
        match &result {
            Poll::Ready(Ok(())) if !read.is_empty() => {
                if let Self {
                    head: Some(head),
                    exchange,
                    ..
                } = &mut *self
                {
                    head.note(read, exchange);
                }
            }
            Poll::Ready(Ok(())) if buffer.remaining() > 0 => self.end(),
            Poll::Pending if self.is_given_up(context) => {
                self.end();
                return Poll::Ready(Ok(()));
            }
            _ => {}
        }
        self.note(result)
    }
}

impl AsyncWrite for WatchedStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.check(context)?;
        self.probe();
        let result = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.note_written(result)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.check(context)?;
        self.probe();
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
        if self.check(context).is_err() {
            return Poll::Ready(Ok(()));
        }
        if std::mem::take(&mut self.is_late) {
            // A socket that does not take these few bytes has no reader either.
            let _ = Pin::new(&mut self.stream).poll_write(context, TOO_LATE);
        }
        let result = Pin::new(&mut self.stream).poll_shutdown(context);
        self.note(result)
    }
}
