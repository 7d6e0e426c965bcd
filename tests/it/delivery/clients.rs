//! Clients that record what they read, and drop in all possible ways.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::{WebSocketStream, client_async};

use crate::support::event_stream::EventStream;
use crate::support::random::Random;

#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) clean: usize,
    pub(crate) like_a_page: usize,
    pub(crate) unclean: usize,
    pub(crate) replaced: usize,
    pub(crate) repeats: usize,
    pub(crate) gaps: usize,
}

impl Tally {
    pub(crate) fn add(&mut self, other: &Self) {
        self.clean += other.clean;
        self.like_a_page += other.like_a_page;
        self.unclean += other.unclean;
        self.replaced += other.replaced;
        self.repeats += other.repeats;
        self.gaps += other.gaps;
    }
}

/// The record of what a client has read.
#[derive(Debug, Default)]
pub(crate) struct ClientRecord {
    last: HashMap<usize, usize>,
    count: usize,
    /// Whether repeats are allowed until something new arrives, since the latest drop was unclean
    /// or a page's close.
    may_repeat: bool,
    pub(crate) faults: Vec<String>,
    pub(crate) tally: Tally,
}

impl ClientRecord {
    pub(crate) fn last(&self, publisher: usize) -> usize {
        self.last.get(&publisher).copied().unwrap_or_default()
    }

    fn note(&mut self, event: &Value) {
        if event["type"] == "catchup:gap" {
            self.tally.gaps += 1;
            return;
        }
        let number = |key: &str| usize::try_from(event["message"][key].as_u64().unwrap()).unwrap();
        let (publisher, number) = (number("publisher"), number("number"));
        let last = self.last.entry(publisher).or_default();
        if number == *last + 1 {
            *last = number;
            self.count += 1;
            self.may_repeat = false;
        } else if number <= *last && self.may_repeat && event["catchup"] == true {
            self.tally.repeats += 1;
        } else if self.faults.len() < 5 {
            self.faults.push(format!(
                "publisher {publisher}: {number} after {last}, may repeat: {}, {event}",
                self.may_repeat
            ));
        }
    }

    fn note_list(&mut self, text: &str) {
        for event in serde_json::from_str::<Vec<Value>>(text).unwrap() {
            self.note(&event);
        }
    }
}

pub(crate) struct Client {
    address: String,
    conn_id: String,
    random: Random,
    seen: ClientRecord,
}

impl Client {
    pub(crate) fn new(address: String, conn_id: String, seed: u64) -> Self {
        Self {
            address,
            conn_id,
            random: Random::new(seed),
            seen: ClientRecord::default(),
        }
    }

    /// Returns whether it has everything, or something is wrong, so that it need not wait for more.
    fn is_done(&self, expected: usize, published: &AtomicBool) -> bool {
        published.load(Ordering::Relaxed)
            && (self.seen.count >= expected || !self.seen.faults.is_empty())
    }

    async fn open(&self) -> WebSocketStream<TcpStream> {
        open(self.address.clone(), self.conn_id.clone()).await
    }

    /// Listens by websocket.
    pub(crate) async fn listen(mut self, expected: usize, published: &AtomicBool) -> ClientRecord {
        let mut socket = self.open().await;
        while !self.is_done(expected, published) {
            let stay = Duration::from_millis(20 + self.random.below(400));
            let until = tokio::time::Instant::now() + stay;
            while let Ok(message) = tokio::time::timeout_at(until, socket.next()).await {
                match message {
                    Some(Ok(Message::Text(text))) => self.seen.note_list(&text),
                    Some(Ok(_)) => {}
                    end => {
                        self.seen
                            .faults
                            .push(format!("closed by the server: {end:?}"));
                        return self.seen;
                    }
                }
                if self.is_done(expected, published) {
                    break;
                }
            }
            socket = match self.random.below(4) {
                0 => self.close_clean(socket).await,
                1 => self.drop_unclean(socket).await,
                2 => self.close_like_a_page(socket).await,
                _ => self.replace(socket).await,
            };
        }
        self.seen
    }

    /// Closes with a handshake. Only what pongs have confirmed counts as read. The server cannot
    /// know whether the client has read what it sent later, as this client does, or has thrown it
    /// away, as browsers do once a page has called `close()`.
    async fn close_clean(
        &mut self,
        mut socket: WebSocketStream<TcpStream>,
    ) -> WebSocketStream<TcpStream> {
        self.seen.tally.clean += 1;
        socket.send(Message::Close(None)).await.unwrap();
        self.read_to_end(socket).await;
        self.seen.may_repeat = true;
        self.pause().await;
        self.open().await
    }

    /// Closes as a page does with `close()`: the browser waits for the server's close frame, and
    /// the page receives nothing of what arrives until then.
    async fn close_like_a_page(
        &mut self,
        mut socket: WebSocketStream<TcpStream>,
    ) -> WebSocketStream<TcpStream> {
        self.seen.tally.like_a_page += 1;
        socket.send(Message::Close(None)).await.unwrap();
        while let Ok(Some(Ok(_))) =
            tokio::time::timeout(Duration::from_secs(5), socket.next()).await
        {}
        self.seen.may_repeat = true;
        self.pause().await;
        self.open().await
    }

    /// Drops the socket with everything in it.
    async fn drop_unclean(
        &mut self,
        socket: WebSocketStream<TcpStream>,
    ) -> WebSocketStream<TcpStream> {
        self.seen.tally.unclean += 1;
        drop(socket);
        self.seen.may_repeat = true;
        self.pause().await;
        self.open().await
    }

    /// Opens a second socket while the first is open, as a second tab would.
    async fn replace(&mut self, socket: WebSocketStream<TcpStream>) -> WebSocketStream<TcpStream> {
        self.seen.tally.replaced += 1;
        let newer = open(self.address.clone(), self.conn_id.clone());
        let (newer, ()) = tokio::join!(newer, self.read_to_end(socket));
        // On a busy machine the older socket may not have answered in time. Then it counts as lost.
        self.seen.may_repeat = true;
        newer
    }

    async fn read_to_end(&mut self, mut socket: WebSocketStream<TcpStream>) {
        while let Ok(Some(Ok(message))) =
            tokio::time::timeout(Duration::from_secs(5), socket.next()).await
        {
            if let Message::Text(text) = message {
                self.seen.note_list(&text);
            }
        }
    }

    async fn pause(&mut self) {
        tokio::time::sleep(Duration::from_millis(self.random.below(250))).await;
    }

    /// Listens by long-poll.
    pub(crate) async fn poll(mut self, expected: usize, published: &AtomicBool) -> ClientRecord {
        let mut stream = TcpStream::connect(&self.address).await.unwrap();
        while !self.is_done(expected, published) {
            match self.random.below(8) {
                // The client vanishes in the middle of a poll.
                0 => {
                    self.seen.tally.unclean += 1;
                    self.ask(&mut stream).await;
                    tokio::time::sleep(Duration::from_millis(self.random.below(250))).await;
                    drop(stream);
                    self.seen.may_repeat = true;
                    stream = TcpStream::connect(&self.address).await.unwrap();
                }
                // It sends two polls at the same time, and reads both answers.
                1 => {
                    self.seen.tally.replaced += 1;
                    let mut other = TcpStream::connect(&self.address).await.unwrap();
                    self.ask(&mut stream).await;
                    self.ask(&mut other).await;
                    let older = answer(&mut stream).await;
                    let newer = answer(&mut other).await;
                    // The server decides which of two simultaneous polls is the older.
                    let mut lists = [older, newer];
                    lists.sort_by_key(|list| first_timestamp(list));
                    lists.iter().for_each(|list| self.seen.note_list(list));
                }
                // It reads an answer, and uses another connection for the next poll.
                2 => {
                    self.seen.tally.clean += 1;
                    self.ask(&mut stream).await;
                    let list = answer(&mut stream).await;
                    self.seen.note_list(&list);
                    stream = TcpStream::connect(&self.address).await.unwrap();
                    self.seen.may_repeat = false;
                }
                _ => {
                    self.ask(&mut stream).await;
                    let list = answer(&mut stream).await;
                    self.seen.note_list(&list);
                }
            }
        }
        self.seen
    }

    /// Listens by server-sent events. A client that reports its position receives nothing twice.
    pub(crate) async fn stream(mut self, expected: usize, published: &AtomicBool) -> ClientRecord {
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let url = format!("http://{}/sse?conn_id={}", self.address, self.conn_id);
        let open = async |last_id: &str| {
            EventStream::open(http.get(&url).header("Last-Event-ID", last_id)).await
        };
        let mut stream = open("").await;
        while !self.is_done(expected, published) {
            let until =
                tokio::time::Instant::now() + Duration::from_millis(20 + self.random.below(400));
            while let Ok(event) = tokio::time::timeout_at(until, stream.next()).await {
                let Some(event) = event else {
                    self.seen.faults.push("ended by the server".to_owned());
                    return self.seen;
                };
                event.list().iter().for_each(|event| self.seen.note(event));
            }
            let last_id = stream.last_id.clone();
            if self.random.below(2) == 0 {
                self.seen.tally.unclean += 1;
                drop(stream);
                self.pause().await;
                stream = open(&last_id).await;
            } else {
                // Opens a second stream, as a second tab would. The newer stream gets what the
                // older one had not read by then.
                self.seen.tally.replaced += 1;
                stream = open(&last_id).await;
            }
        }
        self.seen
    }

    async fn ask(&self, stream: &mut TcpStream) {
        let request = format!(
            "GET /listen?conn_id={} HTTP/1.1\r\nHost: {}\r\n\r\n",
            self.conn_id, self.address
        );
        stream.write_all(request.as_bytes()).await.unwrap();
    }
}

async fn open(address: String, conn_id: String) -> WebSocketStream<TcpStream> {
    let request = format!("ws://{address}/ws?conn_id={conn_id}")
        .into_client_request()
        .unwrap();
    let stream = TcpStream::connect(&address).await.unwrap();
    client_async(request, stream).await.unwrap().0
}

fn first_timestamp(list: &str) -> Option<String> {
    let events: Vec<Value> = serde_json::from_str(list).unwrap();
    events.first().map(|event| event["timestamp"].to_string())
}

/// Reads one answer, up to its content length.
async fn answer(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    let head = String::from_utf8(head).unwrap().to_lowercase();
    assert!(head.starts_with("http/1.1 200"), "{head}");
    let length = head
        .split("content-length: ")
        .nth(1)
        .unwrap()
        .split('\r')
        .next()
        .unwrap()
        .parse()
        .unwrap();
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.unwrap();
    String::from_utf8(body).unwrap()
}
