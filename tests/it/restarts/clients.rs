//! Clients like those in pages: when the server is gone, they come back with the same connection.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::Message;

use super::record::ClientRecord;
use crate::support::event_stream::EventStream;

/// The time that a client waits before it tries again.
const PAUSE: Duration = Duration::from_millis(50);

#[derive(Clone, Copy, Debug)]
pub(super) enum Transport {
    Websocket,
    EventStream,
    LongPoll,
}

/// A client that comes back until it has received the last message.
pub(super) struct Client {
    address: String,
    conn_id: String,
    transport: Transport,
    http: reqwest::Client,
    seen: ClientRecord,
}

impl Client {
    pub(super) fn new(
        address: String,
        conn_id: String,
        channel: usize,
        transport: Transport,
    ) -> Self {
        Self {
            address,
            conn_id,
            transport,
            http: reqwest::Client::builder().no_proxy().build().unwrap(),
            seen: ClientRecord::of(channel),
        }
    }

    pub(super) async fn listen(mut self, is_over: Arc<AtomicBool>) -> ClientRecord {
        let mut last_id = String::new();
        while !self.seen.has_ended && self.seen.faults.is_empty() && !is_over.load(Relaxed) {
            match self.transport {
                Transport::Websocket => self.by_websocket().await,
                Transport::EventStream => self.by_event_stream(&mut last_id).await,
                Transport::LongPoll => self.by_long_poll().await,
            }
        }
        self.seen
    }

    async fn by_websocket(&mut self) {
        let url = format!("ws://{}/ws?conn_id={}", self.address, self.conn_id);
        let Ok((mut socket, _)) = connect_async(url).await else {
            return tokio::time::sleep(PAUSE).await;
        };
        while !self.seen.has_ended {
            match socket.next().await {
                Some(Ok(Message::Text(text))) => self.seen.note_list(&text),
                // The answer would otherwise wait in the sink, where a close would overtake it.
                Some(Ok(Message::Ping(_))) => drop(socket.flush().await),
                Some(Ok(Message::Close(Some(close)))) if u16::from(close.code) != 1012 => {
                    self.seen.faults.push(format!("closed: {close:?}"));
                }
                Some(Ok(_)) => {}
                Some(Err(_)) | None => break,
            }
        }
    }

    async fn by_event_stream(&mut self, last_id: &mut String) {
        let url = format!("http://{}/sse?conn_id={}", self.address, self.conn_id);
        let request = self.http.get(url).header("Last-Event-ID", last_id.as_str());
        let Ok(response) = request.send().await else {
            return tokio::time::sleep(PAUSE).await;
        };
        match response.status().as_u16() {
            200 => {}
            status => return self.seen.faults.push(format!("stream refused: {status}")),
        }
        let mut stream = EventStream::of(response, last_id);
        while !self.seen.has_ended
            && let Some(event) = stream.next().await
        {
            if event.name.is_empty() {
                event.list().iter().for_each(|event| self.seen.note(event));
            }
        }
        last_id.clone_from(&stream.last_id);
        tokio::time::sleep(PAUSE).await;
    }

    async fn by_long_poll(&mut self) {
        let url = format!("http://{}/listen?conn_id={}", self.address, self.conn_id);
        let Ok(answer) = self.http.get(url).send().await else {
            return tokio::time::sleep(PAUSE).await;
        };
        match answer.status().as_u16() {
            200 => match answer.text().await {
                Ok(list) => self.seen.note_list(&list),
                Err(_) => tokio::time::sleep(PAUSE).await,
            },
            503 => tokio::time::sleep(PAUSE).await,
            status => self.seen.faults.push(format!("poll refused: {status}")),
        }
    }
}
