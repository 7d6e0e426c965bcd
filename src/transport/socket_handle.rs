//! The state of a socket, for code outside the task that reads and writes the socket.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::task::Context;

use channelstream_actors::outlet::Socket;
use futures_util::task::AtomicWaker;
use socket2::SockRef;
use tokio::sync::Notify;

/// The client may send more.
const OPEN: u8 = 0;
/// The client has sent its last byte.
const ENDED: u8 = 1;
/// The other side has reset the socket, or the socket has failed.
const RESET: u8 = 2;

/// The state that a stream shares with the outlet that uses it and with the broker. The stream
/// updates the state. The others can cut the socket, ask how it ended, and wait until it takes
/// bytes.
#[derive(Debug, Default)]
pub struct SocketHandle {
    /// The state of the other side: [`OPEN`], [`ENDED`] or [`RESET`].
    end: AtomicU8,
    /// Whether the stream must fail at its next use.
    is_cut: AtomicBool,
    /// Whether the stream was dropped.
    is_dropped: AtomicBool,
    /// The task that uses the stream.
    waker: AtomicWaker,
    /// The number of bytes that the socket has taken.
    written: AtomicU64,
    /// The notification of waiting tasks, each time the socket takes bytes and when the stream is
    /// dropped.
    progress: Notify,
    /// Whether `probe` is wanted.
    is_probe_enabled: AtomicBool,
    /// A second descriptor of the socket, which is used to ask the kernel for a reset. The kernel
    /// knows of a reset before the stream's task notices it. Without this, a client that resets a
    /// long-poll and comes back at once would wrongly count as having read the answer.
    probe: OnceLock<socket2::Socket>,
}

impl SocketHandle {
    /// Lets [`was_reset`](Socket::was_reset) ask the kernel, from the next write on. This costs a
    /// second descriptor.
    pub(super) fn enable_probe(&self) {
        self.is_probe_enabled.store(true, Ordering::Release);
    }

    /// Waits until `condition` is true or the stream is dropped. Checks the condition each time the
    /// socket takes bytes.
    pub(super) async fn wait_until(&self, condition: impl Fn() -> bool) {
        loop {
            let progress = self.progress.notified();
            if condition() || self.is_dropped.load(Ordering::Acquire) {
                return;
            }
            progress.await;
        }
    }

    /// Returns whether the client has sent its last byte or has reset the socket.
    pub(super) fn has_ended(&self) -> bool {
        self.end.load(Ordering::Acquire) != OPEN
    }

    /// Registers the task of `context`, which [`cut`](Socket::cut) wakes from now on. Returns
    /// whether the socket was cut already.
    pub(super) fn register(&self, context: &Context<'_>) -> bool {
        self.waker.register(context.waker());
        self.is_cut.load(Ordering::Acquire)
    }

    /// Notes that the client has sent its last byte.
    pub(super) fn note_end(&self) {
        self.end
            .compare_exchange(OPEN, ENDED, Ordering::AcqRel, Ordering::Acquire)
            .ok();
    }

    /// Notes that the other side has reset the socket, or that the socket has failed.
    pub(super) fn note_reset(&self) {
        self.end.store(RESET, Ordering::Release);
    }

    /// Notes that the socket took bytes.
    pub(super) fn note_written(&self, bytes: usize) {
        self.written.fetch_add(bytes as u64, Ordering::Relaxed);
        self.progress.notify_waiters();
    }

    /// Returns whether the second descriptor is wanted and not open yet.
    pub(super) fn wants_probe(&self) -> bool {
        self.is_probe_enabled.load(Ordering::Acquire) && self.probe.get().is_none()
    }

    /// Opens the second descriptor.
    pub(super) fn open_probe(&self, socket: SockRef<'_>) {
        match socket.try_clone() {
            Ok(socket) => drop(self.probe.set(socket)),
            Err(error) => log::debug!("cannot open a second descriptor of a socket: {error}"),
        }
    }

    /// Notes that the stream is about to be dropped, which closes its own descriptor.
    pub(super) fn note_drop(&self, socket: SockRef<'_>) {
        self.is_dropped.store(true, Ordering::Release);
        self.progress.notify_waiters();
        // The second descriptor may outlive the stream and would keep the socket open, so the
        // socket is shut down. If the client has ended the connection already, the socket stays
        // open, because only then does the kernel report a later reset.
        if self.probe.get().is_some() && !self.has_ended() {
            socket.shutdown(std::net::Shutdown::Both).ok();
        }
    }
}

impl Socket for SocketHandle {
    fn cut(&self) {
        self.is_cut.store(true, Ordering::Release);
        self.waker.wake();
    }

    fn was_reset(&self) -> bool {
        let has_error = |socket: &socket2::Socket| !matches!(socket.take_error(), Ok(None));
        if self.probe.get().is_some_and(has_error) {
            self.note_reset();
        }
        self.end.load(Ordering::Acquire) == RESET
    }

    fn written(&self) -> u64 {
        self.written.load(Ordering::Relaxed)
    }
}
