//! Pages that listen over one of the three transports, close it themselves, and come back with the
//! same `conn_id`.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::{WebSocketStream, client_async};

use crate::support::event_stream::EventStream;

/// The server and the connection that a page listens to.
#[derive(Clone)]
pub(super) struct Place {
    pub(super) address: String,
    pub(super) conn_id: String,
}

pub(super) trait Page: Sized {
    const NAME: &str;

    async fn open(place: &Place) -> Self;

    /// Reads the next list of events.
    async fn read(&mut self) -> Vec<Value>;

    /// Closes and comes back. `way` chooses one of several ways to do so.
    async fn come_back(self, place: &Place, way: usize) -> Self;

    /// Listens for a while in which no event is expected, and returns the events that came all the
    /// same. `way` has the same meaning as in [`Page::come_back`].
    async fn listen_for(&mut self, time: Duration, way: usize) -> Vec<Value>;
}

/// Returns the events of the lists that come within a time.
async fn events_within(time: Duration, mut read: impl AsyncFnMut() -> Vec<Value>) -> Vec<Value> {
    let (until, mut events) = (tokio::time::Instant::now() + time, Vec::new());
    while let Ok(list) = tokio::time::timeout_at(until, read()).await {
        events.extend(list);
    }
    events
}

/// A page with a websocket. It answers pings until it closes, as browsers do.
pub(super) struct WebSocketPage(WebSocketStream<TcpStream>);

impl Page for WebSocketPage {
    const NAME: &str = "websocket";

    async fn open(Place { address, conn_id }: &Place) -> Self {
        let request = format!("ws://{address}/ws?conn_id={conn_id}")
            .into_client_request()
            .unwrap();
        let stream = TcpStream::connect(address).await.unwrap();
        Self(client_async(request, stream).await.unwrap().0)
    }

    async fn read(&mut self) -> Vec<Value> {
        loop {
            match self.0.next().await {
                Some(Ok(Message::Text(text))) => return serde_json::from_str(&text).unwrap(),
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                end => panic!("the server has closed: {end:?}"),
            }
        }
    }

    /// After `close()` the page receives nothing of what still arrives. It opens the next socket at
    /// once, or when the old one has ended.
    async fn come_back(self, place: &Place, way: usize) -> Self {
        let Self(mut socket) = self;
        socket.send(Message::Close(None)).await.unwrap();
        let end = async move { while let Some(Ok(_)) = socket.next().await {} };
        if way.is_multiple_of(2) {
            tokio::spawn(end);
        } else {
            end.await;
        }
        Self::open(place).await
    }

    async fn listen_for(&mut self, time: Duration, _: usize) -> Vec<Value> {
        events_within(time, async || self.read().await).await
    }
}

/// A page with an `EventSource`.
pub(super) struct EventsPage(EventStream);

impl EventsPage {
    async fn open_after(Place { address, conn_id }: &Place, last_id: &str) -> Self {
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let request = http.get(format!("http://{address}/sse?conn_id={conn_id}"));
        let request = if last_id.is_empty() {
            request
        } else {
            request.header("Last-Event-ID", last_id)
        };
        Self(EventStream::open(request).await)
    }
}

impl Page for EventsPage {
    const NAME: &str = "server-sent events";

    async fn open(place: &Place) -> Self {
        Self::open_after(place, "").await
    }

    async fn read(&mut self) -> Vec<Value> {
        let event = self
            .0
            .next()
            .await
            .expect("the server has ended the stream");
        assert_eq!(event.name, "", "{event:?}");
        event.list()
    }

    async fn come_back(self, place: &Place, _: usize) -> Self {
        let Self(stream) = self;
        let last_id = stream.last_id.clone();
        drop(stream);
        Self::open_after(place, &last_id).await
    }

    async fn listen_for(&mut self, time: Duration, _: usize) -> Vec<Value> {
        events_within(time, async || self.read().await).await
    }
}

/// A page that polls, over the same HTTP connection until it leaves.
pub(super) struct PollPage {
    stream: TcpStream,
    place: Place,
    /// The position in the last answer that it read.
    position: String,
    /// Whether a request is sent and its answer is not read.
    is_asking: bool,
}

impl PollPage {
    async fn ask(&mut self) {
        if !std::mem::replace(&mut self.is_asking, true) {
            let Self {
                place: Place { address, conn_id },
                position,
                ..
            } = self;
            let path = format!("/listen?conn_id={conn_id}&last_event_id={position}");
            let question = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n\r\n");
            self.stream.write_all(question.as_bytes()).await.unwrap();
        }
    }

    /// Reads the head of an answer. Returns the length of its body, and the position after it.
    async fn read_head(&mut self) -> (usize, Option<String>) {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(self.stream.read_u8().await.unwrap());
        }
        let head = String::from_utf8(head).unwrap();
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        let value = |name: &str| {
            head.split(&format!("{name}: "))
                .nth(1)
                .map(|rest| rest.split('\r').next().unwrap().to_owned())
        };
        (
            value("content-length").unwrap().parse().unwrap(),
            value("x-channelstream-position"),
        )
    }
}

impl Page for PollPage {
    const NAME: &str = "long-poll";

    async fn open(place: &Place) -> Self {
        let stream = TcpStream::connect(&place.address).await.unwrap();
        Self {
            stream,
            place: place.clone(),
            position: String::new(),
            is_asking: false,
        }
    }

    async fn read(&mut self) -> Vec<Value> {
        self.ask().await;
        let (length, position) = self.read_head().await;
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body).await.unwrap();
        self.is_asking = false;
        self.position = position.unwrap_or(std::mem::take(&mut self.position));
        serde_json::from_slice(&body).unwrap()
    }

    /// Leaves after an answer was read to its end, right after a request, or in the middle of an
    /// answer.
    async fn come_back(mut self, place: &Place, way: usize) -> Self {
        match way % 3 {
            0 => {}
            1 => self.ask().await,
            _ => {
                self.ask().await;
                self.read_head().await;
            }
        }
        let position = std::mem::take(&mut self.position);
        drop(self);
        Self {
            position,
            ..Self::open(place).await
        }
    }

    /// Listens while a poll is under way, or between two polls.
    async fn listen_for(&mut self, time: Duration, way: usize) -> Vec<Value> {
        if way.is_multiple_of(2) {
            self.ask().await;
        }
        let mut byte = [0];
        match tokio::time::timeout(time, self.stream.peek(&mut byte)).await {
            Ok(_) => self.read().await,
            Err(_) => Vec::new(),
        }
    }
}
