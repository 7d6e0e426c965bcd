//! A client's transport of any of the three kinds. The client controls its socket.

use std::io;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use socket2::{Domain, SockRef, Socket, Type};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

use super::http::Http;

/// The longest time that a server may take to accept a client. It is longer than an orderly stop
/// takes.
const TIMEOUT: Duration = Duration::from_secs(15);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Websocket,
    EventStream,
    LongPoll,
}

/// A client's connection, its kind of transport, and its position.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) address: String,
    pub(super) conn_id: String,
    pub(super) kind: Kind,
    /// The position that the client has read, as server-sent events and answers of polls report it.
    pub(super) position: String,
    /// Whether its socket takes as little data as the kernel allows.
    pub(super) is_narrow: bool,
}

/// An open transport.
pub(super) enum Listener {
    Websocket {
        socket: Box<WebSocketStream<TcpStream>>,
        has_answered: bool,
    },
    EventStream {
        http: Http,
        text: String,
    },
    LongPoll(Http),
}

/// The next thing that a client receives.
#[derive(Debug)]
pub(super) enum Received {
    /// A list of events, and the position after it, if the server sent one.
    List(Vec<Value>, Option<String>),
    End(End),
}

/// The reason why a transport has ended.
#[derive(Debug)]
pub(super) enum End {
    /// The socket was lost.
    Lost,
    /// The server closed it with this code.
    Closed(u16),
    /// The server refused it with this status.
    Refused(u16),
}

impl Place {
    /// Opens a transport. For a poll, this sends the request.
    pub(super) async fn open(&self) -> Result<Listener, End> {
        let opening = tokio::time::timeout(TIMEOUT, self.try_open());
        opening.await.unwrap_or(Err(End::Lost))
    }

    async fn try_open(&self) -> Result<Listener, End> {
        let stream = self.connect().await.map_err(|_| End::Lost)?;
        match self.kind {
            Kind::Websocket => {
                let url = format!("ws://{}{}", self.address, self.path());
                let request = url.into_client_request().unwrap();
                match client_async(request, stream).await {
                    Ok((socket, _)) => Ok(Listener::Websocket {
                        socket: Box::new(socket),
                        has_answered: false,
                    }),
                    Err(Error::Http(answer)) => Err(End::Refused(answer.status().as_u16())),
                    Err(_) => Err(End::Lost),
                }
            }
            Kind::EventStream => {
                let mut http = (Http::get(stream, &self.path()).await).map_err(|_| End::Lost)?;
                let head = http.head().await.map_err(|_| End::Lost)?;
                let text = String::new();
                match head.status {
                    200 => Ok(Listener::EventStream { http, text }),
                    status => Err(End::Refused(status)),
                }
            }
            Kind::LongPoll => {
                let http = Http::get(stream, &self.path()).await;
                http.map(Listener::LongPoll).map_err(|_| End::Lost)
            }
        }
    }

    fn path(&self) -> String {
        let (conn_id, position) = (&self.conn_id, &self.position);
        match self.kind {
            Kind::Websocket => format!("/ws?conn_id={conn_id}"),
            Kind::EventStream => format!("/sse?conn_id={conn_id}&last_event_id={position}"),
            Kind::LongPoll => format!("/listen?conn_id={conn_id}&last_event_id={position}"),
        }
    }

    async fn connect(&self) -> io::Result<TcpStream> {
        if !self.is_narrow {
            return TcpStream::connect(&self.address).await;
        }
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        socket.set_recv_buffer_size(1024)?;
        let address: std::net::SocketAddr = self.address.parse().unwrap();
        socket.connect(&address.into())?;
        socket.set_nonblocking(true)?;
        TcpStream::from_std(socket.into())
    }
}

impl Listener {
    /// Waits for the next event. The call may be cancelled without a loss.
    pub(super) async fn next(&mut self) -> Received {
        let received = match self {
            Self::Websocket {
                socket,
                has_answered,
            } => return next_of_websocket(socket, has_answered).await,
            Self::EventStream { http, text } => next_of_stream(http, text).await,
            Self::LongPoll(http) => next_of_poll(http).await,
        };
        received.unwrap_or(Received::End(End::Lost))
    }

    /// Asks for more, if this kind of transport needs it.
    pub(super) async fn go_on(&mut self, place: &Place) {
        if let Self::LongPoll(http) = self {
            // An error shows when the answer is read.
            let _ = http.ask(&place.path()).await;
        }
    }

    /// Closes the transport in order, if its kind has a way to do so.
    pub(super) async fn close(self) {
        if let Self::Websocket { mut socket, .. } = self {
            let _ = socket.send(Message::Close(None)).await;
        }
    }

    /// Resets the socket. Data on its way is lost.
    pub(super) fn reset(self) {
        let _ = SockRef::from(&self.into_stream()).set_linger(Some(Duration::ZERO));
    }

    /// Returns whether the server can detect by itself that the client has vanished. The kernel of
    /// this machine still accepts data for the client. So the server cannot detect it for a client
    /// that has never sent anything.
    pub(super) fn is_loss_detectable(&self) -> bool {
        match self {
            Self::Websocket { has_answered, .. } => *has_answered,
            Self::EventStream { .. } => false,
            Self::LongPoll(_) => true,
        }
    }

    /// Returns the socket. If a client keeps it and never uses it again, the server sees a client
    /// whose machine has vanished from the network.
    pub(super) fn into_stream(self) -> TcpStream {
        match self {
            Self::Websocket { socket, .. } => socket.into_inner(),
            Self::EventStream { http, .. } | Self::LongPoll(http) => http.stream,
        }
    }
}

async fn next_of_websocket(
    socket: &mut WebSocketStream<TcpStream>,
    has_answered: &mut bool,
) -> Received {
    loop {
        match socket.next().await {
            Some(Ok(Message::Text(text))) => return Received::List(list(&text), None),
            // The answer would otherwise wait in the sink, where a close would overtake it.
            Some(Ok(Message::Ping(_))) => *has_answered |= socket.flush().await.is_ok(),
            Some(Ok(Message::Close(Some(close)))) => {
                return Received::End(End::Closed(close.code.into()));
            }
            Some(Ok(_)) => {}
            Some(Err(_)) | None => return Received::End(End::Lost),
        }
    }
}

async fn next_of_stream(http: &mut Http, text: &mut String) -> io::Result<Received> {
    loop {
        while let Some((block, rest)) = text.split_once("\n\n") {
            let (block, rest) = (block.to_owned(), rest.to_owned());
            *text = rest;
            let field = |name: &str| block.lines().find_map(|line| line.strip_prefix(name));
            let data = field("data: ");
            match (field("event: "), data) {
                (Some("close"), Some(data)) => {
                    let close: Value = serde_json::from_str(data).unwrap();
                    let code = close["code"].as_u64().unwrap();
                    return Ok(Received::End(End::Closed(code.try_into().unwrap())));
                }
                (None, Some(data)) => {
                    let position = field("id: ").map(str::to_owned);
                    return Ok(Received::List(list(data), position));
                }
                _ => {}
            }
        }
        match http.chunk().await? {
            Some(chunk) => text.push_str(str::from_utf8(&chunk).unwrap()),
            None => return Ok(Received::End(End::Lost)),
        }
    }
}

async fn next_of_poll(http: &mut Http) -> io::Result<Received> {
    let (head, body) = http.answer().await?;
    Ok(match head.status {
        200 => Received::List(list(&body), head.position),
        status => Received::End(End::Refused(status)),
    })
}

fn list(text: &str) -> Vec<Value> {
    serde_json::from_str(text).unwrap_or_else(|_| panic!("not a list: {text}"))
}
