//! The TCP stream under every request. It can be cut from outside, which a stuck outlet needs, since it does not run while its socket
//! is blocked; and it tells how it ended, which says whether a client has read the answer of a long-poll.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use actix_web::rt::net::TcpStream;
use channelstream_actors::outlet::Socket;
use futures_util::task::AtomicWaker;
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

const OPEN: u8 = 0;
const CUT: u8 = 1;
const RESET: u8 = 2;

/// What is known of a stream outside of its own task.
#[derive(Debug, Default)]
pub struct Handle {
    state: AtomicU8,
    waker: AtomicWaker,
}

impl Socket for Handle {
    fn cut(&self) {
        self.state.compare_exchange(OPEN, CUT, Ordering::AcqRel, Ordering::Acquire).ok();
        self.waker.wake();
    }

    fn was_reset(&self) -> bool {
        self.state.load(Ordering::Acquire) == RESET
    }
}

/// A stream with a [`Handle`].
#[derive(Debug)]
pub struct WatchedStream {
    stream: TcpStream,
    handle: Arc<Handle>,
}

impl WatchedStream {
    /// Takes a stream that was just accepted. It ends when the other side acknowledges nothing for so long: a machine that is gone
    /// answers no pings and sends no goodbye.
    pub fn new(stream: TcpStream, unacknowledged: Duration) -> Self {
        let socket = SockRef::from(&stream);
        // Lists of messages are small and must not wait for each other.
        let set = socket.set_tcp_nodelay(true).and_then(|()| socket.set_tcp_user_timeout(Some(unacknowledged)));
        if let Err(error) = set {
            log::debug!("an option of a socket could not be set: {error}");
        }
        Self { stream, handle: Arc::default() }
    }

    /// The way to it from outside.
    pub fn handle(&self) -> Arc<Handle> {
        self.handle.clone()
    }

    fn check(&self, context: &Context<'_>) -> io::Result<()> {
        self.handle.waker.register(context.waker());
        if self.handle.state.load(Ordering::Acquire) == CUT { Err(io::ErrorKind::ConnectionAborted.into()) } else { Ok(()) }
    }

    fn note<T>(&self, result: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if matches!(result, Poll::Ready(Err(_))) {
            self.handle.state.store(RESET, Ordering::Release);
        }
        result
    }
}

impl AsyncRead for WatchedStream {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.check(context)?;
        let result = Pin::new(&mut self.stream).poll_read(context, buffer);
        self.note(result)
    }
}

impl AsyncWrite for WatchedStream {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.check(context)?;
        let result = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.note(result)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.check(context)?;
        let result = Pin::new(&mut self.stream).poll_write_vectored(context, parts);
        self.note(result)
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
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
