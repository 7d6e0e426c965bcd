//! `GET /listen`: the outlet of a long-poll (`protocol.md` §6).
//!
//! Its answer counts as read when the client polls again, unless the client has reset the socket by
//! then. Only the client can know better: an answer carries a position (`position.rs`) in the
//! header `X-Channelstream-Position`, and a poll that brings it as `last_event_id` goes on exactly
//! there.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll};
use std::time::Duration;

use actix::prelude::*;
use actix_web::body::{BodySize, MessageBody};
use actix_web::http::header;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse, get};
use bytes::Bytes;
use bytestring::ByteString;
use channelstream_actors::broker::Broker;
use channelstream_actors::counters::Counted;
use channelstream_actors::error::{CloseReason, Unknown};
use channelstream_actors::outlet::{Attachment, End, Frames, Presumed, Pulse, Queue, Room, Shut};
use channelstream_actors::protocol::event::Event;
use channelstream_actors::transport::Transport;
use tokio::sync::oneshot;
use utoipa::IntoParams;
use utoipa::openapi::path::{Parameter as Description, ParameterIn};
use utoipa::openapi::schema::{ObjectBuilder, Type};

use crate::error::ApiError;
use crate::lifecycle::Lifecycle;
use crate::openapi::answers::{CommonErrors, HttpsOnly, InvalidQuery, ListenErrors};
use crate::settings::Settings;
use crate::transport::read_progress::ReadProgress;
use crate::transport::socket_handle::SocketHandle;
use crate::transport::{BrowserPosition, Listening, conn_id, outlet, position};
use crate::validation::parameters::Parameter;
use crate::validation::query;

/// The answer goes out after so many gather times in a row, even if there is no lull.
const GATHERINGS: u32 = 4;

/// The header of an answer that says how far its client has read.
const POSITION: &str = "x-channelstream-position";

/// A position of more logs than this is longer than proxies like headers to be.
const MOST_LOGS: usize = 64;

/// An answer of so many bytes goes out without waiting for more; the next poll gets the rest.
const LARGE_ANSWER: usize = 64 << 10;

/// How long a poll that comes while the server stops waits for what came since the one before. It
/// is refused when there is nothing.
const LAST_WAIT: Duration = Duration::from_millis(500);

/// Listens for events by long-poll.
///
/// Waits for events and answers them as a list, which is empty when the time is over.
#[utoipa::path(
    tag = "listening",
    operation_id = "long_poll",
    params(Listening, BrowserPosition, Callback),
    responses(
        (status = 200,
            description = "The events that came, as a list. With `callback` it is a script that passes the list to a function.",
            content((Vec<Event<'static>> = "application/json"), (String = "text/javascript")),
            headers(("X-Channelstream-Position" = String,
                description = "The position of a client that has read this answer, for its next `last_event_id`. It may be absent."))),
        CommonErrors, HttpsOnly, InvalidQuery, ListenErrors,
    ),
)]
#[get("/listen")]
pub(crate) async fn listen(
    request: HttpRequest,
    broker: Data<Broker>,
    settings: Data<Settings>,
    lifecycle: Data<Lifecycle>,
) -> Result<HttpResponse, ApiError> {
    let conn_id = conn_id(&request)?;
    let callback = CALLBACK
        .take(&mut query(&request))?
        .filter(|name| !name.is_empty());
    let socket = request
        .conn_data::<Arc<SocketHandle>>()
        .ok_or(ApiError::Internal("a request without its socket"))?
        .clone();
    socket.watch_closely();
    let (queue, pulse) = (Queue::of_gatherer(settings.queue_bytes), Pulse::default());
    let (context, open) = (
        Context::new(),
        broker.counters().listen(Transport::LongPoll),
    );
    let address: Addr<LongPoll> = context.address();
    let outlet = outlet(
        Transport::LongPoll,
        &address,
        queue.clone(),
        pulse.clone(),
        socket.clone(),
    );
    let attached = broker
        .attach(conn_id, outlet, position::parse_request(&request))
        .await;
    let attachment = attached.map_err(|Unknown| ApiError::UnknownConnection)?;
    let (answer, answered) = oneshot::channel();
    // Dropped with the request, or with its answer: the poll learns how it ended.
    let request_end = RequestEnd {
        poll: address,
        socket: socket.clone(),
        is_written: false,
    };
    let is_last = lifecycle.is_draining();
    let wait = if is_last {
        settings.wake_connections_after.min(LAST_WAIT)
    } else {
        settings.wake_connections_after
    };
    context.run(LongPoll {
        broker: broker.clone(),
        settings,
        wait,
        socket,
        queue,
        pulse,
        attachment: Some(attachment),
        _open: open,
        answer: Some(answer),
        gathered: String::new(),
        read: ReadProgress::default(),
        timer: SpawnHandle::default(),
        gatherings_left: GATHERINGS,
    });
    let Gathered { list, position } = answered
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
        .body(Answer {
            length: text.len() as u64,
            text: Some(text.into_bytes()),
            request_end,
        }))
}

/// What a poll answers.
struct Gathered {
    list: ByteString,
    /// How far a client has read that has read this; `None` where it has read nothing, or of too
    /// many logs.
    position: Option<String>,
}

/// The name of a function that wraps the answer: identifiers joined by dots, each with indexes,
/// such as `app.callbacks[0]`. An empty name counts as absent.
const CALLBACK: Parameter<String> = Parameter {
    name: "callback",
    about: "The name of a function, of at most 128 characters. The answer is then a script that calls it with the list.",
    read: read_callback,
    wrong: "callback is not an identifier",
    schema: || {
        let pattern =
            r"^([A-Za-z_$][A-Za-z0-9_$]*(\[[0-9]+\])*(\.[A-Za-z_$][A-Za-z0-9_$]*(\[[0-9]+\])*)*)?$";
        ObjectBuilder::new()
            .schema_type(Type::String)
            .max_length(Some(LONGEST_CALLBACK))
            .pattern(Some(pattern))
            .into()
    },
};

/// The longest name of a function, in bytes.
const LONGEST_CALLBACK: usize = 128;

struct Callback;

impl IntoParams for Callback {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Description> {
        vec![CALLBACK.optional()]
    }
}

fn read_callback(name: &str) -> Option<String> {
    let is_identifier = |part: &str| {
        let is_letter =
            |letter: char| letter.is_ascii_alphanumeric() || letter == '_' || letter == '$';
        part.chars().all(is_letter)
            && part
                .chars()
                .next()
                .is_some_and(|first| !first.is_ascii_digit())
    };
    let is_index = |part: &str| {
        part.strip_suffix(']').is_some_and(|index| {
            !index.is_empty() && index.bytes().all(|byte| byte.is_ascii_digit())
        })
    };
    let is_part = |part: &str| {
        let mut pieces = part.split('[');
        pieces.next().is_some_and(is_identifier) && pieces.all(is_index)
    };
    (name.is_empty() || name.len() <= LONGEST_CALLBACK && name.split('.').all(is_part))
        .then(|| name.to_owned())
}

/// The request has ended: its answer was written to the end, or its client was gone before.
#[derive(Message)]
#[rtype(result = "()")]
struct Ended {
    is_written: bool,
}

struct RequestEnd {
    poll: Addr<LongPoll>,
    socket: Arc<SocketHandle>,
    is_written: bool,
}

impl Drop for RequestEnd {
    fn drop(&mut self) {
        #[expect(
            clippy::disallowed_methods,
            reason = "one message at the end of an outlet's life, which must arrive"
        )]
        self.poll.do_send(Ended {
            is_written: self.is_written,
        });
    }
}

/// The answer's body, which notes when it was written to the end.
struct Answer {
    text: Option<Bytes>,
    length: u64,
    request_end: RequestEnd,
}

impl MessageBody for Answer {
    type Error = Infallible;

    fn size(&self) -> BodySize {
        BodySize::Sized(self.length)
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        _: &mut TaskContext<'_>,
    ) -> Poll<Option<Result<Bytes, Infallible>>> {
        let text = self.text.take();
        // A client that had gone before the last byte was written may not have read it.
        self.request_end.is_written = text.is_none() && !self.request_end.socket.has_ended();
        Poll::Ready(text.map(Ok))
    }
}

/// The actor of a waiting poll.
struct LongPoll {
    broker: Data<Broker>,
    settings: Data<Settings>,
    wait: Duration,
    socket: Arc<SocketHandle>,
    queue: Queue,
    pulse: Pulse,
    /// `None` once it was given back.
    attachment: Option<Attachment>,
    _open: Counted,
    /// None once it was answered: what comes later is left to the next poll.
    answer: Option<oneshot::Sender<Gathered>>,
    /// What will be answered, without the brackets around it.
    gathered: String,
    read: ReadProgress,
    timer: SpawnHandle,
    /// When the answer goes out even if messages keep coming.
    gatherings_left: u32,
}

impl LongPoll {
    fn answer(&mut self) {
        if let Some(answer) = self.answer.take() {
            // Until the answer has gone, its client has not been sent all.
            self.queue.add(1);
            let list = format!("[{}]", std::mem::take(&mut self.gathered)).into();
            let read = self.read.sent();
            let position = (1..=MOST_LOGS)
                .contains(&read.len())
                .then(|| position::encode(&read));
            // An error means that the client is gone; `Ended` says so too.
            let _ = answer.send(Gathered { list, position });
        }
    }

    /// Gives the attachment back. Only what the client says by polling again can tell that it has
    /// read the answer.
    fn detach(&mut self, is_written: bool) {
        let Some(attachment) = self.attachment.take() else {
            return;
        };
        let presumed = is_written.then(|| Presumed {
            report: self.read.sent(),
            socket: self.socket.clone(),
        });
        attachment.end(End {
            report: Some(self.read.confirmed()),
            returns: true,
            presumed,
        });
    }
}

impl Actor for LongPoll {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Self::Context) {
        context.set_mailbox_capacity(self.settings.queue_frames.max(1));
        self.timer = context.run_later(self.wait, |poll, _| poll.answer());
        // A request that waits is a client that listens.
        context.run_interval(self.broker.limits().idle / 3, |poll, _| poll.pulse.beat());
    }
}

impl Handler<Frames> for LongPoll {
    type Result = ();

    fn handle(&mut self, frames: Frames, context: &mut Self::Context) {
        self.queue.remove(frames.list.size());
        if self.answer.is_none() {
            return;
        }
        self.read.add_sent(&frames);
        if !self.gathered.is_empty() {
            self.gathered.push(',');
        }
        let list: &str = frames.list.text();
        self.gathered
            .push_str(list.get(1..list.len() - 1).unwrap_or_default());
        if self.gathered.len() >= LARGE_ANSWER {
            self.answer();
        } else if let Some(left) = self.gatherings_left.checked_sub(1) {
            self.gatherings_left = left;
            context.cancel_future(self.timer);
            self.timer = context.run_later(self.settings.gather_time, |poll, _| poll.answer());
        }
    }
}

impl Handler<Room> for LongPoll {
    type Result = ();

    fn handle(&mut self, _: Room, _: &mut Self::Context) {}
}

impl Handler<Shut> for LongPoll {
    type Result = ();

    fn handle(&mut self, Shut(reason): Shut, context: &mut Self::Context) {
        let was_waiting = self.answer.is_some();
        if reason == CloseReason::Replaced && was_waiting {
            // The newer poll gets what was gathered here.
            self.gathered.clear();
            self.read = ReadProgress::default();
        }
        self.answer();
        if was_waiting {
            self.detach(reason != CloseReason::Replaced);
        } else {
            context.run_later(self.broker.limits().handover, |poll, _| poll.detach(false));
        }
    }
}

impl Handler<Ended> for LongPoll {
    type Result = ();

    fn handle(&mut self, Ended { is_written }: Ended, context: &mut Self::Context) {
        self.detach(is_written);
        context.stop();
    }
}
