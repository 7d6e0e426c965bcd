//! `GET /sse`: the outlet of server-sent events (WHATWG HTML §9.2), for the `EventSource` of
//! browsers.
//!
//! A client sends nothing while it listens, so the server learns what it has read only when it
//! comes back. The `id:` of a list is a position (`position.rs`), and the next request begins
//! there. A request without a position begins where the former stream began.
//!
//! The actor handles the messages of every outlet ([`channelstream_actors::outlet`]),
//! `SendHeartbeat` and `ResponseEnded`.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context as TaskContext, Poll, ready};

use actix::prelude::*;
use actix_web::body::{BodySize, MessageBody};
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse, get};
use bytes::Bytes;
use channelstream_actors::error::CloseReason;
use channelstream_actors::outlet::{AwaitCapacity, Batch, End, Queue, Shut};
use channelstream_actors::protocol::event::Event;
use channelstream_actors::transport::Transport;
use tokio::sync::mpsc;

use crate::error::ApiError;
use crate::event_source;
use crate::metrics::transport_ends::TransportEnd;
use crate::openapi::answers::{CommonErrors, HttpsOnly, InvalidQuery, ListenErrors, OriginErrors};
use crate::services::Services;
use crate::transport::attached_outlet::{AttachedOutlet, outlet_context};
use crate::transport::heartbeats::{Heartbeats, SendHeartbeat};
use crate::transport::listen_request::{ListenParams, ListenRequest, PositionHeader, STOPPING};
use crate::transport::page_origin;
use crate::transport::position;
use crate::transport::response_end::{ResponseEnd, ResponseEnded};

/// The heartbeat, which is a comment.
const HEARTBEAT: &[u8] = b":\n\n";

/// The size in bytes of the parts in which the body is given to the socket. A list that is not
/// larger is sent as one event in one piece.
const PART: usize = 4 << 10;

/// The most logs of a position that is sent with every list. A position of more logs would be
/// longer than most lists.
const LOGS_IN_EVERY_LIST: usize = 16;

/// The number of events after which a position of more logs is sent.
const EVENTS_PER_POSITION: u64 = 64;

/// Listens for events by server-sent events.
///
/// The `data` of each server-sent event is a list of events as JSON. Its `id` is the position of a
/// page that has read this list. Comments are heartbeats. An event of the type `close` says why the
/// stream ends. While the server stops, a new stream ends at once with this event.
#[utoipa::path(
    tag = "listening",
    operation_id = "server_sent_events",
    params(ListenParams, PositionHeader),
    responses(
        (status = 200, description = "The stream is open. It carries lists of events.",
            body = Vec<Event<'static>>, content_type = "text/event-stream"),
        CommonErrors, HttpsOnly, InvalidQuery, ListenErrors, OriginErrors,
    ),
)]
#[get("/sse")]
pub(crate) async fn open(
    request: HttpRequest,
    services: Data<Services>,
) -> Result<HttpResponse, ApiError> {
    page_origin::check(&request, &services.live.current().settings.allow_origins)?;
    let listen = ListenRequest::parse(&request)?;
    services.broker.store().serves()?;
    let lifecycle = services.lifecycle.clone();
    if lifecycle.is_draining() {
        return Ok(answer_closed(STOPPING));
    }
    if let Some(limit) = ListenRequest::exceeded_limit(&request, &services) {
        return Ok(answer_closed(CloseReason::Full(limit)));
    }
    let context = outlet_context(&services.settings);
    let address: Addr<EventStream> = context.address();
    let transport = Transport::EventStream;
    let outlet = match AttachedOutlet::attach(transport, listen, &address, services).await {
        Ok(outlet) => outlet,
        // The connection was closed because the server stops.
        Err(_) if lifecycle.is_draining() => return Ok(answer_closed(STOPPING)),
        Err(error) => return Err(error.into()),
    };
    let (events, received) = mpsc::unbounded_channel();
    let body = StreamBody {
        received,
        part: Bytes::new(),
        queue: outlet.queue.clone(),
        response_end: ResponseEnd::new(address.recipient(), outlet.socket.clone()),
    };
    let mut stream = EventStream {
        outlet,
        events: Some(events),
        events_without_position: 0,
        heartbeats: Heartbeats::default(),
    };
    stream.send(event_source::BEGINNING);
    context.run(stream);
    Ok(event_source::answer().body(body))
}

/// Returns a stream that ends at once with an event `close`. Its status is 200, so that the
/// `EventSource` comes back; any other status would end the `EventSource` for good.
fn answer_closed(reason: CloseReason) -> HttpResponse {
    let close = encode_close(reason);
    let body = [&event_source::BEGINNING, close.as_bytes()].concat();
    event_source::answer().body(body)
}

/// The body of the response, which takes events as fast as the socket takes bytes.
struct StreamBody {
    /// The events that wait for the socket. The outlet's queue bounds their bytes.
    received: mpsc::UnboundedReceiver<Bytes>,
    /// The rest of the last received event.
    part: Bytes,
    queue: Queue,
    response_end: ResponseEnd,
}

impl MessageBody for StreamBody {
    type Error = Infallible;

    fn size(&self) -> BodySize {
        BodySize::Stream
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut TaskContext<'_>,
    ) -> Poll<Option<Result<Bytes, Infallible>>> {
        // The body is polled whenever the state of the socket changes, so this check also notices
        // that the client has ended.
        if self.response_end.has_client_ended() {
            return Poll::Ready(None);
        }
        if self.part.is_empty() {
            let Some(part) = ready!(self.received.poll_recv(context)) else {
                return Poll::Ready(None);
            };
            self.part = part;
        }
        // Bytes that wait here are shared with other clients, but bytes that are given to the
        // socket are copied for this client alone. Small parts keep that copy small.
        let length = self.part.len().min(PART);
        let part = self.part.split_to(length);
        self.queue.remove(length);
        Poll::Ready(Some(Ok(part)))
    }
}

/// The actor of an open stream.
struct EventStream {
    outlet: AttachedOutlet,
    /// The sender of events to the body. `None` once the last event was sent.
    events: Option<mpsc::UnboundedSender<Bytes>>,
    /// The number of events that were sent since the last position.
    events_without_position: u64,
    heartbeats: Heartbeats,
}

impl Actor for EventStream {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Self::Context) {
        let interval = self.outlet.services.settings.heartbeat_interval;
        self.heartbeats.start(context, interval);
    }

    fn stopped(&mut self, _: &mut Self::Context) {
        self.heartbeats.stop();
        self.outlet.detach(End::default());
    }
}

impl Handler<Batch> for EventStream {
    type Result = ();

    fn handle(&mut self, batch: Batch, _: &mut Self::Context) {
        if self.events.is_some() {
            self.send_list(&batch);
        }
        // The list was counted when it was sent to this actor, and again when it was sent as an
        // event. This removes the first count.
        self.outlet.queue.remove(batch.list.size());
    }
}

impl Handler<AwaitCapacity> for EventStream {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, _: AwaitCapacity, _: &mut Self::Context) -> Self::Result {
        self.outlet.wait_for_capacity()
    }
}

impl Handler<SendHeartbeat> for EventStream {
    type Result = ();

    fn handle(&mut self, _: SendHeartbeat, _: &mut Self::Context) {
        // The only sign of life of this client is that its socket takes bytes. While the queue is
        // full, a heartbeat would only wait behind the events.
        if self.outlet.queue.has_capacity() {
            self.outlet.last_heard.note();
            self.send(Bytes::from_static(HEARTBEAT));
        }
    }
}

impl Handler<Shut> for EventStream {
    type Result = ();

    /// Tells the client why the stream ends. A page that does not handle the event `close` comes
    /// back after a second, and is refused if its connection is gone.
    fn handle(&mut self, Shut(reason): Shut, _: &mut Self::Context) {
        self.outlet.note_end(TransportEnd::Closed(reason));
        self.send(encode_close(reason).into());
        self.events = None;
        self.outlet.detach(End::default());
    }
}

impl Handler<ResponseEnded> for EventStream {
    type Result = ();

    fn handle(&mut self, _: ResponseEnded, context: &mut Self::Context) {
        context.stop();
    }
}

impl EventStream {
    /// Sends bytes that the queue has not counted yet.
    fn send(&mut self, bytes: Bytes) {
        if let Some(events) = &self.events {
            self.outlet.queue.add(bytes.len());
            // An error means that the response has ended, which `ResponseEnded` reports too.
            let _ = events.send(bytes);
        }
    }

    /// Sends a list as an event. Its id is the position of a client that has read the list. A
    /// position of many logs is sent only after every [`EVENTS_PER_POSITION`] events.
    fn send_list(&mut self, batch: &Batch) {
        self.outlet.read.add_sent(batch);
        self.events_without_position += batch.count;
        let position = self.outlet.read.sent();
        let list = batch.list.line();
        let mut event = String::with_capacity(list.len().min(PART) + 64);
        if position.len() <= LOGS_IN_EVERY_LIST
            || self.events_without_position >= EVENTS_PER_POSITION
        {
            self.events_without_position = 0;
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
}

/// Returns the event that says why the stream ends.
fn encode_close(reason: CloseReason) -> String {
    format!(
        "event: close\ndata: {}\n\n",
        serde_json::json!({"code": reason.code().number(), "reason": reason.reason()})
    )
}
