//! `GET /ws` up to the moment when the socket is open (`protocol.md` §6, RFC 6455 §4).

use std::io;
use std::sync::Arc;

use actix::prelude::*;
use actix_web::http::header;
use actix_web::web::Data;
use actix_web::{HttpMessage, HttpRequest, HttpResponse, get};
use actix_web_actors::ws;
use channelstream_actors::broker::Broker;
use channelstream_actors::error::{CloseReason, Unknown};
use channelstream_actors::outlet::{Pulse, Queue};
use channelstream_actors::protocol::event::Event;
use channelstream_actors::transport::Transport;
use tokio::io::AsyncWriteExt;

use crate::error::ApiError;
use crate::lifecycle::Lifecycle;
use crate::openapi::answers::{CommonErrors, HttpsOnly, InvalidQuery, Refusal};
use crate::settings::Settings;
use crate::transport::frame_io::FrameIo;
use crate::transport::server_frames;
use crate::transport::socket_handle::SocketHandle;
use crate::transport::upgrade::{Upgrading, linger};
use crate::transport::watched_stream::WatchedStream;
use crate::transport::websocket::{Ends, WebSocket};
use crate::transport::{Listening, conn_id, outlet, position};

/// Why a websocket ends that comes while the server stops.
const STOPPING: CloseReason = CloseReason::Restart { wait: 1 };

/// Listens for events by websocket.
///
/// Each text frame of the server is a list of events as JSON; an empty list is a heartbeat.
/// Whatever the client sends shows that it is alive. The socket of an unknown connection is closed
/// at once with 4004, so that its page can connect again.
#[utoipa::path(
    tag = "listening",
    operation_id = "websocket",
    params(Listening),
    responses(
        (status = 101, description = "The websocket is open. Each of its frames is a list of events.",
            body = Vec<Event<'static>>),
        (status = 426, description = "The request does not ask for an upgrade to a websocket.", body = Refusal,
            headers(("Upgrade" = String, description = "The protocol to ask for, which is always `websocket`."))),
        CommonErrors, HttpsOnly, InvalidQuery,
    ),
)]
#[get("/ws")]
pub(crate) async fn open(
    request: HttpRequest,
    broker: Data<Broker>,
    settings: Data<Settings>,
    lifecycle: Data<Lifecycle>,
) -> Result<HttpResponse, ApiError> {
    let conn_id = conn_id(&request)?;
    let handle = request
        .conn_data::<Arc<SocketHandle>>()
        .ok_or(ApiError::Internal("a request without its socket"))?
        .clone();
    let mut response =
        ws::handshake(&request).map_err(|error| ApiError::NoUpgrade(error.to_string()))?;
    if !request.extensions().contains::<Upgrading>() {
        // A body in chunks keeps the stream with the HTTP server.
        return Err(ApiError::NoUpgrade("it must not have a body".to_owned()));
    }
    let mut response = response
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .finish();
    if lifecycle.is_draining() {
        response
            .extensions_mut()
            .insert(Takeover::Refused(STOPPING));
        return Ok(response);
    }
    let (queue, pulse) = (
        Queue::of_socket(settings.queue_bytes, handle.clone()),
        Pulse::default(),
    );
    let (context, open) = (
        Context::new(),
        broker.counters().listen(Transport::Websocket),
    );
    // Attached before the client reads that the socket is open: what is sent from then on is not
    // caught up but comes at once. The actor begins to run when the stream is its own; what is sent
    // to it before waits.
    let address: Addr<WebSocket> = context.address();
    let outlet = outlet(
        Transport::Websocket,
        &address,
        queue.clone(),
        pulse.clone(),
        handle.clone(),
    );
    let takeover = match broker
        .attach(conn_id, outlet, position::parse_request(&request))
        .await
    {
        Ok(attachment) => {
            let ends = Ends {
                broker,
                settings,
                handle,
                queue,
                pulse,
                attachment,
                open,
            };
            Takeover::Open(Box::new(Opening { context, ends }))
        }
        Err(Unknown) => {
            log::debug!("a websocket asked for an unknown connection");
            Takeover::Refused(if lifecycle.is_draining() {
                STOPPING
            } else {
                CloseReason::UnknownConnection
            })
        }
    };
    response.extensions_mut().insert(takeover);
    Ok(response)
}

/// What becomes of a stream once its handshake is answered.
pub enum Takeover {
    /// A websocket begins.
    Open(Box<Opening>),
    /// It is told why not, and ends.
    Refused(CloseReason),
}

/// A websocket that waits for its stream. If that never comes, its attachment is dropped with this.
pub struct Opening {
    context: Context<WebSocket>,
    ends: Ends,
}

impl Takeover {
    /// Goes on with the stream, of which this was read already.
    ///
    /// # Errors
    /// When the stream breaks.
    pub async fn begin(self, mut stream: WatchedStream, read: &[u8]) -> io::Result<()> {
        stream.leave_http();
        match self {
            Self::Open(opening) => {
                let Opening { context, ends } = *opening;
                context.run(WebSocket::new(
                    FrameIo::new(stream, read, ends.settings.frame_limit),
                    ends,
                ));
            }
            Self::Refused(reason) => {
                stream
                    .write_all(&server_frames::close(reason.code(), &reason.reason()))
                    .await?;
                linger(&mut stream).await?;
            }
        }
        Ok(())
    }
}
