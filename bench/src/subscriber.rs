//! A subscriber: it reads and checks what arrives, and answers pings as a browser does.

use std::cell::RefCell;
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, ReadBuf};
use tokio::net::TcpStream;

use crate::frames::{Head, Opcode, split, to_server};
use crate::stamp::StampFinder;
use crate::tally::{Receipts, Tally};
use crate::target::WebSocket;

/// The size in bytes above which a subscriber reads only the beginning of a frame, and does not
/// keep the rest.
const LARGE_FRAME: u64 = 256 << 10;

/// The state that all subscribers of a run share.
pub(crate) struct SharedState {
    tally: Rc<Tally>,
    finder: StampFinder,
    /// The buffer for reading. All subscribers use it one after the other, so that thousands of
    /// them need no memory of their own and the data stays in the cache.
    buffer: RefCell<Vec<u8>>,
}

impl SharedState {
    /// Returns the shared state of a run.
    pub(crate) fn new(tally: Rc<Tally>) -> Rc<Self> {
        Rc::new(Self {
            tally,
            finder: StampFinder::default(),
            buffer: RefCell::new(vec![0; 256 << 10]),
        })
    }
}

/// A subscriber.
pub(crate) struct Subscriber {
    shared: Rc<SharedState>,
    stream: TcpStream,
    /// The beginning of a frame whose rest has not arrived.
    rest: Vec<u8>,
    /// The number of bytes of a large frame that are still to come.
    to_skip: u64,
    receipts: Rc<RefCell<Receipts>>,
}

impl Subscriber {
    /// Listens on this socket.
    pub(crate) fn new(
        shared: Rc<SharedState>,
        socket: WebSocket,
        receipts: Rc<RefCell<Receipts>>,
    ) -> Self {
        Self {
            shared,
            stream: socket.stream,
            rest: socket.read,
            to_skip: 0,
            receipts,
        }
    }

    /// Reads until the server closes the websocket or the socket ends.
    pub(crate) async fn listen(mut self) {
        while poll_fn(|context| self.poll_read(context)).await {}
    }

    /// Reads once. Returns whether more may come.
    fn poll_read(&mut self, context: &mut Context<'_>) -> Poll<bool> {
        let shared = self.shared.clone();
        let mut buffer = shared.buffer.borrow_mut();
        let mut buffer = ReadBuf::new(&mut buffer);
        if ready!(Pin::new(&mut self.stream).poll_read(context, &mut buffer)).is_err()
            || buffer.filled().is_empty()
        {
            return Poll::Ready(false);
        }
        let is_open = if self.rest.is_empty() {
            self.read_frames(buffer.filled())
        } else {
            let mut bytes = std::mem::take(&mut self.rest);
            bytes.extend_from_slice(buffer.filled());
            self.read_frames(&bytes)
        };
        Poll::Ready(is_open)
    }

    /// Reads frames from the bytes. Returns whether more may come.
    fn read_frames(&mut self, bytes: &[u8]) -> bool {
        let skipped = self.to_skip.min(bytes.len() as u64);
        self.to_skip -= skipped;
        let mut bytes = bytes
            .get(usize::try_from(skipped).unwrap_or(usize::MAX)..)
            .unwrap_or_default();
        while let Some(frame) = split(&mut bytes) {
            match frame.opcode {
                // The ping of Socket.IO.
                Opcode::Text if frame.payload == b"2" => self.send(Opcode::Text, b"3"),
                Opcode::Text => self.receive(frame.payload),
                Opcode::Data => {
                    self.receive(frame.payload);
                    // NATS has its own form of pings.
                    if frame.payload.starts_with(b"PING\r\n") {
                        self.send(Opcode::Data, b"PONG\r\n");
                    }
                }
                Opcode::Ping => self.send(Opcode::Pong, frame.payload),
                Opcode::Pong => {}
                Opcode::Close => return false,
            }
        }
        match Head::of(bytes) {
            Some(head) if head.length > LARGE_FRAME && head.rest.len() > 1024 => {
                self.receive(head.rest);
                self.to_skip = head.length - head.rest.len() as u64;
            }
            _ => self.rest = bytes.to_vec(),
        }
        true
    }

    fn receive(&self, text: &[u8]) {
        let now = self.shared.tally.micros();
        let mut receipts = self.receipts.borrow_mut();
        for stamp in self.shared.finder.find(text) {
            self.shared.tally.receive(&mut receipts, stamp, now);
        }
    }

    /// Sends a few bytes. A server will close a socket that has no room even for these.
    fn send(&self, opcode: Opcode, payload: &[u8]) {
        let _ = self.stream.try_write(&to_server(opcode, payload));
        acknowledge_when_reading(&self.stream);
    }
}

/// Turns on quick acknowledgements. If a program answers within 40 ms, Linux treats its socket as
/// interactive. From then on, Linux acknowledges every second message as it arrives, instead of
/// when it was read. Over loopback, this happens within the server's write and at its expense, a
/// fifth of a delivery. A client on another machine pays for its own acknowledgements.
#[cfg(target_os = "linux")]
fn acknowledge_when_reading(stream: &TcpStream) {
    let _ = socket2::SockRef::from(stream).set_tcp_quickack(true);
}

#[cfg(not(target_os = "linux"))]
fn acknowledge_when_reading(_: &TcpStream) {}
