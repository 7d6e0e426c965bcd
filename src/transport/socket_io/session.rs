//! A session of a Socket.IO client that is not connected to a namespace yet.

use std::future::poll_fn;
use std::io;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use actix::prelude::*;
use actix_web::web::Data;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use channelstream_actors::error::{CloseCode, CloseReason, Unknown};
use channelstream_actors::limits::LimitKind;
use channelstream_actors::list::Namespace;
use channelstream_actors::name::ConnId;
use channelstream_actors::position::Report;
use channelstream_actors::request::{RequestId, run_in_scope};
use channelstream_actors::transport::Transport;
use serde_json::Value;
use tokio::time::{Instant, timeout, timeout_at};
use uuid::Uuid;

use crate::address_table::CountedConnection;
use crate::services::Services;
use crate::transport::attached_outlet::AttachedOutlet;
use crate::transport::client_frames::{ClientFrame, TOO_BIG_CODE};
use crate::transport::dialect::Dialect;
use crate::transport::frame_io::FrameIo;
use crate::transport::frame_rate::FrameRate;
use crate::transport::listen_request::{ListenRequest, STOPPING};
use crate::transport::server_frames;
use crate::transport::socket_handle::SocketHandle;
use crate::transport::socket_io::frames::{self, Opening, UserConnect};
use crate::transport::socket_io::packet::{self, ClientPacket};
use crate::transport::watched_stream::WatchedStream;
use crate::transport::websocket::{NO_PACKET, TOO_MANY_FRAMES, WebSocket};
use crate::validation::rules::parse_uuid;

/// The time that a client has to connect to a namespace, as a multiple of the time after which a
/// silent client is given up. With the default settings these are 45 seconds.
const CONNECT_TIME: u32 = 3;

/// A session that begins.
pub(in crate::transport) struct Session {
    /// The connection that the query names. The client may name another one when it connects.
    pub(super) conn_id: Option<ConnId>,
    pub(super) socket: Arc<SocketHandle>,
    /// The guard that counts a client behind a proxy for its address.
    pub(super) address_guard: Option<CountedConnection>,
    /// The id of the request that opened the session. `None` if transports are not logged.
    pub(super) request: Option<RequestId>,
    pub(super) services: Data<Services>,
}

/// The end of a session before it became that of a connection.
enum Ended {
    /// The socket is gone.
    Lost,
    /// The client ended the session.
    ByClient,
    /// The server ends the session.
    Closed(CloseCode, String),
}

impl From<CloseReason> for Ended {
    fn from(reason: CloseReason) -> Self {
        Self::Closed(reason.code(), reason.reason().into())
    }
}

impl Session {
    /// Takes the stream of the session, from which the bytes `read` were read already, and serves
    /// it until the client has connected to a namespace or the session ends.
    pub(in crate::transport) async fn serve(self, stream: WatchedStream, read: &[u8]) {
        let request = self.request.clone();
        let mut io = FrameIo::new(stream, read, self.services.settings.frame_limit);
        io.keep_texts();
        run_in_scope(request, self.run(io)).await;
    }

    async fn run(mut self, mut io: FrameIo) {
        let close_grace = self.services.settings.close_grace;
        match self.wait_for_connection(&mut io).await {
            Ok((dialect, context, outlet)) => {
                context.run(WebSocket::new(dialect, outlet, io));
            }
            Err(Ended::Lost) => {}
            Err(Ended::ByClient) => close(io, CloseCode::Normal, "", close_grace).await,
            Err(Ended::Closed(code, reason)) => close(io, code, &reason, close_grace).await,
        }
    }

    /// Handles the packets of the client until it has connected to a namespace.
    async fn wait_for_connection(
        &mut self,
        io: &mut FrameIo,
    ) -> Result<(Dialect, Context<WebSocket>, AttachedOutlet), Ended> {
        let settings = self.services.settings.clone();
        let sid = URL_SAFE_NO_PAD.encode(Uuid::new_v4().as_bytes());
        let ping_timeout = settings
            .gc_conns_after
            .saturating_sub(settings.heartbeat_interval);
        io.push(frames::open(&Opening {
            sid: &sid,
            upgrades: [],
            ping_interval: settings.heartbeat_interval.as_millis(),
            ping_timeout: ping_timeout.as_millis(),
            max_payload: settings.frame_limit,
        }));
        let mut rate = FrameRate::new(settings.frames_per_second);
        let deadline = Instant::now() + settings.gc_conns_after * CONNECT_TIME;
        let mut is_ping_open = false;
        let mut alarm = Instant::now() + settings.heartbeat_interval;
        loop {
            let Ok(frame) = timeout_at(alarm.min(deadline), next_frame(io)).await else {
                if is_ping_open || Instant::now() >= deadline {
                    return Err(CloseReason::Idle.into());
                }
                io.push(frames::PING.into());
                is_ping_open = true;
                alarm = Instant::now() + ping_timeout;
                continue;
            };
            let text = match frame.map_err(|_| Ended::Lost)? {
                ClientFrame::Text(text) => text,
                ClientFrame::Ping(payload) => {
                    self.count_frame(&mut rate)?;
                    io.push(server_frames::pong(&payload));
                    continue;
                }
                ClientFrame::Data | ClientFrame::Pong(_) => {
                    self.count_frame(&mut rate)?;
                    continue;
                }
                ClientFrame::Close => return Err(Ended::ByClient),
                ClientFrame::Violation { code, reason } => {
                    if code == TOO_BIG_CODE {
                        self.count_refusal(LimitKind::Frame);
                    }
                    return Err(Ended::Closed(code, reason.to_owned()));
                }
            };
            let packet = str::from_utf8(&text).ok().and_then(packet::parse);
            if packet == Some(ClientPacket::Pong) && is_ping_open {
                is_ping_open = false;
                alarm = Instant::now() + settings.heartbeat_interval;
                continue;
            }
            self.count_frame(&mut rate)?;
            match packet {
                Some(ClientPacket::Connect { namespace, auth }) => {
                    if let Some(attached) = self.connect(namespace, &auth, &sid, io).await? {
                        return Ok(attached);
                    }
                }
                Some(ClientPacket::Probe(text)) => io.push(frames::answer_probe(text)),
                Some(ClientPacket::Close) => return Err(Ended::ByClient),
                Some(ClientPacket::Pong | ClientPacket::Disconnect | ClientPacket::Ignored) => {}
                Some(ClientPacket::Event { .. }) | None => {
                    return Err(Ended::Closed(
                        CloseCode::ProtocolError,
                        NO_PACKET.to_owned(),
                    ));
                }
            }
        }
    }

    /// Attaches the client to its connection, and tells it so. Returns `None` if the client was
    /// refused; it may try again.
    async fn connect(
        &mut self,
        namespace: &str,
        auth: &Value,
        sid: &str,
        io: &mut FrameIo,
    ) -> Result<Option<(Dialect, Context<WebSocket>, AttachedOutlet)>, Ended> {
        let known = match namespace {
            "/" => Namespace::Root,
            "/stream" => Namespace::Stream,
            _ => {
                io.push(frames::refuse(namespace, "Invalid namespace", None));
                return Ok(None);
            }
        };
        let conn_id = match auth.get("conn_id") {
            Some(id) => id.as_str().and_then(parse_uuid).map(ConnId::from),
            None => self.conn_id,
        };
        let context = Context::new();
        let attached = match conn_id {
            Some(conn_id) => self.attach(conn_id, &context.address()).await,
            None => Err(Unknown),
        };
        let Ok(outlet) = attached else {
            if self.services.lifecycle.is_draining() {
                return Err(STOPPING.into());
            }
            let reason = CloseReason::UnknownConnection;
            let code = reason.code().number();
            io.push(frames::refuse(namespace, &reason.reason(), Some(code)));
            return Ok(None);
        };
        let connected = frames::connected(known, sid);
        outlet.queue.add(connected.len());
        io.push(connected);
        if let Some(conn_id) = conn_id
            && let Some(introduction) = self.services.broker.introduce(conn_id).await
        {
            let event = frames::user_connect(
                known,
                &UserConnect {
                    conn_id,
                    introduction,
                },
            );
            outlet.queue.add(event.len());
            io.push(event);
        }
        Ok(Some((Dialect::SocketIo(known), context, outlet)))
    }

    async fn attach(
        &mut self,
        conn_id: ConnId,
        address: &Addr<WebSocket>,
    ) -> Result<AttachedOutlet, Unknown> {
        // A failed attempt to attach would drop the guard, although the socket stays open.
        if !self.services.broker.knows_connection(conn_id).await {
            return Err(Unknown);
        }
        let listen = ListenRequest {
            conn_id,
            position: Report::default(),
            socket: self.socket.clone(),
            address_guard: self.address_guard.take(),
        };
        AttachedOutlet::attach(Transport::SocketIo, listen, address, self.services.clone()).await
    }

    /// Counts a frame that the client sent unasked.
    ///
    /// # Errors
    /// Fails when the client sends too many.
    fn count_frame(&self, rate: &mut FrameRate) -> Result<(), Ended> {
        if rate.is_exceeded_by_next() {
            self.count_refusal(LimitKind::FramesPerSecond);
            return Err(Ended::Closed(
                CloseCode::TooManyFrames,
                TOO_MANY_FRAMES.to_owned(),
            ));
        }
        Ok(())
    }

    fn count_refusal(&self, kind: LimitKind) {
        self.services.broker.counters().count_limit_refusal(kind);
    }
}

/// Writes the frames that wait, and returns the next frame of the client. Nothing is read while
/// frames wait, so a client that does not read cannot make the server queue more answers.
///
/// # Errors
/// Fails when the client has sent its last byte or the socket is gone.
async fn next_frame(io: &mut FrameIo) -> io::Result<ClientFrame> {
    poll_fn(|context| {
        io.set_task(context);
        loop {
            if io.poll_write()?.is_pending() {
                return Poll::Pending;
            }
            if let Some(frame) = io.next_frame() {
                return Poll::Ready(Ok(frame));
            }
            match io.poll_read() {
                Poll::Ready(true) => {}
                Poll::Ready(false) => return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into())),
                Poll::Pending => return Poll::Pending,
            }
        }
    })
    .await
}

/// Closes the websocket, and waits for up to `grace` until the client has closed it too.
async fn close(mut io: FrameIo, code: CloseCode, reason: &str, grace: Duration) {
    io.push(server_frames::close(code, reason));
    let until_closed = async {
        while let Ok(frame) = next_frame(&mut io).await {
            if matches!(frame, ClientFrame::Close | ClientFrame::Violation { .. }) {
                break;
            }
        }
    };
    // A client that does not answer is cut off.
    let _ = timeout(grace, until_closed).await;
}
