//! The actor of an open websocket (`protocol.md` §6, RFC 6455).
//!
//! It takes the messages of every outlet ([`channelstream_actors::outlet`]), and [`SendHeartbeat`].

use std::pin::Pin;
use std::task::{Context as TaskContext, Poll};

use actix::fut::ActorFuture;
use actix::prelude::*;
use bytes::Bytes;
use channelstream_actors::error::CloseReason;
use channelstream_actors::faults::strike;
use channelstream_actors::limits::LimitKind;
use channelstream_actors::outlet::{AwaitCapacity, Batch, End, Shut};
use channelstream_actors::patience::wait_patiently;

use crate::metrics::transport_ends::TransportEnd;
use crate::transport::attached_outlet::AttachedOutlet;
use crate::transport::client_frames::{ClientFrame, TOO_BIG_CODE};
use crate::transport::frame_io::FrameIo;
use crate::transport::frame_rate::FrameRate;
use crate::transport::heartbeats::{Heartbeats, SendHeartbeat};
use crate::transport::pings::Pings;
use crate::transport::server_frames::{self, HEARTBEAT};

/// The longest frame, in bytes, that goes out in one piece with a ping behind it. That is less work
/// for the kernel than two pieces.
const COPIED_WITH_PING: usize = 1 << 10;

/// The actor of an open websocket.
pub(super) struct WebSocket {
    outlet: AttachedOutlet,
    /// The socket, and the frames that wait for it. The outlet's queue bounds their bytes.
    io: FrameIo,
    phase: WebSocketPhase,
    pings: Pings,
    heartbeats: Heartbeats,
    rate: FrameRate,
    /// Whether the answer to the client's ping waits to be written. Until then nothing more is
    /// read, so a client that does not take what is written gets no more answers.
    is_pong_unsent: bool,
}

/// How far the websocket has ended, from either side.
#[derive(Clone, Copy, PartialEq, Eq)]
enum WebSocketPhase {
    /// Both sides send.
    Open,
    /// The server has sent its close frame, and waits for the client's up to `close_grace`.
    Closing,
    /// The client has sent its last byte, and no close frame. It is still sent what comes until
    /// nothing waits any more.
    HalfClosed,
    /// Neither side has anything to add. The websocket ends once what waits is written, or after
    /// `close_grace`.
    Closed,
}

impl WebSocketPhase {
    /// Returns whether the server sends lists and heartbeats, since it has sent no close frame.
    fn is_sending(self) -> bool {
        matches!(self, Self::Open | Self::HalfClosed)
    }

    /// Returns whether the client may send more. If not, the websocket ends once nothing waits.
    fn is_reading(self) -> bool {
        matches!(self, Self::Open | Self::Closing)
    }

    /// Returns the phase after the server has sent its close frame.
    fn after_close_frame(self) -> Self {
        match self {
            Self::Open | Self::Closing => Self::Closing,
            Self::HalfClosed | Self::Closed => Self::Closed,
        }
    }

    /// Returns the phase after the client has sent the last that is read.
    fn after_last_read(self) -> Self {
        match self {
            Self::Open | Self::HalfClosed => Self::HalfClosed,
            Self::Closing | Self::Closed => Self::Closed,
        }
    }
}

impl Actor for WebSocket {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Self::Context) {
        self.outlet.limit_mailbox(context);
        let interval = self.outlet.services.settings.heartbeat_interval;
        self.heartbeats.start(context, interval);
        context.spawn(ReadAndWrite);
    }

    fn stopped(&mut self, _: &mut Self::Context) {
        self.heartbeats.stop();
        self.outlet.detach(End::default());
    }
}

impl Handler<Batch> for WebSocket {
    type Result = ();

    fn handle(&mut self, batch: Batch, _: &mut Self::Context) {
        strike("websocket", "");
        if self.phase.is_sending() {
            self.outlet.read.add_sent(&batch);
            self.send_list(batch.list.frame());
        }
    }
}

impl Handler<AwaitCapacity> for WebSocket {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, _: AwaitCapacity, _: &mut Self::Context) -> Self::Result {
        self.outlet.wait_for_capacity()
    }
}

impl Handler<SendHeartbeat> for WebSocket {
    type Result = ();

    fn handle(&mut self, _: SendHeartbeat, _: &mut Self::Context) {
        // Where earlier frames wait, one more would not come sooner.
        if !self.phase.is_sending() || self.io.has_unsent() {
            return;
        }
        if self.pings.is_open() {
            self.send(Bytes::from_static(HEARTBEAT));
        } else {
            self.send_with_ping(HEARTBEAT);
        }
        // Of a client that answers no pings, nothing more can be known than that the socket takes
        // bytes.
        if !self.pings.has_answered() {
            self.outlet.last_heard.note();
        }
    }
}

impl Handler<Shut> for WebSocket {
    type Result = ();

    fn handle(&mut self, Shut(reason): Shut, context: &mut Self::Context) {
        self.outlet.note_end(TransportEnd::Closed(reason));
        if self.outlet.read.is_confirmed() {
            self.outlet.detach(End::default());
        } else {
            // The pong of this last ping lets a newer transport begin without repeating what this
            // client has read.
            self.send_with_ping(&[]);
            if reason == CloseReason::Replaced {
                let handover = self.outlet.services.broker.limits().handover;
                let wait = wait_patiently(handover).into_actor(self);
                context.spawn(wait.map(|(), socket, _| socket.outlet.detach(End::default())));
            }
        }
        self.close(reason.code(), &reason.reason(), context);
    }
}

impl WebSocket {
    /// Returns the actor of a websocket that has just opened.
    pub(super) fn new(outlet: AttachedOutlet, io: FrameIo) -> Self {
        let rate = FrameRate::new(outlet.services.settings.frames_per_second);
        Self {
            outlet,
            io,
            phase: WebSocketPhase::Open,
            pings: Pings::default(),
            heartbeats: Heartbeats::default(),
            rate,
            is_pong_unsent: false,
        }
    }

    /// Sends a list, whose bytes the queue knows of already, with a ping if it is time for one.
    fn send_list(&mut self, frame: &Bytes) {
        if !self.pings.is_due_with(frame.len(), &self.outlet.read) {
            self.io.push(frame.clone());
        } else if frame.len() <= COPIED_WITH_PING {
            let both = self.pings.send_behind(frame, &mut self.outlet.read);
            self.outlet.queue.add(both.len() - frame.len());
            self.io.push(both);
        } else {
            self.io.push(frame.clone());
            self.send_with_ping(&[]);
        }
    }

    /// Sends a frame with the next ping behind it. The queue does not know of either yet.
    fn send_with_ping(&mut self, frame: &[u8]) {
        let bytes = self.pings.send_behind(frame, &mut self.outlet.read);
        self.send(bytes);
    }

    /// Sends the next ping if it is time for it.
    fn send_due_ping(&mut self) {
        if self.phase.is_sending()
            && let Some(ping) = self.pings.send_due(&mut self.outlet.read)
        {
            self.send(ping);
        }
    }

    /// Sends bytes that the queue does not know of yet.
    fn send(&mut self, bytes: Bytes) {
        self.outlet.queue.add(bytes.len());
        self.io.push(bytes);
    }

    /// Reads what the client sends, and answers its last ping.
    fn read(&mut self, context: &mut Context<Self>) {
        let mut ping = None;
        while self.phase.is_reading() {
            if let Some(frame) = self.io.next_frame() {
                self.outlet.last_heard.note();
                // RFC 6455 §5.5.3: of several pings the last one may be answered alone.
                ping = self.take_frame(frame, context).or(ping);
                continue;
            }
            if let Some(payload) = ping.take() {
                self.send(server_frames::pong(&payload));
                self.is_pong_unsent = true;
            }
            if self.is_pong_unsent {
                return;
            }
            match self.io.poll_read() {
                Poll::Ready(true) => {}
                Poll::Ready(false) => self.phase = self.phase.after_last_read(),
                Poll::Pending => return,
            }
        }
    }

    /// Takes a frame of the client. Returns the payload of a ping that is to be answered.
    fn take_frame(&mut self, frame: ClientFrame, context: &mut Context<Self>) -> Option<Bytes> {
        match frame {
            ClientFrame::Ping(payload) if self.phase.is_sending() => {
                self.count_frame(context);
                return self.phase.is_sending().then_some(payload);
            }
            ClientFrame::Data | ClientFrame::Ping(_) => self.count_frame(context),
            ClientFrame::Pong(payload) => self.take_pong(&payload, context),
            ClientFrame::Close => {
                self.outlet.note_end(TransportEnd::Client);
                self.close(1000, "", context);
                self.phase = self.phase.after_last_read();
            }
            ClientFrame::Violation { code, reason } => {
                self.outlet.note_end(TransportEnd::Violation);
                if code == TOO_BIG_CODE {
                    self.count_refusal(LimitKind::Frame);
                }
                self.close(code, reason, context);
            }
        }
        None
    }

    /// Counts a frame that the client sent by itself, and closes the websocket of one that sends too
    /// many.
    fn count_frame(&mut self, context: &mut Context<Self>) {
        if self.phase.is_sending() && self.rate.is_exceeded_by_next() {
            self.count_refusal(LimitKind::FramesPerSecond);
            self.outlet.note_end(TransportEnd::Violation);
            self.close(
                1008,
                "too many frames in a second (frames_per_second)",
                context,
            );
        }
    }

    fn count_refusal(&self, kind: LimitKind) {
        let counters = self.outlet.services.broker.counters();
        counters.count_limit_refusal(kind);
    }

    /// Takes the client's answer to a ping. One that answers no ping counts as any other frame.
    fn take_pong(&mut self, payload: &[u8], context: &mut Context<Self>) {
        let was_open = self.pings.is_open();
        let lag = self.pings.take_pong(payload, &mut self.outlet.read);
        if !(was_open && lag.is_some()) {
            self.count_frame(context);
        }
        let Some(lag) = lag else {
            return;
        };
        self.outlet.services.metrics.confirmation_lag.observe(lag);
        if self.phase.is_sending() {
            self.outlet.report();
            self.send_due_ping();
        } else {
            self.outlet.detach(End::default());
        }
    }

    /// Sends a close frame unless one was sent before, and ends after `close_grace` at the latest.
    fn close(&mut self, code: u16, reason: &str, context: &mut Context<Self>) {
        if self.phase.is_sending() {
            self.phase = self.phase.after_close_frame();
            self.io.push(server_frames::close(code, reason));
            let close_grace = self.outlet.services.settings.close_grace;
            context.run_later(close_grace, |_, context| context.stop());
        }
    }
}

/// The task that reads and writes whenever the actor was woken. It runs after the mailbox is empty,
/// so that all that came in goes out in one write.
struct ReadAndWrite;

impl ActorFuture<WebSocket> for ReadAndWrite {
    type Output = ();

    fn poll(
        self: Pin<&mut Self>,
        socket: &mut WebSocket,
        context: &mut Context<WebSocket>,
        task: &mut TaskContext<'_>,
    ) -> Poll<()> {
        socket.io.set_task(task);
        loop {
            socket.read(context);
            if socket.pings.poll_reminder(task) {
                socket.send_due_ping();
            }
            match socket.io.poll_write() {
                Poll::Ready(Ok(())) if !socket.phase.is_reading() => context.stop(),
                // The answer to a ping is written, so what the client sent since then can be read.
                Poll::Ready(Ok(())) if std::mem::take(&mut socket.is_pong_unsent) => continue,
                Poll::Ready(Err(_)) => context.stop(),
                Poll::Ready(Ok(())) | Poll::Pending => {}
            }
            return Poll::Pending;
        }
    }
}
