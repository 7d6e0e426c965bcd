//! Reads the frames of a websocket's client, and writes the frames of the server.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker, ready};

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::transport::client_frames::{ClientFrame, ClientFrameParser};
use crate::transport::watched_stream::WatchedStream;

/// The number of bytes that are read at a time. It is small because clients send little.
const READ_BYTES: usize = 1 << 10;

/// The most frames of one write.
const FRAMES_PER_WRITE: usize = 32;

/// The number of frames for which an empty queue keeps memory.
const KEPT_CAPACITY: usize = 4;

/// The two directions of an open websocket.
pub(super) struct FrameIo {
    stream: WatchedStream,
    /// The waker that the stream gets. It is created by the first call of
    /// [`set_task`](Self::set_task).
    waker: Option<NotingWaker>,
    received: ClientFrameParser,
    /// The frames that the socket has not taken yet. The frames of lists are shared with other
    /// outlets. The [`Queue`](channelstream_actors::outlet::Queue) bounds the bytes that may wait.
    unsent: VecDeque<Bytes>,
}

impl FrameIo {
    /// Takes a stream from which the bytes `read` were read already. Frames of the client whose
    /// payload is longer than `frame_limit` bytes are refused.
    pub(super) fn new(stream: WatchedStream, read: &[u8], frame_limit: usize) -> Self {
        let mut received = ClientFrameParser::new(frame_limit);
        received.feed(read);
        Self {
            stream,
            waker: None,
            received,
            unsent: VecDeque::new(),
        }
    }

    /// Keeps the texts that the client sends ([`ClientFrame::Text`]) instead of skipping them.
    pub(super) fn keep_texts(&mut self) {
        self.received.keep_texts();
    }

    /// Adds a frame to the frames that wait. The next [`poll_write`](Self::poll_write) writes it.
    pub(super) fn push(&mut self, frame: Bytes) {
        self.unsent.push_back(frame);
    }

    /// Returns whether there are frames that the socket has not taken yet.
    pub(super) fn has_unsent(&self) -> bool {
        !self.unsent.is_empty()
    }

    /// Returns the next of the client's frames that were read.
    pub(super) fn next_frame(&mut self) -> Option<ClientFrame> {
        self.received.next_frame()
    }

    /// Sets the task that the stream wakes from now on. This task reads and writes.
    pub(super) fn set_task(&mut self, context: &Context<'_>) {
        let task = context.waker();
        let is_known = |waker: &NotingWaker| waker.note.task.will_wake(task);
        if !self.waker.as_ref().is_some_and(is_known) {
            self.waker = Some(NotingWaker::new(task));
        }
    }

    /// Reads more bytes. Returns `false` once the client has sent its last byte.
    ///
    /// After a violation it continues to read and discards the bytes. If a socket is closed while
    /// it has unread bytes, it is reset, and the client would not see the reason.
    pub(super) fn poll_read(&mut self) -> Poll<bool> {
        let Some(waker) = &self.waker else {
            return Poll::Pending;
        };
        // The note is cleared before the read, so that a wakeup during the read is not lost.
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

    /// Writes the frames that wait, many in one write. Ready when no frame waits any more.
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
        // The memory is freed, so that an idle websocket does not keep a large queue.
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

/// A waker that wakes the websocket's task, and notes that the socket woke it. Usually the mailbox
/// wakes the task, and then the task need not try to read.
struct NotingWaker {
    waker: Waker,
    note: Arc<WakeNote>,
}

/// The state behind [`NotingWaker::waker`].
struct WakeNote {
    task: Waker,
    /// Whether the socket has woken the task since the last read. It begins as true.
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
