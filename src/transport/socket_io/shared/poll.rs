//! A poll of a session that nodes share.
//!
//! The actor first takes the packets that wait for the client. If there are none, it attaches to
//! the connection, which moves to this node with it, and waits for lists and packets. It looks for
//! packets again when the feed tells of some, and when a ping is due.

mod ending;

use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use bytes::Bytes;
use channelstream_actors::broker::shared_sessions::{PacketsWait, WaitingPoll};
use channelstream_actors::error::{NotAttached, Refused};
use channelstream_actors::outlet::{AwaitCapacity, Batch};
use channelstream_actors::position::Return;
use channelstream_actors::request::{RequestId, run_in_scope};
use channelstream_actors::transport::Transport;
use tokio::sync::oneshot;

use crate::address_table::CountedConnection;
use crate::error::ApiError;
use crate::metrics::transport_ends::TransportEnd;
use crate::openapi::answers::SocketIoRefusal;
use crate::transport::attached_outlet::{AttachedOutlet, limit_mailbox};
use crate::transport::listen_request::ListenRequest;
use crate::transport::response_end::ResponseEnd;
use crate::transport::socket_handle::SocketHandle;
use crate::transport::socket_io::outbox::{Delivered, Outbox};
use crate::transport::socket_io::server_packets::{CLOSE, NOOP, PING};
use crate::transport::socket_io::shared::session::{Content, Found, Phase, SharedSession, State};

/// A poll that waits.
pub(super) struct SharedPoll {
    session: SharedSession,
    /// The id of the request. `None` if transports are not logged.
    request: Option<RequestId>,
    socket: Arc<SocketHandle>,
    /// The guard that counts a client behind a proxy for its address.
    address_guard: Option<CountedConnection>,
    /// The sender of the answer. `None` once the poll was answered.
    answer: Option<oneshot::Sender<Answer>>,
    outbox: Outbox,
    /// The outlet of the connection, and what the session was when it was attached.
    outlet: Option<(Content, AttachedOutlet)>,
    /// Whether the poll has looked for packets before.
    has_looked: bool,
    /// Whether the poll is looking for packets. It is not answered meanwhile, since those packets
    /// could then not be sent any more.
    is_looking: bool,
    /// Whether packets came meanwhile.
    looks_again: bool,
    /// Whether the client is being told that the session ends.
    is_ending: bool,
    /// The timer of the next look.
    timer: SpawnHandle,
    /// The senders that wait until the poll was answered.
    capacity: Vec<oneshot::Sender<()>>,
    _waiting: WaitingPoll,
}

/// The packets of an answer, or why the poll is refused.
type Answer = Result<Bytes, ApiError>;

/// Answers the poll. It sends this to itself, so that all batches in the mailbox go into one
/// answer.
#[derive(Message, Clone, Copy)]
#[rtype(result = "()")]
struct AnswerPoll;

impl SharedSession {
    /// Waits for packets. Returns them, and the guard that must be dropped when they were written.
    ///
    /// # Errors
    /// Fails when there is no such session, or when Redis cannot be reached.
    pub(in crate::transport::socket_io) async fn poll(
        self,
        socket: Arc<SocketHandle>,
        address_guard: Option<CountedConnection>,
    ) -> Result<(Bytes, ResponseEnd), ApiError> {
        let context = Context::<SharedPoll>::new();
        let address = context.address();
        // The feed tells of all packets from now on, and all earlier ones are found.
        let waiting = self.wait(address.clone().recipient()).await?;
        let (answer, answered) = oneshot::channel();
        // If the client leaves while it waits, this future is dropped, and `response_end` with it.
        let response_end = ResponseEnd::new(address.recipient(), socket.clone());
        context.run(SharedPoll {
            session: self,
            request: RequestId::current_if_logged(),
            socket,
            address_guard,
            answer: Some(answer),
            outbox: Outbox::default(),
            outlet: None,
            has_looked: false,
            is_looking: false,
            looks_again: false,
            is_ending: false,
            timer: SpawnHandle::default(),
            capacity: Vec::new(),
            _waiting: waiting,
        });
        let packets = answered
            .await
            .map_err(|_| ApiError::Internal("a poll ended without an answer"))??;
        Ok((packets, response_end))
    }
}

impl Actor for SharedPoll {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Self::Context) {
        limit_mailbox(context, &self.session.services().settings);
        // A client whose request waits is alive.
        let interval = self.session.services().broker.limits().idle / 3;
        context.run_interval(interval, |poll, _| {
            if let Some((_, outlet)) = &poll.outlet {
                outlet.last_heard.note();
            }
        });
        self.look(context);
    }
}

impl Handler<PacketsWait> for SharedPoll {
    type Result = ();

    fn handle(&mut self, _: PacketsWait, context: &mut Self::Context) {
        self.look(context);
    }
}

impl Handler<Batch> for SharedPoll {
    type Result = ();

    fn handle(&mut self, batch: Batch, context: &mut Self::Context) {
        let Some((_, outlet)) = &self.outlet else {
            return;
        };
        if self.answer.is_some() {
            self.outbox.push_list(batch);
            context.notify(AnswerPoll);
        } else {
            // The next poll gets it.
            outlet.queue.remove(batch.list.size());
        }
    }
}

impl Handler<AwaitCapacity> for SharedPoll {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, _: AwaitCapacity, _: &mut Self::Context) -> Self::Result {
        let (sender, has_capacity) = oneshot::channel();
        if self.answer.is_some() {
            self.capacity.push(sender);
        }
        // An error means that the poll was answered.
        Box::pin(async { has_capacity.await.unwrap_or_default() })
    }
}

impl Handler<AnswerPoll> for SharedPoll {
    type Result = ();

    fn handle(&mut self, _: AnswerPoll, _: &mut Self::Context) {
        if !self.is_looking && !self.outbox.is_empty() {
            self.answer();
        }
    }
}

impl SharedPoll {
    /// Looks for packets, unless the client has left.
    fn look(&mut self, context: &mut Context<Self>) {
        if self.is_looking {
            self.looks_again = true;
        } else if self.is_waiting() {
            self.is_looking = true;
            context.cancel_future(self.timer);
            let session = self.session.clone();
            let found = async move { session.hold().await }.into_actor(self);
            context.spawn(found.map(|found, poll, context| {
                poll.is_looking = false;
                let looks_again = std::mem::take(&mut poll.looks_again);
                poll.found(found, context);
                if looks_again {
                    poll.look(context);
                }
            }));
        }
    }

    /// Returns whether the client still waits.
    fn is_waiting(&self) -> bool {
        let waits = |answer: &oneshot::Sender<Answer>| !answer.is_closed();
        self.answer.as_ref().is_some_and(waits) && !self.socket.has_ended()
    }

    fn found(&mut self, found: Result<Found, Refused>, context: &mut Context<Self>) {
        let is_first = !std::mem::replace(&mut self.has_looked, true);
        let Found {
            state,
            packets,
            wait,
        } = match found {
            Ok(found) => found,
            Err(refused) if is_first => return self.refuse(refused.into()),
            // Packets may be lost, so the client begins anew.
            Err(_) => return self.answer_with(CLOSE),
        };
        for packet in packets {
            self.outbox.push(packet);
        }
        if !self.outbox.is_empty() {
            return self.answer();
        }
        match state {
            State::Over if is_first => {
                self.refuse(ApiError::SocketIo(SocketIoRefusal::UNKNOWN_SESSION));
            }
            State::Over => self.answer_with(NOOP),
            State::Lost(content, reason) => self.note_lost(content, reason, context),
            State::Fresh => {
                self.timer = context.run_later(wait, |poll, _| poll.answer_with(PING));
            }
            State::Connected(content) => self.go_on(content, wait, context),
        }
    }

    /// Goes on with a session whose client has connected.
    fn go_on(&mut self, content: Content, wait: Duration, context: &mut Context<Self>) {
        match content.phase {
            Phase::Closing { stays_away } => return self.wait_for_end(stays_away, context),
            Phase::Open if self.outlet.is_none() => self.attach(content, context),
            Phase::Open | Phase::Left => {}
        }
        self.timer = context.run_later(wait, |poll, context| poll.look(context));
    }

    /// Attaches the poll to the connection. No message is handled meanwhile.
    fn attach(&mut self, content: Content, context: &mut Context<Self>) {
        let facts = content.facts();
        let listen = ListenRequest {
            conn_id: facts.conn_id,
            returning: Return {
                continuity: facts.continuity,
                session: Some(self.session.going_on(true).into()),
                ..Return::default()
            },
            socket: self.socket.clone(),
            address_guard: self.address_guard.take(),
        };
        let (address, services) = (context.address(), self.session.services().clone());
        let attached = async move {
            let polling = Transport::SocketIoPolling;
            AttachedOutlet::attach(polling, listen, &address, services).await
        };
        let attached = run_in_scope(self.request.clone(), attached).into_actor(self);
        context.wait(attached.map(move |attached, poll, context| match attached {
            Ok(outlet) => poll.outlet = Some((content, outlet)),
            Err(error) => poll.explain_loss(error != NotAttached::Unknown, context),
        }));
    }

    fn refuse(&mut self, error: ApiError) {
        if let Some(answer) = self.answer.take() {
            // An error means that the client has left.
            let _ = answer.send(Err(error));
        }
    }

    /// Answers the poll with a packet after what waits.
    fn answer_with(&mut self, packet: &str) {
        self.outbox.push(packet);
        self.answer();
    }

    fn answer(&mut self) {
        let Some(answer) = self.answer.take() else {
            return;
        };
        let delivered = self.outlet.as_mut().map(|(content, outlet)| {
            outlet.note_end(TransportEnd::Answered);
            // One byte keeps the queue from being empty, so that the connection does not count as
            // served before the answer was sent.
            outlet.queue.add(1);
            Delivered {
                form: content.facts().form,
                read: &mut outlet.read,
                queue: &outlet.queue,
            }
        });
        let packets = self.outbox.take_answer(delivered);
        // If the client has left in this moment, `ResponseEnded` says so.
        let _ = answer.send(Ok(packets));
        self.capacity.clear();
    }
}
