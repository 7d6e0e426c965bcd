//! The outlet of a websocket (`protocol.md` §6, RFC 6455).
//!
//! A ping with a number follows what was sent; its pong says that the client has it. A client that never answered a ping is believed
//! to have read what its socket took.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll};

use actix::fut::ActorFuture;
use actix::prelude::*;
use actix_web::web::Data;
use bytes::Bytes;
use channelstream_actors::broker::Broker;
use channelstream_actors::error::CloseReason;
use channelstream_actors::outlet::{Frames, Pulse, Queue, Room, Shut};

use crate::settings::Settings;
use crate::transport::client_frames::ClientFrame;
use crate::transport::metronome::{Beat, Membership};
use crate::transport::read::ReadSoFar;
use crate::transport::socket::Handle;
use crate::transport::wire::Wire;
use crate::transport::{Attachment, Begun, Word};

/// A ping follows so many events, so that little is repeated after an unclean end and all of it is still in the log.
const EVENTS_PER_PING: u64 = 64;

/// An empty list: a frame of data, since proxies and pages count only such as a sign of life.
const HEARTBEAT: &[u8] = b"\x81\x02[]";

const CLOSE: u8 = 0x88;
const PING: u8 = 0x89;
const PONG: u8 = 0x8a;

/// A control frame; of its payload at most 125 bytes (RFC 6455 §5.5).
fn control(first: u8, payload: &[u8]) -> Bytes {
    let payload = payload.get(..125).unwrap_or(payload);
    [&[first, payload.len() as u8], payload].concat().into()
}

/// A close frame with its code and reason.
pub(super) fn close_frame(code: u16, reason: &str) -> Bytes {
    control(CLOSE, &[&code.to_be_bytes(), reason.as_bytes()].concat())
}

/// What a websocket has before it has a stream.
pub(super) struct Ends {
    pub(super) broker: Data<Broker>,
    pub(super) settings: Data<Settings>,
    pub(super) handle: Arc<Handle>,
    pub(super) queue: Queue,
    pub(super) pulse: Pulse,
    pub(super) attachment: Attachment,
}

/// The actor of an open websocket.
pub(super) struct WebSocket {
    wire: Wire,
    broker: Data<Broker>,
    settings: Data<Settings>,
    handle: Arc<Handle>,
    queue: Queue,
    pulse: Pulse,
    attachment: Attachment,
    membership: Membership,
    read: ReadSoFar,
    /// The number of the last ping.
    ping: u64,
    ping_is_open: bool,
    /// Whether the client ever answered a ping: only then does silence mean anything.
    answers: bool,
    /// Set once a close frame was sent: nothing more is.
    is_closing: bool,
    /// Nothing more is expected of the client: it ends when all is written.
    is_ending: bool,
    /// The client said goodbye, so it has read what was sent before.
    is_clean: bool,
}

/// Reads and writes whenever the actor was woken: after its mailbox is empty, so that all that came in goes out in one write.
struct Pump;

impl ActorFuture<WebSocket> for Pump {
    type Output = ();

    fn poll(
        self: Pin<&mut Self>,
        socket: &mut WebSocket,
        context: &mut Context<WebSocket>,
        task: &mut TaskContext<'_>,
    ) -> Poll<()> {
        if !socket.is_ending {
            socket.hear(context, task);
        }
        match socket.wire.poll_write(task) {
            Poll::Ready(Ok(())) if socket.is_ending => context.stop(),
            Poll::Ready(Err(_)) => context.stop(),
            _ => {}
        }
        Poll::Pending
    }
}

impl WebSocket {
    /// Open from now on.
    pub(super) fn new(wire: Wire, ends: Ends) -> Self {
        let Ends { broker, settings, handle, queue, pulse, attachment } = ends;
        Self {
            wire,
            broker,
            settings,
            handle,
            queue,
            pulse,
            attachment,
            membership: Membership::default(),
            read: ReadSoFar::default(),
            ping: 0,
            ping_is_open: false,
            answers: false,
            is_closing: false,
            is_ending: false,
            is_clean: false,
        }
    }

    /// Takes what the client sends.
    fn hear(&mut self, context: &mut Context<Self>, task: &mut TaskContext<'_>) {
        while let Poll::Ready(frame) = self.wire.poll_read(task) {
            let Some(frame) = frame else {
                self.is_ending = true;
                return;
            };
            self.pulse.beat();
            match frame {
                ClientFrame::Data => {}
                ClientFrame::Ping(text) if self.is_closing => drop(text),
                ClientFrame::Ping(text) => self.send(control(PONG, &text)),
                ClientFrame::Pong(text) => self.pong(&text),
                ClientFrame::Close => {
                    self.is_clean = true;
                    if !std::mem::replace(&mut self.is_closing, true) {
                        self.wire.push(close_frame(1000, ""));
                    }
                    self.is_ending = true;
                    context.run_later(self.settings.close_grace, |_, context| context.stop());
                    return;
                }
                ClientFrame::Violation { code, reason } => self.close(code, reason, context),
            }
        }
    }

    /// Sends what is not an entry.
    fn send(&mut self, frame: Bytes) {
        self.queue.add(frame.len());
        self.wire.push(frame);
    }

    /// At most one question is open; its answer brings the next if there is more to ask for.
    fn ask(&mut self) {
        if let Some(question) = self.question() {
            self.send(question);
        }
    }

    fn question(&mut self) -> Option<Bytes> {
        if self.ping_is_open && self.answers {
            return None;
        }
        self.ping += 1;
        self.ping_is_open = true;
        self.read.ask();
        Some(control(PING, self.ping.to_string().as_bytes()))
    }

    fn pong(&mut self, text: &[u8]) {
        if text != self.ping.to_string().as_bytes() {
            return;
        }
        self.answers = true;
        self.ping_is_open = false;
        self.read.answered();
        if self.is_closing {
            self.detach(true);
        } else if self.read.unasked() >= EVENTS_PER_PING {
            self.ask();
        }
    }

    /// Sends a close frame and waits a little for the client's.
    fn close(&mut self, code: u16, reason: &str, context: &mut Context<Self>) {
        if std::mem::replace(&mut self.is_closing, true) {
            return;
        }
        self.wire.push(close_frame(code, reason));
        context.run_later(self.settings.close_grace, |_, context| context.stop());
    }

    /// Tells the connection how far the client has read; once.
    fn detach(&mut self, has_read_all: bool) {
        let report = if has_read_all { self.read.all() } else { self.read.confirmed() };
        self.attachment.end(Word { report, ..Word::default() });
    }
}

impl Actor for WebSocket {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Self::Context) {
        context.set_mailbox_capacity(self.settings.queue_frames.max(1));
        self.membership.join(context.address().recipient(), self.settings.heartbeat_interval);
        context.spawn(Pump);
        self.ask();
    }

    fn stopped(&mut self, _: &mut Self::Context) {
        self.membership.leave();
        self.detach(self.is_clean);
    }
}

impl Handler<Beat> for WebSocket {
    type Result = ();

    fn handle(&mut self, _: Beat, _: &mut Self::Context) {
        // Where earlier frames still wait, one more would not come sooner.
        if self.is_closing || self.wire.has_unsent() {
            return;
        }
        // In one piece, which is less work for the kernel than two.
        let question = self.question().unwrap_or_default();
        self.send([HEARTBEAT, &question].concat().into());
        // That the socket moves is all there is to know of a client that answers no pings.
        if !self.answers {
            self.pulse.beat();
        }
    }
}

impl Handler<Begun> for WebSocket {
    type Result = ();

    fn handle(&mut self, Begun(attached): Begun, context: &mut Self::Context) {
        match attached {
            Some(attached) => self.attachment.begin(attached),
            // Its response is not sent then.
            None => context.stop(),
        }
    }
}

impl Handler<Frames> for WebSocket {
    type Result = ();

    fn handle(&mut self, frames: Frames, _: &mut Self::Context) {
        if self.is_closing {
            return;
        }
        self.read.sent(&frames);
        self.wire.push(frames.list.frame().clone());
        if self.read.unasked() >= EVENTS_PER_PING {
            self.ask();
        }
    }
}

impl Handler<Room> for WebSocket {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, _: Room, _: &mut Self::Context) -> Self::Result {
        let (queue, handle) = (self.queue.clone(), self.handle.clone());
        Box::pin(async move { handle.moved_until(|| queue.has_room()).await })
    }
}

impl Handler<Shut> for WebSocket {
    type Result = ();

    fn handle(&mut self, Shut(reason): Shut, context: &mut Self::Context) {
        if self.read.is_confirmed() {
            self.detach(true);
        } else {
            // A last question: its answer lets a newer transport begin without repeating what this client has read.
            self.ping_is_open = false;
            self.ask();
            if reason == CloseReason::Replaced {
                let handover = self.broker.limits().handover;
                context.run_later(handover, |socket, _| socket.detach(false));
            }
        }
        self.close(reason.code(), &reason.reason(), context);
    }
}
