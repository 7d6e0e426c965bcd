//! `GET /ws`: turns an HTTP request into a websocket (`protocol.md` §6, RFC 6455 §4). The steps:
//!
//! 1. actix-http parses the head of a request that asks for an upgrade, and hands over the stream.
//!    [`answer`] marks the request and lets the application answer it like any other request,
//!    through all its middleware.
//! 2. The handler, `open`, attaches an outlet to the connection and puts an `UpgradeOutcome` into
//!    its response.
//! 3. [`answer`] writes the response. Without an `UpgradeOutcome` it then closes the stream.
//! 4. `UpgradeOutcome::run` gives the stream to the websocket's actor. This frees everything that
//!    served HTTP on the stream: the state and two buffers of 8 KB, which is more memory than the
//!    rest of an idle websocket needs.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use actix_codec::{Encoder, Framed};
use actix_http::body::{BodySize, BoxBody, MessageBody, to_bytes};
use actix_http::h1::{Codec, Message};
use actix_http::{ConnectionType, HttpMessage, Request, Response};
use actix_service::Service;
use actix_web::http::header;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, get};
use actix_web_actors::ws;
use bytes::BytesMut;
use channelstream_actors::error::CloseReason;
use channelstream_actors::protocol::event::Event;
use channelstream_actors::transport::Transport;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use crate::error::ApiError;
use crate::exchange::Exchange;
use crate::openapi::answers::{CommonErrors, HttpsOnly, InvalidQuery, OriginErrors, Refusal};
use crate::services::Services;
use crate::transport::attached_outlet::{AttachedOutlet, outlet_context};
use crate::transport::dialect::Dialect;
use crate::transport::frame_io::FrameIo;
use crate::transport::listen_request::{ListenParams, ListenRequest, STOPPING};
use crate::transport::page_origin;
use crate::transport::server_frames;
use crate::transport::socket_io::session::Session;
use crate::transport::watched_stream::WatchedStream;
use crate::transport::websocket::WebSocket;

/// The time for which the bytes that a refused client still sends are read and discarded. If a
/// socket is closed while it has unread bytes, it is reset, and the client would not read the
/// answer.
pub const LINGER: Duration = Duration::from_secs(2);

/// The mark of a request whose stream was taken from the HTTP server. The request has no body, and
/// the server does not notice when its client leaves. actix-http hands over the stream of every
/// request that has `Upgrade: websocket`, and of `CONNECT`.
#[derive(Clone, Copy, Debug)]
pub struct Upgrading;

/// Answers a request whose stream was taken from the HTTP server.
///
/// # Errors
/// Fails when the stream breaks.
pub async fn answer<S, B>(
    app: &S,
    request: Request,
    framed: Framed<WatchedStream, Codec>,
) -> io::Result<()>
where
    S: Service<Request>,
    S::Response: Into<Response<B>>,
    S::Error: Into<Response<BoxBody>>,
    B: MessageBody + 'static,
{
    if let Some(exchange) = request.conn_data::<Arc<Exchange>>() {
        // The request is never marked as ended, because no head follows on this stream.
        exchange.begin(request.head());
    }
    request.extensions_mut().insert(Upgrading);
    let mut response = match app.call(request).await {
        Ok(response) => response.into().map_into_boxed_body(),
        Err(error) => error.into(),
    };
    let outcome = response.extensions_mut().remove::<UpgradeOutcome>();
    let parts = framed.into_parts();
    let (mut stream, mut codec, mut answer) = (parts.io, parts.codec, parts.write_buf);
    if let Some(outcome) = outcome {
        let head = Message::Item((response.drop_body(), BodySize::None));
        codec.encode(head, &mut answer)?;
        stream.write_all(&answer).await?;
        outcome.run(stream, &parts.read_buf).await
    } else {
        encode_last(response, &mut codec, &mut answer).await?;
        stream.write_all(&answer).await?;
        linger(&mut stream).await
    }
}

/// Listens for events by websocket.
///
/// Each text frame of the server is a list of events as JSON. An empty list is a heartbeat. Every
/// frame of the client shows that the client is alive. The socket of an unknown connection is
/// closed at once with 4004, so that its page can connect again.
#[utoipa::path(
    tag = "listening",
    operation_id = "websocket",
    params(ListenParams),
    responses(
        (status = 101,
            description = "The websocket is open. Each of its frames is a list of events.",
            body = Vec<Event<'static>>),
        (status = 426, description = "The request does not ask for an upgrade to a websocket.",
            body = Refusal,
            headers(("Upgrade" = String,
                description = "The protocol to ask for, which is always `websocket`."))),
        CommonErrors, HttpsOnly, InvalidQuery, OriginErrors,
    ),
)]
#[get("/ws")]
pub(crate) async fn open(
    request: HttpRequest,
    services: Data<Services>,
) -> Result<HttpResponse, ApiError> {
    page_origin::check(&request, &services.live.current().settings.allow_origins)?;
    let listen = ListenRequest::parse(&request)?;
    services.broker.store().serves()?;
    let response = begin(&request)?;
    let outcome = if services.lifecycle.is_draining() {
        UpgradeOutcome::Refused(STOPPING)
    } else if let Some(limit) = ListenRequest::exceeded_limit(&request, &services) {
        UpgradeOutcome::Refused(CloseReason::Full(limit))
    } else {
        attach(listen, services).await
    };
    Ok(finish(response, outcome))
}

/// Begins the answer to a request that asks for a websocket.
///
/// # Errors
/// Fails when the request does not ask for a websocket.
pub(super) fn begin(request: &HttpRequest) -> Result<HttpResponseBuilder, ApiError> {
    let response =
        ws::handshake(request).map_err(|error| ApiError::NoUpgrade(error.to_string()))?;
    if !request.extensions().contains::<Upgrading>() {
        // actix-http does not hand over the stream of a request with a chunked body.
        return Err(ApiError::NoUpgrade("it must not have a body".to_owned()));
    }
    Ok(response)
}

/// Finishes the answer. [`answer`] then passes the stream on as `outcome` says.
pub(super) fn finish(mut response: HttpResponseBuilder, outcome: UpgradeOutcome) -> HttpResponse {
    let mut response = response
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .finish();
    response.extensions_mut().insert(outcome);
    response
}

/// Attaches the websocket before its client learns that it is open. Everything that is published
/// after that arrives at once, not as catch-up.
async fn attach(request: ListenRequest, services: Data<Services>) -> UpgradeOutcome {
    let context = outlet_context(&services.settings);
    let address: Addr<WebSocket> = context.address();
    let transport = Transport::Websocket;
    let lifecycle = services.lifecycle.clone();
    match AttachedOutlet::attach(transport, request, &address, services).await {
        Ok(outlet) => UpgradeOutcome::Attached(Box::new(AttachedWebSocket { context, outlet })),
        Err(_) if lifecycle.is_draining() => UpgradeOutcome::Refused(STOPPING),
        Err(error) => {
            log::debug!("a websocket was not attached: {error:?}");
            UpgradeOutcome::Refused(error.close_reason())
        }
    }
}

/// The use of a stream after its handshake is answered. The handler passes it to [`answer`] in the
/// extensions of the response.
pub(super) enum UpgradeOutcome {
    /// The stream becomes the stream of this websocket.
    Attached(Box<AttachedWebSocket>),
    /// The stream becomes the stream of this Socket.IO session.
    SocketIo(Box<Session>),
    /// The client gets a close frame with the reason, and the stream ends.
    Refused(CloseReason),
}

/// A websocket that waits for its stream. If the stream never comes, the outlet is dropped and the
/// connection is told that its transport has ended.
pub(super) struct AttachedWebSocket {
    /// The context of the actor. Messages to the actor wait in its mailbox.
    context: Context<WebSocket>,
    outlet: AttachedOutlet,
}

impl UpgradeOutcome {
    /// Takes the stream, from which the bytes `read` were read already.
    async fn run(self, mut stream: WatchedStream, read: &[u8]) -> io::Result<()> {
        stream.leave_http();
        match self {
            Self::Attached(websocket) => {
                let AttachedWebSocket { context, outlet } = *websocket;
                let io = FrameIo::new(stream, read, outlet.services.settings.frame_limit);
                context.run(WebSocket::new(Dialect::Lists, outlet, io));
                Ok(())
            }
            Self::SocketIo(session) => {
                let read = read.to_owned();
                // In a task of its own, so that the memory of the HTTP request is freed.
                actix::spawn(async move { session.serve(stream, &read).await });
                Ok(())
            }
            Self::Refused(reason) => {
                let close = server_frames::close(reason.code(), &reason.reason());
                stream.write_all(&close).await?;
                linger(&mut stream).await
            }
        }
    }
}

/// Encodes an answer with its body, as the last answer on its stream.
async fn encode_last(
    mut response: Response<BoxBody>,
    codec: &mut Codec,
    answer: &mut BytesMut,
) -> io::Result<()> {
    response
        .head_mut()
        .set_connection_type(ConnectionType::Close);
    let mut body = BoxBody::new(());
    let response = response.map_body(|_, answer| body = answer);
    let body = to_bytes(body)
        .await
        .map_err(|_| io::ErrorKind::InvalidData)?;
    let size = BodySize::Sized(body.len() as u64);
    codec.encode(Message::Item((response, size)), answer)?;
    codec.encode(Message::Chunk(Some(body)), answer)?;
    codec.encode(Message::Chunk(None), answer)
}

/// Ends a stream so that its client can read what was written. To this end it reads and discards
/// bytes for up to [`LINGER`].
async fn linger(stream: &mut WatchedStream) -> io::Result<()> {
    stream.shutdown().await?;
    let mut bytes = [0; 1024];
    let rest = async { while matches!(stream.read(&mut bytes).await, Ok(1..)) {} };
    // A client that still sends after that time is cut off.
    let _ = timeout(LINGER, rest).await;
    Ok(())
}
