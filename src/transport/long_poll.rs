//! `GET /listen`: the outlet of a long-poll (`protocol.md` §6).
//!
//! An answer counts as read when the client polls again, unless the client has reset the socket by
//! then. A client can be more exact: an answer carries a position (`position.rs`) in the header
//! `X-Channelstream-Position`, and a poll that sends it as `last_event_id` continues exactly there.
//!
//! The actor handles the messages of every outlet ([`channelstream_actors::outlet`]), and
//! `ResponseEnded`.

use std::time::Duration;

use actix::prelude::*;
use actix_web::http::header;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse, get};
use bytestring::ByteString;
use channelstream_actors::error::CloseReason;
use channelstream_actors::outlet::{AwaitCapacity, Batch, End, Presumed, Shut};
use channelstream_actors::protocol::event::Event;
use channelstream_actors::stepped_sleep::sleep_in_steps;
use channelstream_actors::transport::Transport;
use tokio::sync::oneshot;

use crate::error::ApiError;
use crate::metrics::transport_ends::TransportEnd;
use crate::openapi::answers::{CommonErrors, HttpsOnly, InvalidQuery, ListenErrors, PollErrors};
use crate::services::Services;
use crate::transport::attached_outlet::{AttachedOutlet, outlet_context};
use crate::transport::callback::{CALLBACK, CallbackParams};
use crate::transport::listen_request::{ListenParams, ListenRequest, PositionHeader};
use crate::transport::position;
use crate::transport::read_progress::ReadProgress;
use crate::transport::response_end::{ResponseEnd, ResponseEnded, WholeBody};
use crate::validation::query;

/// The number of times that an answer waits for more events. After that it is sent, even if events
/// still arrive.
const GATHERINGS: u32 = 4;

/// The header of an answer with the position of a client that has read the answer.
const POSITION: &str = "x-channelstream-position";

/// The most logs that a position in a header names. Proxies may reject longer headers.
const MOST_LOGS: usize = 64;

/// The size in bytes from which an answer is sent at once. The next poll gets the rest.
const LARGE_ANSWER: usize = 64 << 10;

/// The time that a poll waits for events if it arrives while the server stops. If there are none,
/// it is refused.
const LAST_WAIT: Duration = Duration::from_millis(500);

/// Listens for events by long-poll.
///
/// Waits for events and returns them as a list. The list is empty if no event arrived in time.
#[utoipa::path(
    tag = "listening",
    operation_id = "long_poll",
    params(ListenParams, PositionHeader, CallbackParams),
    responses(
        (status = 200,
            description = "The events that arrived, as a list. With `callback` the answer is a \
                script that passes the list to a function.",
            content((Vec<Event<'static>> = "application/json"), (String = "text/javascript")),
            headers(("X-Channelstream-Position" = String,
                description = "The position of a client that has read this answer. The client \
                    sends it as `last_event_id` with its next poll. The header may be absent."))),
        CommonErrors, HttpsOnly, InvalidQuery, ListenErrors, PollErrors,
    ),
)]
#[get("/listen")]
pub(crate) async fn listen(
    request: HttpRequest,
    services: Data<Services>,
) -> Result<HttpResponse, ApiError> {
    let listen = ListenRequest::parse(&request)?;
    services.broker.store().serves()?;
    let callback = CALLBACK
        .take(&mut query(&request))?
        .filter(|name| !name.is_empty());
    let socket = listen.socket.clone();
    socket.enable_probe();
    let context = outlet_context(&services.settings);
    let address: Addr<LongPoll> = context.address();
    let transport = Transport::LongPoll;
    let outlet = AttachedOutlet::attach(transport, listen, &address, services).await?;
    let (answer, answered) = oneshot::channel();
    // If the client leaves while it waits, this future is dropped, and `response_end` with it.
    let response_end = ResponseEnd::new(address.recipient(), socket);
    let is_last = outlet.services.lifecycle.is_draining();
    let longest = outlet.services.settings.wake_connections_after;
    let wait = if is_last {
        longest.min(LAST_WAIT)
    } else {
        longest
    };
    context.run(LongPoll {
        outlet,
        wait,
        answer: Some(answer),
        gathered: String::new(),
        timer: SpawnHandle::default(),
        gatherings_left: GATHERINGS,
    });
    let PollAnswer { list, position } = answered
        .await
        .map_err(|_| ApiError::Internal("a poll ended without an answer"))?;
    if is_last && list == "[]" {
        return Err(ApiError::Stopping);
    }
    let (content_type, text) = match callback {
        Some(name) => (
            "text/javascript; charset=utf-8",
            format!("{name}({list})").into(),
        ),
        None => ("application/json", list),
    };
    let mut response = HttpResponse::Ok();
    if let Some(position) = position {
        response.insert_header((POSITION, position));
    }
    Ok(response
        .insert_header((header::CONTENT_TYPE, content_type))
        .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .body(WholeBody::new(text.into_bytes(), response_end)))
}

/// The answer to a poll.
struct PollAnswer {
    list: ByteString,
    /// The position of a client that has read the list. `None` if nothing was sent yet, or if there
    /// are more than [`MOST_LOGS`] logs.
    position: Option<String>,
}

/// The actor of a waiting poll.
struct LongPoll {
    outlet: AttachedOutlet,
    /// The longest time that the poll waits for its first event.
    wait: Duration,
    /// The sender of the answer. `None` once the poll was answered; events that arrive later are
    /// left to the next poll.
    answer: Option<oneshot::Sender<PollAnswer>>,
    /// The list that the answer will contain, without its brackets. The answer is sent as soon as
    /// this has [`LARGE_ANSWER`] bytes.
    gathered: String,
    /// The timer that sends the answer.
    timer: SpawnHandle,
    /// The number of times that the answer may still wait for more events.
    gatherings_left: u32,
}

impl Actor for LongPoll {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Self::Context) {
        self.timer = context.run_later(self.wait, |poll, _| poll.answer());
        // A client whose request waits is alive.
        let interval = self.outlet.services.broker.limits().idle / 3;
        context.run_interval(interval, |poll, _| poll.outlet.last_heard.note());
    }
}

impl Handler<Batch> for LongPoll {
    type Result = ();

    fn handle(&mut self, batch: Batch, context: &mut Self::Context) {
        self.outlet.queue.remove(batch.list.size());
        if self.answer.is_none() {
            return;
        }
        self.gather(&batch);
        if self.gathered.len() >= LARGE_ANSWER {
            self.answer();
        } else if let Some(left) = self.gatherings_left.checked_sub(1) {
            self.gatherings_left = left;
            context.cancel_future(self.timer);
            let gather_time = self.outlet.services.settings.gather_time;
            self.timer = context.run_later(gather_time, |poll, _| poll.answer());
        }
    }
}

impl Handler<AwaitCapacity> for LongPoll {
    type Result = ();

    /// Replies at once, because no batch that is taken here waits for the socket.
    fn handle(&mut self, _: AwaitCapacity, _: &mut Self::Context) {}
}

impl Handler<Shut> for LongPoll {
    type Result = ();

    fn handle(&mut self, Shut(reason): Shut, context: &mut Self::Context) {
        let was_waiting = self.answer.is_some();
        self.outlet.note_end(TransportEnd::Closed(reason));
        if reason == CloseReason::Replaced && was_waiting {
            // The newer poll gets the events that were gathered here.
            self.gathered.clear();
            self.outlet.read = ReadProgress::default();
        }
        self.answer();
        if was_waiting {
            self.detach(reason != CloseReason::Replaced);
        } else {
            let handover = self.outlet.services.broker.limits().handover;
            let wait = sleep_in_steps(handover).into_actor(self);
            context.spawn(wait.map(|(), poll, _| poll.detach(false)));
        }
    }
}

impl Handler<ResponseEnded> for LongPoll {
    type Result = ();

    fn handle(&mut self, end: ResponseEnded, context: &mut Self::Context) {
        self.detach(end.is_written);
        context.stop();
    }
}

impl LongPoll {
    /// Adds a list to the answer.
    fn gather(&mut self, batch: &Batch) {
        self.outlet.read.add_sent(batch);
        if !self.gathered.is_empty() {
            self.gathered.push(',');
        }
        let list: &str = batch.list.text();
        let events = list.get(1..list.len() - 1).unwrap_or_default();
        self.gathered.push_str(events);
    }

    /// Answers the poll, unless it was answered before.
    fn answer(&mut self) {
        if let Some(answer) = self.answer.take() {
            self.outlet.note_end(TransportEnd::Answered);
            // One byte keeps the queue from being empty, so that the connection does not count as
            // served before the answer was sent.
            self.outlet.queue.add(1);
            let list = format!("[{}]", std::mem::take(&mut self.gathered)).into();
            let sent = self.outlet.read.sent();
            let position = (1..=MOST_LOGS)
                .contains(&sent.len())
                .then(|| position::encode(&sent));
            // An error means that the client is gone, which `ResponseEnded` reports too.
            let _ = answer.send(PollAnswer { list, position });
        }
    }

    /// Detaches from the connection, and reports that the client is expected to return. If the
    /// answer was written, the client is presumed to have read it when it polls again.
    fn detach(&mut self, is_written: bool) {
        let presumed = is_written.then(|| Presumed {
            report: self.outlet.read.sent(),
            socket: self.outlet.socket.clone(),
        });
        self.outlet.detach(End {
            returns: true,
            presumed,
            ..End::default()
        });
    }
}
