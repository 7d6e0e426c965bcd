//! `GET /socket.io/`: listens by the protocol of Socket.IO clients (Engine.IO protocol 4, Socket.IO
//! protocol 5), over a websocket. It offers the same events and the same guarantees as `/ws`.
//!
//! A session begins without a connection (`session`). When the client connects to a namespace and
//! names its `conn_id`, the session's stream becomes that of a [`websocket`](super::websocket) with
//! another dialect. `packet` reads what clients send, and `frames` encodes what they are sent.

pub(super) mod frames;
pub(crate) mod packet;
pub(super) mod session;

use actix_web::web::Data;
use actix_web::{HttpMessage, HttpRequest, HttpResponse, get};
use channelstream_actors::error::CloseReason;
use channelstream_actors::request::RequestId;
use utoipa::IntoParams;
use utoipa::openapi::path::{Parameter as Description, ParameterIn};

use self::session::Session;
use crate::error::ApiError;
use crate::openapi::answers::{
    CommonErrors, HttpsOnly, OriginErrors, SocketIoErrors, SocketIoRefusal,
};
use crate::services::Services;
use crate::transport::listen_request::{ListenRequest, STOPPING, socket_of};
use crate::transport::page_origin;
use crate::transport::upgrade::{self, UpgradeOutcome};
use crate::validation::parameters::{CONN_ID, Parameter, text};
use crate::validation::query;

/// The version of the Engine.IO protocol that this server speaks.
const VERSION: &str = "4";

const EIO: Parameter<String> = text(
    "EIO",
    "The version of the Engine.IO protocol, which must be 4. Clients send it by themselves.",
);

const TRANSPORT: Parameter<String> = text(
    "transport",
    "The transport, which must be `websocket`. Clients send it by themselves.",
);

/// The query parameters of a Socket.IO client.
struct SocketIoParams;

impl IntoParams for SocketIoParams {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Description> {
        let conn_id = CONN_ID.about(
            "The id of the connection. A client may name it in its `auth` instead, which takes \
             precedence.",
        );
        vec![EIO.required(), TRANSPORT.required(), conn_id.optional()]
    }
}

/// Listens for events with a Socket.IO client.
///
/// The client connects to the namespace `/` or `/stream`, and names its connection by `conn_id`, in
/// the query or in its `auth`. It then gets the event `user_connect`, and for each list of events
/// the event `message` with the list as its argument. The event `close` comes before the server
/// closes the socket. Only the transport `websocket` is offered.
#[utoipa::path(
    tag = "listening",
    operation_id = "socket_io",
    params(SocketIoParams),
    responses(
        (status = 101, description = "The websocket is open. Each of its frames is a packet.",
            body = String),
        CommonErrors, HttpsOnly, OriginErrors, SocketIoErrors,
    ),
)]
#[get("/socket.io/")]
pub(crate) async fn open(
    request: HttpRequest,
    services: Data<Services>,
) -> Result<HttpResponse, ApiError> {
    begin(&request, &services)
}

/// Does the same without the slash at the end of the path.
pub(crate) async fn open_without_slash(
    request: HttpRequest,
    services: Data<Services>,
) -> Result<HttpResponse, ApiError> {
    begin(&request, &services)
}

/// Refuses all other methods.
pub(crate) async fn refuse_method() -> Result<HttpResponse, ApiError> {
    Err(ApiError::SocketIo(SocketIoRefusal::WRONG_METHOD))
}

fn begin(request: &HttpRequest, services: &Data<Services>) -> Result<HttpResponse, ApiError> {
    page_origin::check(request, &services.live.current().settings.allow_origins)?;
    let mut query = query(request);
    if query.get(TRANSPORT.name).map(String::as_str) != Some("websocket") {
        return Err(ApiError::SocketIo(SocketIoRefusal::UNKNOWN_TRANSPORT));
    }
    if query.contains_key("sid") {
        return Err(ApiError::SocketIo(SocketIoRefusal::UNKNOWN_SESSION));
    }
    if query.get(EIO.name).map(String::as_str) != Some(VERSION) {
        return Err(ApiError::SocketIo(SocketIoRefusal::WRONG_VERSION));
    }
    let response =
        upgrade::begin(request).map_err(|_| ApiError::SocketIo(SocketIoRefusal::BAD_REQUEST))?;
    let outcome = if services.lifecycle.is_draining() {
        UpgradeOutcome::Refused(STOPPING)
    } else if let Some(limit) = ListenRequest::exceeded_limit(request, services) {
        UpgradeOutcome::Refused(CloseReason::Full(limit))
    } else {
        UpgradeOutcome::SocketIo(Box::new(Session {
            // A wrong id is unknown, like any other that does not exist.
            conn_id: CONN_ID.take(&mut query).unwrap_or_default(),
            socket: socket_of(request)?,
            address_guard: request.extensions_mut().remove(),
            request: RequestId::current_if_logged(),
            services: services.clone(),
        }))
    };
    Ok(upgrade::finish(response, outcome))
}
