//! `GET /ws`: the outlet of a websocket (`protocol.md` §6, RFC 6455).
//!
//! A ping with a number follows what was sent; its pong says that the client has it. A client that never answered a ping is believed
//! to have read what its socket took.

use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use actix_http::ws::ProtocolError;
use actix_web::http::header;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use actix_web_actors::ws::{self, CloseCode, Message, WebsocketContext, WsResponseBuilder};
use bytes::{BufMut, Bytes, BytesMut};
use bytestring::ByteString;
use channelstream_actors::broker::Broker;
use channelstream_actors::error::CloseReason;
use channelstream_actors::outlet::{Frames, Pulse, Queue, Room, Shut};
use futures_util::stream;

use crate::error::ApiError;
use crate::settings::Settings;
use crate::transport::client_frames::{ClientFrame, ClientFrames};
use crate::transport::read::ReadSoFar;
use crate::transport::socket::Handle;
use crate::transport::{Attachment, Begun, Word, attach, conn_id, outlet};

/// A ping follows so many events, so that little is repeated after an unclean end and all of it is still in the log.
const EVENTS_PER_PING: u64 = 64;

const HEARTBEAT: &str = "[]";

/// The length of a frame's header by that of its payload (RFC 6455 §5.2).
fn header_length(payload: usize) -> usize {
    match payload {
        0..126 => 2,
        126..65_536 => 4,
        _ => 10,
    }
}

/// Opens a websocket for a connection. An unknown one is closed at once with 4004, so that its page can connect again.
pub async fn open(
    request: HttpRequest,
    payload: Payload,
    broker: Data<Broker>,
    settings: Data<Settings>,
) -> Result<HttpResponse, ApiError> {
    let conn_id = conn_id(&request)?;
    let frames = ClientFrames::new(payload, settings.frame_limit);
    let socket = WebSocket::new(frames, &request, broker.get_ref().clone(), &settings)?;
    let ways = (socket.queue.clone(), socket.pulse.clone(), socket.socket.clone());
    let last_word = socket.attachment.last_word.clone();
    // The context writes; what the client sends is read by `ClientFrames`.
    let builder = WsResponseBuilder::new(socket, &request, stream::pending());
    let (address, response) = builder.start_with_addr().map_err(|error| ApiError::NoUpgrade(error.to_string()))?;
    // Attached before the client reads that the socket is open: what is sent from then on is not caught up but comes at once.
    // The actor begins to run with the response; what is sent to it before waits.
    let (queue, pulse, socket) = ways;
    let outlet = outlet(&address, queue, pulse, socket);
    let attached = actix::spawn(attach(broker.get_ref().clone(), conn_id, outlet, address.recipient(), last_word));
    match attached.await {
        Ok(true) => Ok(response),
        _ => {
            log::debug!("a websocket asked for an unknown connection");
            closed_at_once(&request, CloseReason::UnknownConnection)
        }
    }
}

/// A handshake whose stream holds a close frame and nothing else.
fn closed_at_once(request: &HttpRequest, reason: CloseReason) -> Result<HttpResponse, ApiError> {
    let mut response = ws::handshake(request).map_err(|error| ApiError::NoUpgrade(error.to_string()))?;
    let text = reason.reason().as_bytes();
    let mut frame = BytesMut::new();
    frame.put_u8(0x88);
    frame.put_u8(u8::try_from(text.len() + 2).map_err(|_| ApiError::Internal("close reason too long"))?);
    frame.put_u16(reason.code());
    frame.put_slice(text);
    let stream = futures_util::stream::iter([Ok::<Bytes, actix_web::Error>(frame.freeze())]);
    Ok(response.insert_header((header::CACHE_CONTROL, "no-store")).streaming(stream))
}

/// The actor of an open websocket.
struct WebSocket {
    /// None once the actor has begun to read them.
    frames: Option<ClientFrames>,
    broker: Broker,
    socket: Arc<Handle>,
    queue: Queue,
    pulse: Pulse,
    heartbeat: Duration,
    close_grace: Duration,
    mailbox: usize,
    attachment: Attachment,
    read: ReadSoFar,
    /// The number of the last ping.
    ping: u64,
    ping_is_open: bool,
    /// Whether the client ever answered a ping: only then does silence mean anything.
    answers: bool,
    /// Set once a close frame was sent: nothing more is.
    is_closing: bool,
    /// The client said goodbye, so it has read what was sent before.
    is_clean: bool,
}

impl WebSocket {
    fn new(frames: ClientFrames, request: &HttpRequest, broker: Broker, settings: &Settings) -> Result<Self, ApiError> {
        let socket = request.conn_data::<Arc<Handle>>().ok_or(ApiError::Internal("a request without its socket"))?.clone();
        Ok(Self {
            frames: Some(frames),
            broker,
            queue: Queue::of_socket(settings.queue_bytes, socket.clone()),
            socket,
            pulse: Pulse::default(),
            heartbeat: settings.heartbeat_interval.max(Duration::from_millis(10)),
            close_grace: settings.close_grace,
            mailbox: settings.queue_frames.max(1),
            attachment: Attachment::default(),
            read: ReadSoFar::default(),
            ping: 0,
            ping_is_open: false,
            answers: false,
            is_closing: false,
            is_clean: false,
        })
    }

    fn beat(&mut self, context: &mut WebsocketContext<Self>) {
        if self.is_closing {
            return;
        }
        self.queue.add(HEARTBEAT.len() + header_length(HEARTBEAT.len()));
        context.text(ByteString::from_static(HEARTBEAT));
        self.ask(context);
        // That this runs says that the socket moves, which is all there is to know of a client that answers no pings.
        if !self.answers {
            self.pulse.beat();
        }
    }

    /// At most one question is open; its answer brings the next if there is more to ask for.
    fn ask(&mut self, context: &mut WebsocketContext<Self>) {
        if self.ping_is_open && self.answers {
            return;
        }
        self.ping += 1;
        self.ping_is_open = true;
        self.read.ask();
        let number = self.ping.to_string();
        self.queue.add(number.len() + header_length(number.len()));
        context.ping(number.as_bytes());
    }

    fn pong(&mut self, text: &[u8], context: &mut WebsocketContext<Self>) {
        if text != self.ping.to_string().as_bytes() {
            return;
        }
        self.answers = true;
        self.ping_is_open = false;
        self.read.answered();
        if self.is_closing {
            self.detach(true);
        } else if self.read.unasked() >= EVENTS_PER_PING {
            self.ask(context);
        }
    }

    /// Sends a close frame and waits a little for the client's.
    fn close(&mut self, code: u16, reason: &str, context: &mut WebsocketContext<Self>) {
        if std::mem::replace(&mut self.is_closing, true) {
            return;
        }
        context.close(Some(ws::CloseReason { code: CloseCode::from(code), description: Some(reason.to_owned()) }));
        context.run_later(self.close_grace, |_, context| context.stop());
    }

    /// Tells the connection how far the client has read; once.
    fn detach(&mut self, has_read_all: bool) {
        let report = if has_read_all { self.read.all() } else { self.read.confirmed() };
        self.attachment.end(Word { report, ..Word::default() });
    }
}

impl Actor for WebSocket {
    type Context = WebsocketContext<Self>;

    fn started(&mut self, context: &mut Self::Context) {
        context.set_mailbox_capacity(self.mailbox);
        if let Some(frames) = self.frames.take() {
            context.add_stream(frames);
        }
        context.run_interval(self.heartbeat, Self::beat);
        self.ask(context);
    }

    fn stopped(&mut self, _: &mut Self::Context) {
        self.detach(self.is_clean);
    }
}

impl Handler<Begun> for WebSocket {
    type Result = ();

    fn handle(&mut self, Begun(attached): Begun, context: &mut Self::Context) {
        match attached {
            Some(attached) => self.attachment.begin(attached),
            // Its response is not sent then.
            None => context.stop(),
        }
    }
}

impl Handler<Frames> for WebSocket {
    type Result = ();

    fn handle(&mut self, frames: Frames, context: &mut Self::Context) {
        if self.is_closing {
            return;
        }
        self.queue.add(header_length(frames.list.len()));
        self.read.sent(&frames);
        context.text(frames.list);
        if self.read.unasked() >= EVENTS_PER_PING {
            self.ask(context);
        }
    }
}

impl Handler<Room> for WebSocket {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, _: Room, _: &mut Self::Context) -> Self::Result {
        let (queue, socket) = (self.queue.clone(), self.socket.clone());
        Box::pin(async move { socket.moved_until(|| queue.has_room()).await })
    }
}

impl Handler<Shut> for WebSocket {
    type Result = ();

    fn handle(&mut self, Shut(reason): Shut, context: &mut Self::Context) {
        if self.read.is_confirmed() {
            self.detach(true);
        } else {
            // A last question: its answer lets a newer transport begin without repeating what this client has read.
            self.ping_is_open = false;
            self.ask(context);
            if reason == CloseReason::Replaced {
                let handover = self.broker.limits().handover;
                context.run_later(handover, |socket, _| socket.detach(false));
            }
        }
        self.close(reason.code(), reason.reason(), context);
    }
}

impl StreamHandler<ClientFrame> for WebSocket {
    fn handle(&mut self, frame: ClientFrame, context: &mut Self::Context) {
        self.pulse.beat();
        match frame {
            ClientFrame::Data => {}
            ClientFrame::Ping(text) if self.is_closing => drop(text),
            ClientFrame::Ping(text) => {
                self.queue.add(text.len() + header_length(text.len()));
                context.pong(&text);
            }
            ClientFrame::Pong(text) => self.pong(&text, context),
            ClientFrame::Close => {
                self.is_clean = true;
                if !std::mem::replace(&mut self.is_closing, true) {
                    context.close(Some(CloseCode::Normal.into()));
                }
                context.stop();
            }
            ClientFrame::Violation { code, reason } => self.close(code, reason, context),
        }
    }

    fn finished(&mut self, context: &mut Self::Context) {
        // After a violation the close frame is still on its way.
        if !self.is_closing {
            context.stop();
        }
    }
}

/// The context asks for it; nothing ever comes here, since it was given nothing to read.
impl StreamHandler<Result<Message, ProtocolError>> for WebSocket {
    fn handle(&mut self, _: Result<Message, ProtocolError>, _: &mut Self::Context) {}
}
