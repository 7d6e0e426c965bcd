//! The bytes of a websocket: the client's frames as they are read, and what waits to be written.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker, ready};

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::transport::client_frames::{ClientFrame, ClientFrames};
use crate::transport::watched_stream::WatchedStream;

/// Read into at a time; clients say little.
const READ_BYTES: usize = 1 << 10;

/// So many frames go out in one write.
const PARTS: usize = 32;

/// A queue of so many frames is kept between writes.
const FEW: usize = 4;

/// Wakes the websocket's task when its socket has moved, and notes that it did. A task that is
/// woken by its mailbox, as it mostly is, need not look at its socket then.
struct SocketWaker {
    task: Waker,
    has_moved: AtomicBool,
}

impl Wake for SocketWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.has_moved.store(true, Ordering::Release);
        self.task.wake_by_ref();
    }
}

/// What a stream is given to wake, and the same to look at.
struct Watch {
    waker: Waker,
    socket: Arc<SocketWaker>,
}

impl Watch {
    fn of(task: &Waker) -> Self {
        let socket = Arc::new(SocketWaker {
            task: task.clone(),
            has_moved: AtomicBool::new(true),
        });
        Self {
            waker: socket.clone().into(),
            socket,
        }
    }
}

/// See the module.
pub(super) struct Wire {
    stream: WatchedStream,
    /// Set with the first look at the stream.
    watch: Option<Watch>,
    frames: ClientFrames,
    /// Not taken by the socket yet. The frames of lists are shared with all other outlets; how much
    /// may wait is up to the [`Queue`](channelstream_actors::outlet::Queue).
    unsent: VecDeque<Bytes>,
}

impl Wire {
    /// Over a stream from which this was read already. Frames longer than `frame_limit` bytes are
    /// refused.
    pub(super) fn new(stream: WatchedStream, read: &[u8], frame_limit: usize) -> Self {
        let mut frames = ClientFrames::new(frame_limit);
        frames.feed(read);
        Self {
            stream,
            watch: None,
            frames,
            unsent: VecDeque::new(),
        }
    }

    /// Puts a frame behind those that wait. It goes out with the next
    /// [`poll_write`](Self::poll_write).
    pub(super) fn push(&mut self, frame: Bytes) {
        self.unsent.push_back(frame);
    }

    /// Whether the socket has not taken all.
    pub(super) fn has_unsent(&self) -> bool {
        !self.unsent.is_empty()
    }

    /// Returns the client's next frame of those that were read.
    pub(super) fn frame(&mut self) -> Option<ClientFrame> {
        self.frames.take()
    }

    /// Reads more. Returns false once the client has sent its last byte. After a violation what it
    /// sends is thrown away: a socket closed over unread bytes is reset, and the client would not
    /// see why.
    pub(super) fn poll_read(&mut self, context: &mut Context<'_>) -> Poll<bool> {
        let Self { stream, watch, .. } = self;
        let Watch { waker, socket } = watch_of(watch, context);
        // Cleared first: what happens while it is read is not lost.
        if !socket.has_moved.swap(false, Ordering::AcqRel) {
            return Poll::Pending;
        }
        let mut bytes = [MaybeUninit::uninit(); READ_BYTES];
        let mut bytes = ReadBuf::uninit(&mut bytes);
        let result =
            ready!(Pin::new(stream).poll_read(&mut Context::from_waker(waker), &mut bytes));
        // There may be more.
        socket.has_moved.store(true, Ordering::Release);
        self.frames.feed(bytes.filled());
        Poll::Ready(result.is_ok() && !bytes.filled().is_empty())
    }

    /// Writes what waits, all of it at once where the socket takes it. Ready when nothing waits any
    /// more.
    pub(super) fn poll_write(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some(first) = self.unsent.front() {
            let context = &mut Context::from_waker(&watch_of(&mut self.watch, context).waker);
            let stream = Pin::new(&mut self.stream);
            let written = if self.unsent.len() == 1 {
                stream.poll_write(context, first)
            } else {
                let mut parts = [IoSlice::new(&[]); PARTS];
                let count = self.unsent.len().min(PARTS);
                parts
                    .iter_mut()
                    .zip(&self.unsent)
                    .for_each(|(part, frame)| *part = IoSlice::new(frame));
                stream.poll_write_vectored(context, parts.get(..count).unwrap_or_default())
            };
            match ready!(written) {
                Ok(0) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Ok(written) => self.taken(written),
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
        // An idle socket keeps no memory for what once waited, but for a frame or two.
        self.unsent.shrink_to(FEW);
        Poll::Ready(Ok(()))
    }

    fn taken(&mut self, mut bytes: usize) {
        while let Some(first) = self.unsent.front_mut() {
            if first.len() > bytes {
                first.advance(bytes);
                return;
            }
            bytes -= first.len();
            self.unsent.pop_front();
        }
    }
}

/// Returns the watch for the task that looks at the stream now.
fn watch_of<'a>(watch: &'a mut Option<Watch>, context: &Context<'_>) -> &'a Watch {
    let task = context.waker();
    if watch
        .as_ref()
        .is_some_and(|watch| !watch.socket.task.will_wake(task))
    {
        *watch = None;
    }
    watch.get_or_insert_with(|| Watch::of(task))
}
