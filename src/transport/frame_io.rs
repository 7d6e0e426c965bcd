//! Reads the frames of a websocket's client, and writes those of the server.

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

/// How many bytes are read at a time. Clients send little.
const READ_BYTES: usize = 1 << 10;

/// How many frames go out in one write at most.
const FRAMES_PER_WRITE: usize = 32;

/// How many frames the memory of the empty queue has place for.
const KEPT_CAPACITY: usize = 4;

/// The two directions of an open websocket.
pub(super) struct FrameIo {
    stream: WatchedStream,
    /// The waker that the stream gets, made when the stream is first used.
    waker: Option<NotingWaker>,
    received: ClientFrames,
    /// The frames that the socket has not taken yet. Those of lists are shared with all other
    /// outlets. How many may wait is up to the [`Queue`](channelstream_actors::outlet::Queue).
    unsent: VecDeque<Bytes>,
}

impl FrameIo {
    /// Takes a stream from which the bytes `read` were read already. Batch of the client that are
    /// longer than `frame_limit` bytes are refused.
    pub(super) fn new(stream: WatchedStream, read: &[u8], frame_limit: usize) -> Self {
        let mut received = ClientFrames::new(frame_limit);
        received.feed(read);
        Self {
            stream,
            waker: None,
            received,
            unsent: VecDeque::new(),
        }
    }

    /// Puts a frame behind those that wait. It goes out with the next
    /// [`poll_write`](Self::poll_write).
    pub(super) fn push(&mut self, frame: Bytes) {
        self.unsent.push_back(frame);
    }

    /// Returns whether frames wait that the socket has not taken.
    pub(super) fn has_unsent(&self) -> bool {
        !self.unsent.is_empty()
    }

    /// Returns the next of the client's frames that were read.
    pub(super) fn next_frame(&mut self) -> Option<ClientFrame> {
        self.received.next_frame()
    }

    /// Sets the task that reads and writes from now on. The stream wakes it.
    pub(super) fn set_task(&mut self, context: &Context<'_>) {
        let task = context.waker();
        let is_known = |waker: &NotingWaker| waker.note.task.will_wake(task);
        if !self.waker.as_ref().is_some_and(is_known) {
            self.waker = Some(NotingWaker::new(task));
        }
    }

    /// Reads more bytes. Returns false once the client has sent its last one.
    ///
    /// It goes on to read after a violation, and throws the bytes away: a socket that is closed
    /// over unread bytes is reset, and the client would not see why.
    pub(super) fn poll_read(&mut self) -> Poll<bool> {
        let Some(waker) = &self.waker else {
            return Poll::Pending;
        };
        // Cleared first, so that a wakeup during the read is not lost.
        if !waker.note.is_woken.swap(false, Ordering::AcqRel) {
            return Poll::Pending;
        }
        let mut bytes = [MaybeUninit::uninit(); READ_BYTES];
        let mut bytes = ReadBuf::uninit(&mut bytes);
        let stream = Pin::new(&mut self.stream);
        let result = ready!(stream.poll_read(&mut waker.context(), &mut bytes));
        // There may be more.
        waker.note.is_woken.store(true, Ordering::Release);
        self.received.feed(bytes.filled());
        Poll::Ready(result.is_ok() && !bytes.filled().is_empty())
    }

    /// Writes the frames that wait, all at once where the socket takes them. It is ready when no
    /// frame waits any more.
    pub(super) fn poll_write(&mut self) -> Poll<io::Result<()>> {
        while let Some(first) = self.unsent.front() {
            let Some(waker) = &self.waker else {
                return Poll::Pending;
            };
            let context = &mut waker.context();
            let stream = Pin::new(&mut self.stream);
            let written = if self.unsent.len() == 1 {
                stream.poll_write(context, first)
            } else {
                let mut parts = [IoSlice::new(&[]); FRAMES_PER_WRITE];
                let count = self.unsent.len().min(FRAMES_PER_WRITE);
                parts
                    .iter_mut()
                    .zip(&self.unsent)
                    .for_each(|(part, frame)| *part = IoSlice::new(frame));
                stream.poll_write_vectored(context, parts.get(..count).unwrap_or_default())
            };
            match ready!(written) {
                Ok(0) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Ok(bytes) => self.remove_written(bytes),
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
        // An idle websocket keeps no memory for what once waited.
        self.unsent.shrink_to(KEPT_CAPACITY);
        Poll::Ready(Ok(()))
    }

    fn remove_written(&mut self, mut bytes: usize) {
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

/// Wakes the websocket's task, and notes that it was the socket which did so. Mostly the task is
/// woken by its mailbox, and then it need not try to read.
struct NotingWaker {
    waker: Waker,
    note: Arc<WakeNote>,
}

/// What [`NotingWaker::waker`] does.
struct WakeNote {
    task: Waker,
    /// Whether the socket has woken the task since it was last read. It begins as true.
    is_woken: AtomicBool,
}

impl Wake for WakeNote {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.is_woken.store(true, Ordering::Release);
        self.task.wake_by_ref();
    }
}

impl NotingWaker {
    fn new(task: &Waker) -> Self {
        let note = Arc::new(WakeNote {
            task: task.clone(),
            is_woken: AtomicBool::new(true),
        });
        Self {
            waker: note.clone().into(),
            note,
        }
    }

    fn context(&self) -> Context<'_> {
        Context::from_waker(&self.waker)
    }
}
