//! The outlet of a websocket (`protocol.md` §6, RFC 6455).
//!
//! A ping with a number follows what was sent; its pong says that the client has it. Nothing else
//! does: a browser throws away what arrives after its page called `close()`, so the close handshake
//! says nothing of what was read.

use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll};
use std::time::{Duration, Instant};

use actix::fut::ActorFuture;
use actix::prelude::*;
use actix_web::web::Data;
use bytes::Bytes;
use channelstream_actors::broker::Broker;
use channelstream_actors::counters::Counted;
use channelstream_actors::error::CloseReason;
use channelstream_actors::outlet::{Attachment, End, Frames, Pulse, Queue, Room, Shut};
use tokio::time::{Sleep, sleep_until};
use uuid::Uuid;

use crate::settings::Settings;
use crate::transport::client_frames::ClientFrame;
use crate::transport::frame_io::FrameIo;
use crate::transport::heartbeats::{Heartbeats, SendHeartbeat};
use crate::transport::read_progress::ReadProgress;
use crate::transport::server_frames::{self, HEARTBEAT};
use crate::transport::socket_handle::SocketHandle;

/// A ping follows at the latest this long after an event, so that little is repeated when the
/// client comes back.
const ASK_AFTER: Duration = Duration::from_millis(100);

/// So long after the last ping the next event takes one along. That is less work than a write of
/// its own, so it is a little earlier than the ping would have to come. Each socket has a pace of
/// its own: if all that hear a channel were asked by the same event, their answers would come at
/// once, when nothing else is to be done, and each would wake a thread.
const ASK_ALONG_MILLIS: Range<u64> = 60..90;

/// It follows at the latest after this many events.
const EVENTS_PER_PING: u64 = 64;

/// A list up to this size goes out in one piece with a ping, which is less work for the kernel than
/// two.
const SMALL: usize = 1 << 10;

/// A larger list than this has more behind it: a client that catches up is asked when it was sent
/// all of it, a little later.
const BACKLOG: usize = 8 << 10;

const BACKLOG_TIME: Duration = Duration::from_millis(25);

/// What a websocket has before it has a stream.
pub(super) struct Ends {
    pub(super) broker: Data<Broker>,
    pub(super) settings: Data<Settings>,
    pub(super) handle: Arc<SocketHandle>,
    pub(super) queue: Queue,
    pub(super) pulse: Pulse,
    pub(super) attachment: Attachment,
    pub(super) open: Counted,
}

/// The actor of an open websocket.
pub(super) struct WebSocket {
    io: FrameIo,
    broker: Data<Broker>,
    settings: Data<Settings>,
    handle: Arc<SocketHandle>,
    queue: Queue,
    pulse: Pulse,
    /// `None` once it was given back.
    attachment: Option<Attachment>,
    _open: Counted,
    heartbeats: Heartbeats,
    read: ReadProgress,
    /// The number of the last ping.
    ping: u64,
    ping_is_open: bool,
    /// When the last ping was sent.
    asked: Instant,
    /// How long after it the next event takes one along.
    ask_along: Duration,
    /// When the next one has to be sent, if no event takes it along before; made when it is needed
    /// first.
    reminder: Option<Pin<Box<Sleep>>>,
    /// The reminder is set.
    is_reminded: bool,
    /// It was set since it was last polled, so it does not know yet whom to wake.
    is_reminder_new: bool,
    /// To be answered to the client's last ping.
    pong: Option<Bytes>,
    /// An answer waits to be written. Until then nothing more is read: a client that does not take
    /// what is written gets no more answers.
    pong_waits: bool,
    /// Whether the client ever answered a ping: only then does silence mean anything.
    answers: bool,
    /// Set once a close frame was sent: nothing more is.
    is_closing: bool,
    /// Nothing more is expected of the client: it ends when all is written.
    is_ending: bool,
}

/// Reads and writes whenever the actor was woken: after its mailbox is empty, so that all that came
/// in goes out in one write.
struct Pump;

impl ActorFuture<WebSocket> for Pump {
    type Output = ();

    fn poll(
        self: Pin<&mut Self>,
        socket: &mut WebSocket,
        context: &mut Context<WebSocket>,
        task: &mut TaskContext<'_>,
    ) -> Poll<()> {
        loop {
            if !socket.is_ending {
                socket.hear(context, task);
            }
            socket.heed_reminder(task);
            match socket.io.poll_write(task) {
                Poll::Ready(Ok(())) if socket.is_ending => context.stop(),
                // The answer to the client's ping is written: what it sent since then can be read.
                Poll::Ready(Ok(())) if std::mem::take(&mut socket.pong_waits) => continue,
                Poll::Ready(Err(_)) => context.stop(),
                _ => {}
            }
            return Poll::Pending;
        }
    }
}

impl WebSocket {
    /// Open from now on.
    pub(super) fn new(io: FrameIo, ends: Ends) -> Self {
        let Ends {
            broker,
            settings,
            handle,
            queue,
            pulse,
            attachment,
            open,
        } = ends;
        let span = ASK_ALONG_MILLIS.end - ASK_ALONG_MILLIS.start;
        Self {
            io,
            broker,
            settings,
            handle,
            queue,
            pulse,
            attachment: Some(attachment),
            _open: open,
            heartbeats: Heartbeats::default(),
            read: ReadProgress::default(),
            ping: 0,
            ping_is_open: false,
            asked: Instant::now() - ASK_AFTER,
            ask_along: Duration::from_millis(
                ASK_ALONG_MILLIS.start + Uuid::new_v4().as_u64_pair().1 % span,
            ),
            reminder: None,
            is_reminded: false,
            is_reminder_new: false,
            pong: None,
            pong_waits: false,
            answers: false,
            is_closing: false,
            is_ending: false,
        }
    }

    /// Takes what the client sends, and answers its last ping.
    fn hear(&mut self, context: &mut Context<Self>, task: &mut TaskContext<'_>) {
        while !self.is_ending {
            if let Some(frame) = self.io.next_frame() {
                self.pulse.beat();
                self.take(frame, context);
                continue;
            }
            if let Some(text) = self.pong.take() {
                self.send(server_frames::pong(&text));
                self.pong_waits = true;
            }
            if self.pong_waits {
                return;
            }
            match self.io.poll_read(task) {
                Poll::Ready(true) => {}
                Poll::Ready(false) => self.is_ending = true,
                Poll::Pending => return,
            }
        }
    }

    fn take(&mut self, frame: ClientFrame, context: &mut Context<Self>) {
        match frame {
            ClientFrame::Data => {}
            // RFC 6455 §5.5.3: of several pings the last one may be answered alone.
            ClientFrame::Ping(text) => self.pong = Some(text).filter(|_| !self.is_closing),
            ClientFrame::Pong(text) => self.pong(&text),
            ClientFrame::Close => {
                if !std::mem::replace(&mut self.is_closing, true) {
                    self.io.push(server_frames::close(1000, ""));
                }
                self.is_ending = true;
                context.run_later(self.settings.close_grace, |_, context| context.stop());
            }
            ClientFrame::Violation { code, reason } => self.close(code, reason, context),
        }
    }

    /// Sends what is not an entry.
    fn send(&mut self, frame: Bytes) {
        self.queue.add(frame.len());
        self.io.push(frame);
    }

    /// Asks whether the client has what it was sent since the last question, or sees to it that it
    /// is asked later.
    fn ask_in_time(&mut self) {
        if self.is_closing || self.ping_is_open || self.read.unasked() == 0 {
            return;
        }
        if self.is_time_to_ask(Instant::now()) {
            let question = self.question_behind(&[]);
            self.send(question);
        } else if !self.is_reminded {
            self.remind(self.asked + ASK_AFTER);
        }
    }

    /// Asks at this time, if no event takes the question along before.
    fn remind(&mut self, deadline: Instant) {
        self.is_reminded = true;
        self.is_reminder_new = true;
        match &mut self.reminder {
            Some(reminder) => reminder.as_mut().reset(deadline.into()),
            None => self.reminder = Some(Box::pin(sleep_until(deadline.into()))),
        }
    }

    /// Whether an event takes a question along, if none is open.
    fn is_time_to_ask(&self, now: Instant) -> bool {
        self.read.unasked() >= EVENTS_PER_PING
            || now.saturating_duration_since(self.asked) >= self.ask_along
    }

    /// Asks if no event has come that took the question along.
    fn heed_reminder(&mut self, task: &mut TaskContext<'_>) {
        // To look whether it has elapsed is much less work than to poll it.
        if let Some(reminder) = self.reminder.as_mut().filter(|_| self.is_reminded)
            && (std::mem::take(&mut self.is_reminder_new) || reminder.is_elapsed())
            && reminder.as_mut().poll(task).is_ready()
        {
            self.is_reminded = false;
            self.ask_in_time();
        }
    }

    /// Returns a frame with the next ping behind it, in one piece: that is less work for the kernel
    /// than two.
    fn question_behind(&mut self, frame: &[u8]) -> Bytes {
        self.ping += 1;
        self.ping_is_open = true;
        self.asked = Instant::now();
        self.is_reminded = false;
        self.read.ask();
        server_frames::ping_behind(frame, self.ping.to_string().as_bytes())
    }

    fn pong(&mut self, text: &[u8]) {
        let number = str::from_utf8(text).ok().and_then(|text| text.parse().ok());
        if number != Some(self.ping) {
            return;
        }
        self.answers = true;
        self.ping_is_open = false;
        self.read.confirm();
        if self.is_closing {
            self.detach();
        } else {
            self.ask_in_time();
        }
    }

    /// Sends a close frame and waits a little for the client's.
    fn close(&mut self, code: u16, reason: &str, context: &mut Context<Self>) {
        if std::mem::replace(&mut self.is_closing, true) {
            return;
        }
        self.io.push(server_frames::close(code, reason));
        context.run_later(self.settings.close_grace, |_, context| context.stop());
    }

    /// Gives the attachment back, and tells how far the client has read.
    fn detach(&mut self) {
        if let Some(attachment) = self.attachment.take() {
            attachment.end(End {
                report: Some(self.read.confirmed()),
                ..End::default()
            });
        }
    }
}

impl Actor for WebSocket {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Self::Context) {
        context.set_mailbox_capacity(self.settings.queue_frames.max(1));
        self.heartbeats
            .start(context, self.settings.heartbeat_interval);
        context.spawn(Pump);
    }

    fn stopped(&mut self, _: &mut Self::Context) {
        self.heartbeats.stop();
        self.detach();
    }
}

impl Handler<SendHeartbeat> for WebSocket {
    type Result = ();

    fn handle(&mut self, _: SendHeartbeat, _: &mut Self::Context) {
        // Where earlier frames still wait, one more would not come sooner.
        if self.is_closing || self.io.has_unsent() {
            return;
        }
        if self.ping_is_open {
            self.send(Bytes::from_static(HEARTBEAT));
        } else {
            let heartbeat = self.question_behind(HEARTBEAT);
            self.send(heartbeat);
        }
        // That the socket moves is all there is to know of a client that answers no pings.
        if !self.answers {
            self.pulse.beat();
        }
    }
}

impl Handler<Frames> for WebSocket {
    type Result = ();

    fn handle(&mut self, frames: Frames, _: &mut Self::Context) {
        if self.is_closing {
            return;
        }
        self.read.add_sent(&frames);
        let frame = frames.list.frame();
        if self.ping_is_open {
            // Its answer asks again.
            self.io.push(frame.clone());
            return;
        }
        let now = Instant::now();
        let is_backlog = frame.len() > BACKLOG;
        if self.is_time_to_ask(now) && !is_backlog {
            let piece = if frame.len() <= SMALL {
                &frame[..]
            } else {
                self.io.push(frame.clone());
                &[]
            };
            let question = self.question_behind(piece);
            self.queue.add(question.len() - piece.len());
            self.io.push(question);
            return;
        }
        self.io.push(frame.clone());
        if !self.is_reminded {
            self.remind(now + if is_backlog { BACKLOG_TIME } else { ASK_AFTER });
        }
    }
}

impl Handler<Room> for WebSocket {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, _: Room, _: &mut Self::Context) -> Self::Result {
        let (queue, handle) = (self.queue.clone(), self.handle.clone());
        Box::pin(async move { handle.wait_until(|| queue.has_room()).await })
    }
}

impl Handler<Shut> for WebSocket {
    type Result = ();

    fn handle(&mut self, Shut(reason): Shut, context: &mut Self::Context) {
        if self.read.is_confirmed() {
            self.detach();
        } else {
            // A last question: its answer lets a newer transport begin without repeating what this
            // client has read.
            let question = self.question_behind(&[]);
            self.send(question);
            if reason == CloseReason::Replaced {
                let handover = self.broker.limits().handover;
                context.run_later(handover, |socket, _| socket.detach());
            }
        }
        self.close(reason.code(), &reason.reason(), context);
    }
}
