//! The actor of an open websocket (`protocol.md` §6, RFC 6455), of `/ws` and of `/socket.io/`.
//!
//! It handles the messages of every outlet ([`channelstream_actors::outlet`]), and
//! [`SendHeartbeat`].

mod packets;
mod phase;

use std::pin::Pin;
use std::task::{Context as TaskContext, Poll};
use std::time::Duration;

use actix::fut::ActorFuture;
use actix::prelude::*;
use bytes::Bytes;
use channelstream_actors::error::{CloseCode, CloseReason};
use channelstream_actors::faults::fail_point;
use channelstream_actors::limits::LimitKind;
use channelstream_actors::outlet::{AwaitCapacity, Batch, End, Shut};
use channelstream_actors::stepped_sleep::sleep_in_steps;

use self::phase::WebSocketPhase;
use crate::metrics::transport_ends::TransportEnd;
use crate::transport::attached_outlet::AttachedOutlet;
use crate::transport::client_frames::{ClientFrame, TOO_BIG_CODE};
use crate::transport::dialect::Dialect;
use crate::transport::frame_io::FrameIo;
use crate::transport::frame_rate::FrameRate;
use crate::transport::heartbeats::{Heartbeats, SendHeartbeat};
use crate::transport::pings::Pings;
use crate::transport::server_frames;

/// The longest frame, in bytes, that is copied into one piece with the ping that follows it. One
/// piece is less work for the kernel than two.
const LONGEST_COPIED_FRAME: usize = 1 << 10;

/// The reasons in the close frames of clients that break the protocol.
pub(super) const NO_PACKET: &str = "not a packet of Socket.IO";
pub(super) const TOO_MANY_FRAMES: &str = "too many frames in a second (frames_per_second)";

/// The actor of an open websocket.
pub(super) struct WebSocket {
    dialect: Dialect,
    outlet: AttachedOutlet,
    /// The socket, and the frames that wait for it. The outlet's queue bounds the bytes of these
    /// frames.
    io: FrameIo,
    phase: WebSocketPhase,
    pings: Pings,
    heartbeats: Heartbeats,
    rate: FrameRate,
    /// Whether a pong or another answer to the client waits to be written. Until it is written,
    /// nothing more is read, so a client that does not read cannot make the server queue more
    /// answers.
    is_answer_unsent: bool,
    /// Whether the Socket.IO client has left its namespace.
    has_left: bool,
}

impl Actor for WebSocket {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Self::Context) {
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
        fail_point("websocket", "");
        if self.phase.is_sending() && !self.has_left {
            self.outlet.read.add_sent(&batch);
            let frame = self.dialect.list_frame(&batch);
            self.send_list(frame, batch.list.size());
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
        // While earlier frames wait, a heartbeat would only wait behind them.
        if !self.phase.is_sending() || self.io.has_unsent() {
            return;
        }
        let heartbeat = self.dialect.heartbeat();
        if !self.pings.is_open() {
            self.send_with_ping(heartbeat);
        } else if !heartbeat.is_empty() {
            self.send(Bytes::from_static(heartbeat));
        }
        // If the client of `/ws` answers no pings, its only sign of life is that the socket takes
        // bytes. Every client of Socket.IO must answer.
        if self.dialect == Dialect::Lists && !self.pings.has_answered() {
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
                let wait = sleep_in_steps(handover).into_actor(self);
                context.spawn(wait.map(|(), socket, _| socket.outlet.detach(End::default())));
            }
        }
        if self.phase.is_sending() {
            self.send(self.dialect.goodbye(reason));
        }
        self.close(reason.code(), &reason.reason(), context);
    }
}

impl WebSocket {
    /// Returns the actor of a websocket that has just opened.
    pub(super) fn new(dialect: Dialect, outlet: AttachedOutlet, io: FrameIo) -> Self {
        let rate = FrameRate::new(outlet.services.settings.frames_per_second);
        Self {
            dialect,
            outlet,
            io,
            phase: WebSocketPhase::Open,
            pings: Pings::new(dialect),
            heartbeats: Heartbeats::default(),
            rate,
            is_answer_unsent: false,
            has_left: false,
        }
    }

    /// Sends a list, with a ping if one is due. The queue has counted `counted` of its bytes.
    fn send_list(&mut self, frame: &Bytes, counted: usize) {
        self.outlet.queue.add(frame.len().saturating_sub(counted));
        if !self.pings.is_due_with(frame.len(), &self.outlet.read) {
            self.io.push(frame.clone());
        } else if frame.len() <= LONGEST_COPIED_FRAME {
            let both = self.pings.append_ping(frame, &mut self.outlet.read);
            self.outlet.queue.add(both.len() - frame.len());
            self.io.push(both);
        } else {
            self.io.push(frame.clone());
            self.send_with_ping(&[]);
        }
    }

    /// Sends a frame followed by the next ping. The queue has not counted either of them yet.
    fn send_with_ping(&mut self, frame: &[u8]) {
        let bytes = self.pings.append_ping(frame, &mut self.outlet.read);
        self.send(bytes);
    }

    /// Sends the next ping if it is due.
    fn send_due_ping(&mut self) {
        if self.phase.is_sending()
            && let Some(ping) = self.pings.take_due(&mut self.outlet.read)
        {
            self.send(ping);
        }
    }

    /// Sends bytes that the queue has not counted yet.
    fn send(&mut self, bytes: Bytes) {
        if !bytes.is_empty() {
            self.outlet.queue.add(bytes.len());
            self.io.push(bytes);
        }
    }

    /// Reads and handles the frames of the client, and answers its last ping.
    fn read(&mut self, context: &mut Context<Self>) {
        let mut ping = None;
        while self.phase.is_reading() {
            if let Some(frame) = self.io.next_frame() {
                self.outlet.last_heard.note();
                // RFC 6455 §5.5.3 allows the server to answer only the last of several pings.
                ping = self.take_frame(frame, context).or(ping);
                continue;
            }
            if let Some(payload) = ping.take() {
                self.send(server_frames::pong(&payload));
                self.is_answer_unsent = true;
            }
            if self.is_answer_unsent {
                return;
            }
            match self.io.poll_read() {
                Poll::Ready(true) => {}
                Poll::Ready(false) => self.phase = self.phase.after_last_read(),
                Poll::Pending => return,
            }
        }
    }

    /// Handles a frame of the client. Returns the payload of a ping that must be answered.
    fn take_frame(&mut self, frame: ClientFrame, context: &mut Context<Self>) -> Option<Bytes> {
        match frame {
            ClientFrame::Ping(payload) if self.phase.is_sending() => {
                self.count_frame(context);
                return self.phase.is_sending().then_some(payload);
            }
            ClientFrame::Data | ClientFrame::Ping(_) => self.count_frame(context),
            ClientFrame::Text(text) => self.take_packet(&text, context),
            ClientFrame::Pong(payload) => {
                let was_open = self.pings.is_open();
                let lag = self.pings.take_pong(&payload, &mut self.outlet.read);
                self.take_pong(lag, was_open && lag.is_some(), context);
            }
            ClientFrame::Close => {
                self.outlet.note_end(TransportEnd::Client);
                self.close(CloseCode::Normal, "", context);
                self.phase = self.phase.after_last_read();
            }
            ClientFrame::Violation { code, reason } => {
                if code == TOO_BIG_CODE {
                    let counters = self.outlet.services.broker.counters();
                    counters.count_limit_refusal(LimitKind::Frame);
                }
                self.refuse(code, reason, context);
            }
        }
        None
    }

    /// Counts a frame that the client sent unasked. Closes the websocket if the client sends too
    /// many.
    fn count_frame(&mut self, context: &mut Context<Self>) {
        let counters = self.outlet.services.broker.counters();
        if self.phase.is_sending() && self.rate.refuses_next(counters) {
            self.refuse(CloseCode::TooManyFrames, TOO_MANY_FRAMES, context);
        }
    }

    /// Closes the websocket because the client has broken the protocol.
    fn refuse(&mut self, code: CloseCode, reason: &str, context: &mut Context<Self>) {
        self.outlet.note_end(TransportEnd::Violation);
        self.close(code, reason, context);
    }

    /// Handles a pong of the client, which has answered a ping after the time `lag`. A pong that
    /// was not expected counts as an unasked frame.
    fn take_pong(&mut self, lag: Option<Duration>, is_expected: bool, context: &mut Context<Self>) {
        if !is_expected {
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

    /// Sends a close frame, unless one was sent before. The websocket then ends after `close_grace`
    /// at the latest.
    fn close(&mut self, code: CloseCode, reason: &str, context: &mut Context<Self>) {
        if self.phase.is_sending() {
            self.phase = self.phase.after_close_frame();
            self.io.push(server_frames::close(code, reason));
            let close_grace = self.outlet.services.settings.close_grace;
            context.run_later(close_grace, |_, context| context.stop());
        }
    }
}

/// The task that reads and writes each time the actor is woken. It runs after the mailbox is empty,
/// so that all batches in the mailbox are sent in one write.
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
                // The pong is written, so the frames that the client sent after its ping can be
                // read.
                Poll::Ready(Ok(())) if std::mem::take(&mut socket.is_answer_unsent) => continue,
                Poll::Ready(Err(_)) => context.stop(),
                Poll::Ready(Ok(())) | Poll::Pending => {}
            }
            return Poll::Pending;
        }
    }
}
