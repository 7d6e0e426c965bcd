//! A websocket of a Socket.IO client that is not connected to a namespace yet. It either begins a
//! session, or takes over the session of a client that has polled.

use std::future::poll_fn;
use std::io;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use actix::prelude::*;
use bytes::Bytes;
use channelstream_actors::error::{CloseCode, CloseReason};
use channelstream_actors::limits::LimitKind;
use channelstream_actors::request::{RequestId, run_in_scope};
use channelstream_actors::transport::Transport;
use tokio::time::{Instant, timeout, timeout_at};

use crate::transport::attached_outlet::outlet_context;
use crate::transport::client_frames::{ClientFrame, TOO_BIG_CODE};
use crate::transport::dialect::Dialect;
use crate::transport::frame_io::FrameIo;
use crate::transport::frame_rate::FrameRate;
use crate::transport::server_frames;
use crate::transport::socket_handle::SocketHandle;
use crate::transport::socket_io::connecting::{ConnectedClient, NewClient, NotConnected};
use crate::transport::socket_io::messages::TakenOver;
use crate::transport::socket_io::polled::Polled;
use crate::transport::socket_io::reaction::{Reaction, react};
use crate::transport::socket_io::server_packets::{self, PING};
use crate::transport::socket_io::{CONNECT_TIME, encode_opening, ping_timeout};
use crate::transport::watched_stream::WatchedStream;
use crate::transport::websocket::{NO_PACKET, TOO_MANY_FRAMES, WebSocket};

/// The time that a client may try a websocket before it goes on by it, as a multiple of
/// `close_grace`.
const PROBE_TIME: u32 = 10;

/// The time between two checks whether the session that a websocket may take over still exists.
const SESSION_CHECK: Duration = Duration::from_millis(100);

/// The reason in the close frame of a websocket that names a session that does not exist.
const UNKNOWN_SESSION: &str = "unknown session; begin a new one";

/// A websocket that has just opened.
pub(in crate::transport) struct Session {
    pub(super) beginning: Beginning,
    pub(super) client: NewClient,
    pub(super) socket: Arc<SocketHandle>,
    /// The id of the request that opened the websocket. `None` if transports are not logged.
    pub(super) request: Option<RequestId>,
    pub(super) rate: FrameRate,
}

/// The way in which a websocket begins.
pub(super) enum Beginning {
    /// It begins a session.
    New,
    /// It may take over this session; `None` if the session does not exist.
    Upgrade(Option<Polled>),
}

/// The end of a websocket before it became that of a connection.
enum Ended {
    /// The socket is gone.
    Lost,
    /// The client ended the session.
    ByClient,
    /// The server ends the session, after these packets.
    Closed(Vec<String>, CloseCode, String),
}

impl Ended {
    fn closed(code: CloseCode, reason: &str) -> Self {
        Self::Closed(Vec::new(), code, reason.to_owned())
    }
}

impl From<CloseReason> for Ended {
    fn from(reason: CloseReason) -> Self {
        Self::closed(reason.code(), &reason.reason())
    }
}

/// A client that has connected, and the context of the actor that serves it from now on.
struct Attached {
    context: Context<WebSocket>,
    client: ConnectedClient,
}

impl Session {
    /// Takes the stream, from which the bytes `read` were read already, and serves it until the
    /// client has connected to a namespace or the session ends.
    pub(in crate::transport) async fn serve(self, stream: WatchedStream, read: &[u8]) {
        let request = self.request.clone();
        let frame_limit = self.client.services.settings.frame_limit;
        let mut io = FrameIo::new(stream, read, frame_limit);
        io.keep_texts();
        run_in_scope(request, self.run(io)).await;
    }

    async fn run(mut self, mut io: FrameIo) {
        let close_grace = self.client.services.settings.close_grace;
        match self.wait_until_attached(&mut io).await {
            Ok(Attached { context, client }) => {
                for packet in &client.packets {
                    let frame = server_packets::frame(packet);
                    client.outlet.queue.add(frame.len());
                    io.push(frame);
                }
                let dialect = Dialect::SocketIo(client.facts.form);
                context.run(WebSocket::new(dialect, client.outlet, io));
            }
            Err(Ended::Lost) => {}
            Err(Ended::ByClient) => close(io, CloseCode::Normal, "", close_grace).await,
            Err(Ended::Closed(packets, code, reason)) => {
                for packet in &packets {
                    io.push(server_packets::frame(packet));
                }
                close(io, code, &reason, close_grace).await;
            }
        }
    }

    async fn wait_until_attached(&mut self, io: &mut FrameIo) -> Result<Attached, Ended> {
        match std::mem::replace(&mut self.beginning, Beginning::New) {
            Beginning::New => {
                let opening = encode_opening(&self.client.sid, &[], &self.client.services);
                io.push(server_packets::frame(&opening));
            }
            Beginning::Upgrade(None) => {
                return Err(Ended::closed(CloseCode::ProtocolError, UNKNOWN_SESSION));
            }
            Beginning::Upgrade(Some(session)) => {
                let taken_over = self.wait_for_upgrade(&session, io).await?;
                if let Some(attached) = self.go_on(taken_over, io).await? {
                    return Ok(attached);
                }
            }
        }
        self.wait_for_connection(io).await
    }

    /// Waits until the client goes on with its session by this websocket.
    async fn wait_for_upgrade(
        &mut self,
        session: &Polled,
        io: &mut FrameIo,
    ) -> Result<TakenOver, Ended> {
        let close_grace = self.client.services.settings.close_grace;
        let asked = timeout(close_grace * PROBE_TIME, self.wait_for_request(session, io)).await;
        let asked = asked.unwrap_or_else(|_| Err(CloseReason::Idle.into()));
        let taken_over = match asked {
            Ok(()) => session.take_over().await,
            Err(ended) => {
                session.note_probe(false).await;
                return Err(ended);
            }
        };
        taken_over.ok_or_else(|| Ended::closed(CloseCode::ProtocolError, UNKNOWN_SESSION))
    }

    /// Answers the probes of a client until it asks to go on by this websocket.
    async fn wait_for_request(&mut self, session: &Polled, io: &mut FrameIo) -> Result<(), Ended> {
        loop {
            let Ok(text) = timeout(SESSION_CHECK, self.next_text(io)).await else {
                // Another websocket may have taken the session over.
                if session.may_exist() {
                    continue;
                }
                return Err(Ended::closed(CloseCode::ProtocolError, UNKNOWN_SESSION));
            };
            let text = text?;
            self.count_frame()?;
            match react(&text, None) {
                Reaction::Upgrade => return Ok(()),
                Reaction::Answer(packet) => {
                    io.push(server_packets::frame(&packet));
                    // The client learns that the websocket works before its poll ends.
                    let session = session.clone();
                    actix::spawn(async move { session.note_probe(true).await });
                }
                Reaction::Nothing | Reaction::TakePong => {}
                Reaction::End => return Err(Ended::ByClient),
                Reaction::Connect { .. }
                | Reaction::Change { .. }
                | Reaction::Leave
                | Reaction::Refuse => {
                    return Err(Ended::closed(CloseCode::ProtocolError, NO_PACKET));
                }
            }
        }
    }

    /// Goes on with a session that was taken over. Returns `None` if its client has not connected
    /// yet.
    async fn go_on(
        &mut self,
        session: TakenOver,
        io: &mut FrameIo,
    ) -> Result<Option<Attached>, Ended> {
        let TakenOver {
            sid,
            identification,
            facts,
            packets,
            shared,
        } = session;
        self.client.sid = sid;
        self.client.identification = identification;
        let Some(facts) = facts else {
            for packet in &packets {
                io.push(server_packets::frame(packet));
            }
            return Ok(None);
        };
        let context = outlet_context(&self.client.services.settings);
        let (socket, address) = (self.socket.clone(), context.address());
        let going_on = shared.as_ref().map(|session| session.going_on(true));
        let returning = (facts, going_on);
        let client = self
            .client
            .go_on(returning, packets, socket, &address)
            .await;
        if let Some(session) = shared {
            // An error means that the session expires by itself.
            let _ = session.end(None).await;
        }
        let client = match client {
            Ok(client) => client,
            Err(error) => {
                let reason = self.client.reason_of(error);
                let packets = server_packets::goodbye(facts.form.namespace, reason);
                return Err(Ended::Closed(
                    packets,
                    reason.code(),
                    reason.reason().into(),
                ));
            }
        };
        Ok(Some(Attached { context, client }))
    }

    /// Handles the packets of the client until it has connected to a namespace.
    async fn wait_for_connection(&mut self, io: &mut FrameIo) -> Result<Attached, Ended> {
        let settings = self.client.services.settings.clone();
        let deadline = Instant::now() + settings.gc_conns_after * CONNECT_TIME;
        let mut is_ping_open = false;
        let mut alarm = Instant::now() + settings.heartbeat_interval;
        loop {
            let Ok(text) = timeout_at(alarm.min(deadline), self.next_text(io)).await else {
                if is_ping_open || Instant::now() >= deadline {
                    return Err(CloseReason::Idle.into());
                }
                io.push(server_packets::frame(PING));
                is_ping_open = true;
                alarm = Instant::now() + ping_timeout(&settings);
                continue;
            };
            let text = text?;
            let reaction = react(&text, None);
            if reaction == Reaction::TakePong && is_ping_open {
                is_ping_open = false;
                alarm = Instant::now() + settings.heartbeat_interval;
                continue;
            }
            self.count_frame()?;
            match reaction {
                Reaction::Connect { namespace, auth } => {
                    let context = outlet_context(&settings);
                    let (socket, address) = (self.socket.clone(), context.address());
                    let name = (namespace, &auth);
                    let transport = Transport::SocketIo;
                    match self.client.connect(name, transport, socket, &address).await {
                        Ok(client) => return Ok(Attached { context, client }),
                        Err(NotConnected::Refused(packet)) => {
                            io.push(server_packets::frame(&packet));
                        }
                        Err(NotConnected::Closed(reason)) => return Err(reason.into()),
                    }
                }
                Reaction::Answer(packet) => io.push(server_packets::frame(&packet)),
                Reaction::End => return Err(Ended::ByClient),
                Reaction::Nothing | Reaction::TakePong | Reaction::Leave | Reaction::Upgrade => {}
                // A client can change its channels only after it has connected, which `react`
                // knows.
                Reaction::Change { .. } | Reaction::Refuse => {
                    return Err(Ended::closed(CloseCode::ProtocolError, NO_PACKET));
                }
            }
        }
    }

    /// Returns the next text of the client, and handles the frames before it.
    async fn next_text(&mut self, io: &mut FrameIo) -> Result<Bytes, Ended> {
        loop {
            match next_frame(io).await.map_err(|_| Ended::Lost)? {
                ClientFrame::Text(text) => return Ok(text),
                ClientFrame::Ping(payload) => {
                    self.count_frame()?;
                    io.push(server_frames::pong(&payload));
                }
                ClientFrame::Data | ClientFrame::Pong(_) => self.count_frame()?,
                ClientFrame::Close => return Err(Ended::ByClient),
                ClientFrame::Violation { code, reason } => {
                    if code == TOO_BIG_CODE {
                        let counters = self.client.services.broker.counters();
                        counters.count_limit_refusal(LimitKind::Frame);
                    }
                    return Err(Ended::closed(code, reason));
                }
            }
        }
    }

    /// Counts a frame that the client sent unasked.
    ///
    /// # Errors
    /// Fails when the client sends too many.
    fn count_frame(&mut self) -> Result<(), Ended> {
        let counters = self.client.services.broker.counters();
        if self.rate.refuses_next(counters) {
            return Err(Ended::closed(CloseCode::TooManyFrames, TOO_MANY_FRAMES));
        }
        Ok(())
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
