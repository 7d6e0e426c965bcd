//! `GET /sse`: the outlet of server-sent events (WHATWG HTML §9.2), for `EventSource` as browsers
//! have it.
//!
//! A client says nothing while it listens, so how far it has read is known only when it comes back:
//! each list carries a position (`position.rs`) as its `id:`, and the next request begins there.
//! Without one it begins where this one did.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll, ready};

use actix::prelude::*;
use actix_web::body::{BodySize, MessageBody};
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse, get};
use bytes::Bytes;
use channelstream_actors::broker::Broker;
use channelstream_actors::counters::Counted;
use channelstream_actors::error::{CloseReason, Unknown};
use channelstream_actors::outlet::{Attachment, End, Frames, Pulse, Queue, Room, Shut};
use channelstream_actors::protocol::event::Event;
use channelstream_actors::transport::Transport;
use tokio::sync::mpsc;

use crate::error::ApiError;
use crate::event_source;
use crate::openapi::answers::{CommonErrors, HttpsOnly, InvalidQuery, ListenErrors};
use crate::settings::Settings;
use crate::transport::heartbeats::{Heartbeats, SendHeartbeat};
use crate::transport::read_progress::ReadProgress;
use crate::transport::socket_handle::SocketHandle;
use crate::transport::{BrowserPosition, Listening, conn_id, outlet, position};

/// A comment.
const HEARTBEAT: &[u8] = b":\n\n";

/// A body is given in parts of this size, and a list that is no larger is one event in one piece.
const PART: usize = 4 << 10;

/// Of a client with more logs than this not every list carries its position, which would be longer
/// than the list …
const LOGS_IN_EVERY_LIST: usize = 16;

/// … but one in so many events.
const EVENTS_PER_POSITION: u64 = 64;

/// Listens for events by server-sent events.
///
/// The `data` of each server-sent event is a list of events as JSON; its `id` says how far the page
/// has read. Comments are heartbeats. An event of the type `close` says why the stream ends.
#[utoipa::path(
    tag = "listening",
    operation_id = "server_sent_events",
    params(Listening, BrowserPosition),
    responses(
        (status = 200, description = "The stream is open. It carries lists of events.", body = Vec<Event<'static>>,
            content_type = "text/event-stream"),
        CommonErrors, HttpsOnly, InvalidQuery, ListenErrors,
    ),
)]
#[get("/sse")]
pub(crate) async fn open(
    request: HttpRequest,
    broker: Data<Broker>,
    settings: Data<Settings>,
) -> Result<HttpResponse, ApiError> {
    let conn_id = conn_id(&request)?;
    let socket = request
        .conn_data::<Arc<SocketHandle>>()
        .ok_or(ApiError::Internal("a request without its socket"))?
        .clone();
    let (queue, pulse) = (Queue::of_gatherer(settings.queue_bytes), Pulse::default());
    let (context, open) = (
        Context::new(),
        broker.counters().listen(Transport::EventStream),
    );
    let address: Addr<EventStream> = context.address();
    let outlet = outlet(
        Transport::EventStream,
        &address,
        queue.clone(),
        pulse.clone(),
        socket.clone(),
    );
    let attached = broker
        .attach(conn_id, outlet, position::parse_request(&request))
        .await;
    let attachment = Some(attached.map_err(|Unknown| ApiError::UnknownConnection)?);
    // What waits here is bounded by the queue.
    let (events, coming) = mpsc::unbounded_channel();
    let body = Body {
        coming,
        part: Bytes::new(),
        queue: queue.clone(),
        socket: socket.clone(),
        stream: address,
    };
    let mut stream = EventStream {
        events: Some(events),
        settings,
        socket,
        queue,
        pulse,
        attachment,
        _open: open,
        heartbeats: Heartbeats::default(),
        read: ReadProgress::default(),
        unmarked: 0,
    };
    stream.send(event_source::BEGINNING);
    context.run(stream);
    Ok(event_source::answer().body(body))
}

/// The response has ended, or its client is gone.
#[derive(Message)]
#[rtype(result = "()")]
struct Ended;

/// The body of the response: takes what comes as fast as the socket does.
struct Body {
    coming: mpsc::UnboundedReceiver<Bytes>,
    /// What was taken last and is not written yet.
    part: Bytes,
    queue: Queue,
    socket: Arc<SocketHandle>,
    stream: Addr<EventStream>,
}

impl MessageBody for Body {
    type Error = Infallible;

    fn size(&self) -> BodySize {
        BodySize::Stream
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut TaskContext<'_>,
    ) -> Poll<Option<Result<Bytes, Infallible>>> {
        // Asked whenever the socket has something to say, its end too.
        if self.socket.has_ended() {
            return Poll::Ready(None);
        }
        if self.part.is_empty() {
            let Some(part) = ready!(self.coming.poll_recv(context)) else {
                return Poll::Ready(None);
            };
            self.part = part;
        }
        // What is given here is copied for this client alone; what waits is shared with others.
        let length = self.part.len().min(PART);
        let part = self.part.split_to(length);
        self.queue.remove(length);
        Poll::Ready(Some(Ok(part)))
    }
}

impl Drop for Body {
    fn drop(&mut self) {
        #[expect(
            clippy::disallowed_methods,
            reason = "one message at the end of an outlet's life, which must arrive"
        )]
        self.stream.do_send(Ended);
    }
}

/// The actor of an open stream.
struct EventStream {
    /// To the body; `None` once it said goodbye.
    events: Option<mpsc::UnboundedSender<Bytes>>,
    settings: Data<Settings>,
    socket: Arc<SocketHandle>,
    queue: Queue,
    pulse: Pulse,
    /// `None` once it was given back.
    attachment: Option<Attachment>,
    _open: Counted,
    heartbeats: Heartbeats,
    read: ReadProgress,
    /// Events since the last position.
    unmarked: u64,
}

impl EventStream {
    /// Sends what the queue does not know of yet.
    fn send(&mut self, bytes: Bytes) {
        if let Some(events) = &self.events {
            self.queue.add(bytes.len());
            // An error means that the response has ended; `Ended` says so too.
            let _ = events.send(bytes);
        }
    }

    /// Sends a list as an event, with the position after it.
    fn send_list(&mut self, frames: &Frames) {
        self.read.add_sent(frames);
        self.unmarked += frames.count;
        let position = self.read.sent();
        let list = frames.list.line();
        let mut event = String::with_capacity(list.len().min(PART) + 64);
        if position.len() <= LOGS_IN_EVERY_LIST || self.unmarked >= EVENTS_PER_POSITION {
            self.unmarked = 0;
            event.extend(["id: ", &position::encode(&position), "\n"]);
        }
        event.push_str("data: ");
        if list.len() <= PART {
            event.extend([list, "\n\n"]);
            self.send(event.into());
        } else {
            self.send(event.into());
            self.send(list.as_bytes().clone());
            self.send(Bytes::from_static(b"\n\n"));
        }
    }

    /// Gives the attachment back. Nothing is known to have arrived of what was sent.
    fn detach(&mut self) {
        if let Some(attachment) = self.attachment.take() {
            attachment.end(End {
                report: Some(self.read.confirmed()),
                ..End::default()
            });
        }
    }
}

impl Actor for EventStream {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Self::Context) {
        context.set_mailbox_capacity(self.settings.queue_frames.max(1));
        self.heartbeats
            .start(context, self.settings.heartbeat_interval);
    }

    fn stopped(&mut self, _: &mut Self::Context) {
        self.heartbeats.stop();
        self.detach();
    }
}

impl Handler<SendHeartbeat> for EventStream {
    type Result = ();

    fn handle(&mut self, _: SendHeartbeat, _: &mut Self::Context) {
        // That the socket moves is all there is to know of its client. Where events wait, a
        // heartbeat would not come sooner.
        if self.queue.has_room() {
            self.pulse.beat();
            self.send(Bytes::from_static(HEARTBEAT));
        }
    }
}

impl Handler<Frames> for EventStream {
    type Result = ();

    fn handle(&mut self, frames: Frames, _: &mut Self::Context) {
        if self.events.is_some() {
            self.send_list(&frames);
        }
        // Counted when it was sent here, and again as an event.
        self.queue.remove(frames.list.size());
    }
}

impl Handler<Room> for EventStream {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, _: Room, _: &mut Self::Context) -> Self::Result {
        let (queue, socket) = (self.queue.clone(), self.socket.clone());
        Box::pin(async move { socket.wait_until(|| queue.has_room()).await })
    }
}

impl Handler<Shut> for EventStream {
    type Result = ();

    /// A page that listens for `close` learns why; another comes back after a second, and is
    /// refused if its connection is gone.
    fn handle(&mut self, Shut(reason): Shut, _: &mut Self::Context) {
        self.send(goodbye(reason).into());
        self.events = None;
        self.detach();
    }
}

impl Handler<Ended> for EventStream {
    type Result = ();

    fn handle(&mut self, _: Ended, context: &mut Self::Context) {
        context.stop();
    }
}

fn goodbye(reason: CloseReason) -> String {
    format!(
        "event: close\ndata: {}\n\n",
        serde_json::json!({"code": reason.code(), "reason": reason.reason()})
    )
}
