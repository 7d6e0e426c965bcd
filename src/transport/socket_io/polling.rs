//! The actor of a Socket.IO session whose client polls. It lives from the handshake until the
//! session ends or a websocket takes it over.
//!
//! Each `GET` of the client is a poll, which is answered as soon as packets wait for the client.
//! Each `POST` brings packets (`messages`). Once the client has connected to a namespace, the actor
//! is the outlet of its connection ([`channelstream_actors::outlet`]).

mod ending;
mod packets;

use std::sync::Arc;
use std::time::Instant;

use actix::prelude::*;
use actix_web::web::Data;
use channelstream_actors::error::CloseReason;
use channelstream_actors::outlet::{AwaitCapacity, Batch};
use channelstream_actors::request::RequestId;
use tokio::sync::oneshot;

use crate::metrics::transport_ends::TransportEnd;
use crate::openapi::answers::SocketIoRefusal;
use crate::services::Services;
use crate::transport::attached_outlet::{AttachedOutlet, limit_mailbox};
use crate::transport::frame_rate::FrameRate;
use crate::transport::response_end::{ResponseEnd, ResponseEnded};
use crate::transport::socket_handle::SocketHandle;
use crate::transport::socket_io::answers::{Answers, RESET_DELAY, Returned};
use crate::transport::socket_io::identification::{Facts, Identification};
use crate::transport::socket_io::messages::{Poll, PollAnswer, ToSession};
use crate::transport::socket_io::outbox::{Delivered, Outbox};
use crate::transport::socket_io::server_packets::{CLOSE, NOOP, PING};
use crate::transport::socket_io::session_table::Registration;
use crate::transport::socket_io::{CONNECT_TIME, ping_timeout};

/// The session of a client that polls.
pub(crate) struct PollingSession {
    services: Data<Services>,
    registration: Registration,
    /// The id of the request that began the session. `None` if transports are not logged.
    request: Option<RequestId>,
    /// What the client has said of itself in its query.
    identification: Identification,
    /// The facts about the client that has connected, and its outlet.
    connected: Option<(Facts, AttachedOutlet)>,
    phase: Phase,
    outbox: Outbox,
    /// The poll that waits.
    poll: Option<Poll>,
    answers: Answers,
    /// Whether the client tries a websocket.
    is_probed: bool,
    rate: FrameRate,
    /// The timer of the next ping, or of the pong that must come.
    ping_timer: SpawnHandle,
    is_ping_open: bool,
    /// The senders that wait until the client has taken what waits for it.
    capacity: Vec<oneshot::Sender<()>>,
}

/// The phases of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Open,
    /// The client has left its namespace. It is sent only pings.
    Left,
    /// The client has ended the session. A poll that it sent before may still arrive.
    Ended,
    /// The session ends after the client has taken what waits for it. A client that was told to
    /// stay away ends the session itself.
    Closing {
        stays_away: bool,
    },
}

/// Answers the poll that waits. The session sends this to itself, so that all batches in the
/// mailbox go into one answer.
#[derive(Message, Clone, Copy)]
#[rtype(result = "()")]
struct AnswerPoll;

impl Actor for PollingSession {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Self::Context) {
        limit_mailbox(context, &self.services.settings);
        self.begin_ping_interval(context);
        let connect_time = self.services.settings.gc_conns_after * CONNECT_TIME;
        context.run_later(connect_time, |session, context| {
            if session.connected.is_none() {
                session.end(TransportEnd::Closed(CloseReason::Idle), CLOSE, context);
            }
        });
    }
}

impl Handler<ToSession> for PollingSession {
    type Result = ();

    fn handle(&mut self, message: ToSession, context: &mut Self::Context) {
        match message {
            ToSession::Poll(poll) => self.take_poll(poll, context),
            ToSession::Packets(packets) => {
                self.note_heard();
                self.take_packets(packets, context);
            }
            ToSession::EndByViolation => self.end(TransportEnd::Violation, CLOSE, context),
            ToSession::NoteProbe { is_trying } => {
                self.is_probed = is_trying;
                self.answer_if_ready(context);
            }
            ToSession::TakeOver(reply) => self.hand_over(reply, context),
        }
    }
}

impl Handler<ResponseEnded> for PollingSession {
    type Result = ();

    fn handle(&mut self, end: ResponseEnded, context: &mut Self::Context) {
        if !end.is_written {
            self.answers.note_lost();
            self.end_if_lost(context);
        }
    }
}

impl Handler<Batch> for PollingSession {
    type Result = ();

    fn handle(&mut self, batch: Batch, context: &mut Self::Context) {
        if self.phase == Phase::Open {
            self.outbox.push_list(batch);
            self.answer_soon(context);
        } else if let Some((_, outlet)) = &self.connected {
            outlet.queue.remove(batch.list.size());
        }
    }
}

impl Handler<AwaitCapacity> for PollingSession {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, _: AwaitCapacity, _: &mut Self::Context) -> Self::Result {
        let (sender, has_capacity) = oneshot::channel();
        self.capacity.push(sender);
        self.note_capacity();
        // An error means that the session has ended.
        Box::pin(async { has_capacity.await.unwrap_or_default() })
    }
}

impl Handler<AnswerPoll> for PollingSession {
    type Result = ();

    fn handle(&mut self, _: AnswerPoll, context: &mut Self::Context) {
        self.answer_if_ready(context);
    }
}

impl PollingSession {
    pub(super) fn new(
        services: Data<Services>,
        registration: Registration,
        identification: Identification,
    ) -> Self {
        Self {
            request: RequestId::current_if_logged(),
            rate: FrameRate::new(services.settings.frames_per_second),
            services,
            registration,
            identification,
            connected: None,
            phase: Phase::Open,
            outbox: Outbox::default(),
            poll: None,
            answers: Answers::default(),
            is_probed: false,
            ping_timer: SpawnHandle::default(),
            is_ping_open: false,
            capacity: Vec::new(),
        }
    }

    fn facts(&self) -> Option<Facts> {
        self.connected.as_ref().map(|(facts, _)| *facts)
    }

    fn take_poll(&mut self, poll: Poll, context: &mut Context<Self>) {
        if self.phase == Phase::Ended {
            self.poll = Some(poll);
            return self.end(TransportEnd::Client, NOOP, context);
        }
        self.note_heard();
        if self.is_polling() {
            // The protocol allows one poll at a time.
            refuse(poll, SocketIoRefusal::BAD_REQUEST);
            return self.end(TransportEnd::Violation, CLOSE, context);
        }
        if self.answers.is_lost() {
            // What was lost cannot be sent again in this session. The next session of the client
            // repeats it.
            refuse(poll, SocketIoRefusal::UNKNOWN_SESSION);
            return self.end(TransportEnd::Lost, CLOSE, context);
        }
        self.note_returned(&poll.socket, context);
        self.poll = Some(poll);
        self.answer_if_ready(context);
    }

    /// Notes a sign of life of the client.
    fn note_heard(&self) {
        if let Some((_, outlet)) = &self.connected {
            outlet.last_heard.note();
        }
    }

    /// Returns whether a poll waits whose client is still there.
    fn is_polling(&self) -> bool {
        let waits = |poll: &Poll| !poll.answer.is_closed() && !poll.socket.has_ended();
        self.poll.as_ref().is_some_and(waits)
    }

    /// Notes that the client polls again, and so has read the answers before.
    fn note_returned(&mut self, socket: &Arc<SocketHandle>, context: &mut Context<Self>) {
        let read = self.connected.as_mut().map(|(_, outlet)| &mut outlet.read);
        match self.answers.note_returned(socket, read) {
            Returned::Read => self.report(),
            Returned::Doubtful => {
                context.run_later(RESET_DELAY, Self::settle);
            }
            Returned::Nothing => {}
        }
    }

    /// Ends the doubt whether the client has read the answers before its last return.
    fn settle(&mut self, context: &mut Context<Self>) {
        let read = self.connected.as_mut().map(|(_, outlet)| &mut outlet.read);
        self.answers.settle(read);
        self.report();
        self.end_if_lost(context);
        // Answers that were sent meanwhile have a question of their own.
        if let Some(poll) = &self.poll {
            let socket = poll.socket.clone();
            self.note_returned(&socket, context);
        }
    }

    fn report(&mut self) {
        if let Some((_, outlet)) = &mut self.connected {
            outlet.report();
        }
    }

    /// Ends the session if the client polls although it has not got an answer before.
    fn end_if_lost(&mut self, context: &mut Context<Self>) {
        if self.is_polling() && self.answers.is_lost() {
            if let Some(poll) = self.poll.take() {
                refuse(poll, SocketIoRefusal::UNKNOWN_SESSION);
            }
            self.end(TransportEnd::Lost, CLOSE, context);
        }
    }

    /// Adds a packet, and answers the poll that waits.
    fn send(&mut self, packet: impl Into<String>, context: &mut Context<Self>) {
        self.outbox.push(packet);
        self.answer_soon(context);
    }

    fn answer_soon(&self, context: &mut Context<Self>) {
        if self.poll.is_some() {
            context.notify(AnswerPoll);
        }
    }

    /// Answers the poll that waits, if there is something to send.
    fn answer_if_ready(&mut self, context: &mut Context<Self>) {
        if !self.is_polling() {
            return;
        }
        if let Phase::Closing { stays_away } = self.phase {
            if !self.outbox.has_lists() {
                self.detach();
            }
            if self.outbox.is_empty() && !stays_away {
                return self.end(TransportEnd::Client, CLOSE, context);
            }
        }
        if self.outbox.is_empty() && self.is_probed {
            self.outbox.push(NOOP);
        }
        if !self.outbox.is_empty() {
            self.answer(context);
        }
    }

    fn answer(&mut self, context: &mut Context<Self>) {
        let Some(poll) = self.poll.take() else { return };
        let delivered = self.connected.as_mut().map(|(facts, outlet)| Delivered {
            form: facts.form,
            read: &mut outlet.read,
            queue: &outlet.queue,
        });
        let packets = self.outbox.take_answer(delivered);
        let response_end = ResponseEnd::new(context.address().recipient(), poll.socket.clone());
        self.answers.note_sent(poll.socket);
        // If the client has left in this moment, `response_end` says so.
        let _ = poll.answer.send(Ok(PollAnswer {
            packets,
            response_end,
        }));
        self.note_capacity();
    }

    /// Tells those who wait that the session can take more, if it can.
    fn note_capacity(&mut self) {
        let queue = self.connected.as_ref().map(|(_, outlet)| &outlet.queue);
        if queue.is_none_or(|queue| queue.has_capacity()) {
            for waiting in self.capacity.drain(..) {
                // An error means that nobody waits any more.
                let _ = waiting.send(());
            }
        }
    }

    /// Sends the next ping after `heartbeat_interval`. The session ends if its pong does not come.
    fn begin_ping_interval(&mut self, context: &mut Context<Self>) {
        context.cancel_future(self.ping_timer);
        self.is_ping_open = false;
        let interval = self.services.settings.heartbeat_interval;
        // One deadline instead of two timers, one after the other, each of which may be late.
        let deadline = Instant::now() + interval + ping_timeout(&self.services.settings);
        self.ping_timer = context.run_later(interval, move |session, context| {
            session.is_ping_open = true;
            session.send(PING, context);
            let left = deadline.saturating_duration_since(Instant::now());
            session.ping_timer = context.run_later(left, |session, context| {
                session.end(TransportEnd::Closed(CloseReason::Idle), CLOSE, context);
            });
        });
    }
}

/// Refuses a poll.
fn refuse(poll: Poll, refusal: SocketIoRefusal) {
    // An error means that the client has left.
    let _ = poll.answer.send(Err(refusal));
}
