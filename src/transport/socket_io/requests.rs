//! The requests of Socket.IO clients: a GET begins a session by polling or by a websocket, polls,
//! or takes a session over to a websocket; a POST brings the packets of a client that polls.

use std::collections::VecDeque;

use actix::prelude::*;
use actix_web::http::header;
use actix_web::web::{Bytes, Data};
use actix_web::{HttpMessage, HttpRequest, HttpResponse, HttpResponseBuilder, get, post};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytestring::ByteString;
use channelstream_actors::error::{CloseReason, Refused};
use channelstream_actors::request::RequestId;
use tokio::sync::oneshot;
use utoipa::openapi::path::{Parameter as Description, ParameterIn};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::error::ApiError;
use crate::openapi::answers::{
    CommonErrors, HttpsOnly, OriginErrors, PollErrors, SocketIoErrors, SocketIoRefusal,
};
use crate::services::Services;
use crate::transport::frame_rate::FrameRate;
use crate::transport::listen_request::{ListenRequest, socket_of};
use crate::transport::page_origin;
use crate::transport::response_end::WholeBody;
use crate::transport::socket_io::connecting::NewClient;
use crate::transport::socket_io::identification::{Identification, OFFSETS, SIG, USERNAME};
use crate::transport::socket_io::messages::{Packets, Poll, PollAnswer, SessionAddress, ToSession};
use crate::transport::socket_io::polled::Polled;
use crate::transport::socket_io::polling::PollingSession;
use crate::transport::socket_io::session::{Beginning, Session};
use crate::transport::socket_io::session_table::{Find, Register, SessionTable};
use crate::transport::socket_io::shared::session::SharedSession;
use crate::transport::socket_io::{SEPARATOR, encode_opening};
use crate::transport::upgrade::{self, UpgradeOutcome, Upgrading};
use crate::validation::parameters::{CONN_ID, Parameter, text};
use crate::validation::query;

/// The version of the Engine.IO protocol that this server speaks.
const VERSION: &str = "4";

/// The most packets of a body.
const MOST_PACKETS: usize = 64;

const EIO: Parameter<String> = text(
    "EIO",
    "The version of the Engine.IO protocol, which must be 4. Clients send it by themselves.",
);

const TRANSPORT: Parameter<String> = text(
    "transport",
    "The transport, which is `polling` or `websocket`. Clients send it by themselves.",
);

const SID: Parameter<String> = text(
    "sid",
    "The id of the session. It is absent in the request that begins a session. Clients send it by \
     themselves.",
);

/// The query parameters of a Socket.IO client.
struct SocketIoParams;

impl IntoParams for SocketIoParams {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Description> {
        let conn_id = CONN_ID.about(
            "The id of the connection. A client may name it in its `auth` instead, which takes \
             precedence.",
        );
        vec![
            EIO.optional(),
            TRANSPORT.required(),
            SID.optional(),
            conn_id.optional(),
            OFFSETS.optional(),
            USERNAME.optional(),
            SIG.optional(),
        ]
    }
}

/// The body of a POST, for the description.
#[derive(ToSchema)]
#[schema(value_type = String, format = Binary)]
#[expect(dead_code, reason = "only the description names it")]
struct PostedPackets(Vec<u8>);

/// The transports of the protocol.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Polling,
    Websocket,
}

/// The contents of a query.
struct SocketIoQuery {
    kind: Kind,
    sid: Option<String>,
    is_version_right: bool,
    identification: Identification,
}

impl SocketIoQuery {
    fn parse(request: &HttpRequest) -> Result<Self, ApiError> {
        let mut query = query(request);
        let kind = match query.get(TRANSPORT.name).map(String::as_str) {
            Some("polling") => Kind::Polling,
            Some("websocket") => Kind::Websocket,
            _ => return Err(ApiError::SocketIo(SocketIoRefusal::UNKNOWN_TRANSPORT)),
        };
        Ok(Self {
            kind,
            sid: query.remove(SID.name),
            is_version_right: query.get(EIO.name).map(String::as_str) == Some(VERSION),
            identification: Identification::of_query(&mut query),
        })
    }
}

/// Listens for events with a Socket.IO client.
///
/// The client connects to the namespace `/` or `/stream`, and names its connection by `conn_id`, in
/// the query or in its `auth`. It then gets the event `user_connect`, and for each list of events
/// the event `message` with the list as its argument. The event `close` comes before the server
/// ends the session. A client may begin by polling, and go on by a websocket.
#[utoipa::path(
    tag = "listening",
    operation_id = "socket_io",
    params(SocketIoParams),
    responses(
        (status = 101, description = "The websocket is open. Each of its frames is a packet.",
            body = String),
        (status = 200, description = "The packets that arrived, separated by the byte 1e. The \
            first answer of a session is the packet that opens it.",
            body = String, content_type = "text/plain"),
        CommonErrors, HttpsOnly, OriginErrors, SocketIoErrors, PollErrors,
    ),
)]
#[get("/socket.io/")]
pub(crate) async fn get(
    request: HttpRequest,
    services: Data<Services>,
) -> Result<HttpResponse, ApiError> {
    answer_get(request, services).await
}

/// Brings the packets of a Socket.IO client that polls.
///
/// The body contains at most 64 packets, separated by the byte 1e.
#[utoipa::path(
    tag = "listening",
    operation_id = "socket_io_packets",
    params(SocketIoParams),
    request_body(content = PostedPackets, content_type = "application/octet-stream",
        description = "The packets. They have at most `frame_limit` bytes together. Libraries send \
            them as `text/plain`, and the server accepts any type."),
    responses(
        (status = 200, description = "The packets were handled. The text is `ok`.",
            body = String, content_type = "text/html"),
        CommonErrors, HttpsOnly, OriginErrors, SocketIoErrors,
    ),
)]
#[post("/socket.io/")]
pub(crate) async fn post(
    request: HttpRequest,
    services: Data<Services>,
    body: Bytes,
) -> Result<HttpResponse, ApiError> {
    answer_post(request, services, body).await
}

/// Refuses all other methods.
pub(crate) async fn refuse_method() -> Result<HttpResponse, ApiError> {
    Err(ApiError::SocketIo(SocketIoRefusal::WRONG_METHOD))
}

/// Handles a GET, with or without the slash at the end of the path.
pub(crate) async fn answer_get(
    request: HttpRequest,
    services: Data<Services>,
) -> Result<HttpResponse, ApiError> {
    page_origin::check(&request, &services.live.current().settings.allow_origins)?;
    let query = SocketIoQuery::parse(&request)?;
    if query.sid.is_none() && !query.is_version_right {
        return Err(ApiError::SocketIo(SocketIoRefusal::WRONG_VERSION));
    }
    match query.kind {
        Kind::Websocket => open_websocket(&request, services, query).await,
        // The stream of a request with `Upgrade` was taken from the HTTP server.
        Kind::Polling if request.extensions().contains::<Upgrading>() => {
            Err(ApiError::SocketIo(SocketIoRefusal::BAD_REQUEST))
        }
        Kind::Polling => match query.sid {
            None => begin_polling(services, query.identification).await,
            Some(sid) => poll(&request, services, sid).await,
        },
    }
}

/// Handles a POST, with or without the slash at the end of the path.
pub(crate) async fn answer_post(
    request: HttpRequest,
    services: Data<Services>,
    body: Bytes,
) -> Result<HttpResponse, ApiError> {
    page_origin::check(&request, &services.live.current().settings.allow_origins)?;
    let query = SocketIoQuery::parse(&request)?;
    let Some(sid) = query.sid else {
        return Err(ApiError::SocketIo(SocketIoRefusal::WRONG_METHOD));
    };
    if query.kind != Kind::Polling {
        return Err(ApiError::SocketIo(SocketIoRefusal::BAD_REQUEST));
    }
    let session = find(sid, &services).await?;
    let packets = split(body);
    match session {
        Polled::Here(session) => post_here(&session, packets).await?,
        Polled::Shared(session) => match packets {
            Some(packets) => session.take_packets(packets).await?,
            None => session.refuse().await?,
        },
    }
    Ok(response("text/html").body("ok"))
}

/// Returns the packets of a body. Returns `None` if it is not text, or has too many packets.
fn split(body: Bytes) -> Option<VecDeque<ByteString>> {
    let separator = char::from(SEPARATOR);
    let text = ByteString::try_from(body).ok()?;
    let packets = text.split(separator).map(|packet| text.slice_ref(packet));
    let packets: VecDeque<_> = packets.take(MOST_PACKETS + 1).collect();
    (packets.len() <= MOST_PACKETS).then_some(packets)
}

/// Passes packets on to the session that this server keeps.
async fn post_here(
    session: &SessionAddress,
    packets: Option<VecDeque<ByteString>>,
) -> Result<(), ApiError> {
    let Some(packets) = packets else {
        // An error means that the session has ended.
        let _ = session.send(ToSession::EndByViolation).await;
        return Err(ApiError::SocketIo(SocketIoRefusal::BAD_REQUEST));
    };
    let (answer, answered) = oneshot::channel();
    let packets = Packets { packets, answer };
    // An error means that the session has ended, which `answered` notices too.
    let _ = session.send(ToSession::Packets(packets)).await;
    answered
        .await
        .unwrap_or(Err(SocketIoRefusal::UNKNOWN_SESSION))
        .map_err(ApiError::SocketIo)
}

async fn open_websocket(
    request: &HttpRequest,
    services: Data<Services>,
    query: SocketIoQuery,
) -> Result<HttpResponse, ApiError> {
    if services.lifecycle.is_draining() {
        // Some clients fail for good if a websocket opens and brings no packet before it is closed.
        return Err(ApiError::Stopping);
    }
    let response =
        upgrade::begin(request).map_err(|_| ApiError::SocketIo(SocketIoRefusal::BAD_REQUEST))?;
    let outcome = if let Some(limit) = ListenRequest::exceeded_limit(request, &services) {
        UpgradeOutcome::Refused(CloseReason::Full(limit))
    } else {
        let beginning = match query.sid {
            None => Beginning::New,
            // The socket of an unknown session is opened and closed, since a client does not see
            // the status of an answer that opens no websocket.
            Some(sid) => Beginning::Upgrade(match find(sid, &services).await {
                Ok(session) if session.exists().await => Some(session),
                _ => None,
            }),
        };
        UpgradeOutcome::SocketIo(Box::new(Session {
            beginning,
            socket: socket_of(request)?,
            request: RequestId::current_if_logged(),
            rate: FrameRate::new(services.settings.frames_per_second),
            client: NewClient {
                sid: new_sid(),
                identification: query.identification,
                address_guard: request.extensions_mut().remove(),
                services,
            },
        }))
    };
    Ok(upgrade::finish(response, outcome))
}

/// Begins a session whose client polls.
async fn begin_polling(
    services: Data<Services>,
    identification: Identification,
) -> Result<HttpResponse, ApiError> {
    if services.lifecycle.is_draining() {
        return Err(ApiError::Stopping);
    }
    services.broker.store().serves()?;
    if let Some(sid) = SharedSession::begin(&identification, &services) {
        let opening = encode_opening(&sid, &["websocket"], &services);
        return Ok(packets_response().body(opening));
    }
    let sid = new_sid();
    let opening = encode_opening(&sid, &["websocket"], &services);
    let context = Context::<PollingSession>::new();
    let session = context.address().recipient();
    let registered = SessionTable::from_registry()
        .send(Register { sid, session })
        .await;
    let Some(registration) = registered.ok().flatten() else {
        return Err(Refused::TRY_AGAIN.into());
    };
    context.run(PollingSession::new(services, registration, identification));
    Ok(packets_response().body(opening))
}

/// Waits for the packets of a session.
async fn poll(
    request: &HttpRequest,
    services: Data<Services>,
    sid: String,
) -> Result<HttpResponse, ApiError> {
    let session = find(sid, &services).await?;
    let socket = socket_of(request)?;
    socket.enable_probe();
    let address_guard = request.extensions_mut().remove();
    let session = match session {
        Polled::Here(session) => session,
        Polled::Shared(_) if services.lifecycle.is_draining() => return Err(ApiError::Stopping),
        Polled::Shared(session) => {
            let (packets, response_end) = session.poll(socket, address_guard).await?;
            return Ok(packets_response().body(WholeBody::new(packets, response_end)));
        }
    };
    let (answer, answered) = oneshot::channel();
    let poll = Poll {
        answer,
        socket,
        _address_guard: address_guard,
    };
    // An error means that the session has ended, which `answered` notices too.
    let _ = session.send(ToSession::Poll(poll)).await;
    let PollAnswer {
        packets,
        response_end,
    } = answered
        .await
        .unwrap_or(Err(SocketIoRefusal::UNKNOWN_SESSION))
        .map_err(ApiError::SocketIo)?;
    Ok(packets_response().body(WholeBody::new(packets, response_end)))
}

/// Finds the session with this id. A session that nodes share may be over.
async fn find(sid: String, services: &Data<Services>) -> Result<Polled, ApiError> {
    let unknown = ApiError::SocketIo(SocketIoRefusal::UNKNOWN_SESSION);
    if services.broker.store().node_status().is_some() {
        services.broker.store().serves()?;
        let session = SharedSession::find(&sid, services);
        return session
            .map(|session| Polled::Shared(session.into()))
            .ok_or(unknown);
    }
    let session = SessionTable::from_registry().send(Find(sid)).await;
    let session = session.ok().flatten();
    session.map(Polled::Here).ok_or(unknown)
}

fn new_sid() -> String {
    URL_SAFE_NO_PAD.encode(Uuid::new_v4().as_bytes())
}

fn packets_response() -> HttpResponseBuilder {
    response("text/plain; charset=UTF-8")
}

fn response(content_type: &str) -> HttpResponseBuilder {
    let mut response = HttpResponse::Ok();
    response
        .insert_header((header::CONTENT_TYPE, content_type))
        .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .insert_header((header::CACHE_CONTROL, "no-store"));
    response
}
