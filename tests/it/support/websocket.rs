//! A websocket client that collects the events that it receives.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use tokio::sync::{mpsc, watch};
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Error, Message};

/// The code and reason of the close frame.
pub(crate) type End = Option<(u16, String)>;

pub(crate) struct WebSocket {
    events: mpsc::UnboundedReceiver<Value>,
    /// How many events the test has taken.
    taken: usize,
    heartbeats: Arc<AtomicUsize>,
    /// How many events had come before the last ping.
    pinged: watch::Receiver<usize>,
    to_send: mpsc::UnboundedSender<Message>,
    end: watch::Receiver<Option<End>>,
}

impl WebSocket {
    pub(crate) async fn open(address: &str, conn_id: &str) -> Result<Self, Error> {
        Self::open_with(&format!("ws://{address}/ws?conn_id={conn_id}")).await
    }

    pub(crate) async fn open_with(url: &str) -> Result<Self, Error> {
        let (stream, _) = connect_async(url).await?;
        let (mut sink, mut stream) = stream.split();
        let (to_events, events) = mpsc::unbounded_channel();
        let (to_send, mut sendable) = mpsc::unbounded_channel();
        let (to_end, end) = watch::channel(None);
        let (to_pinged, pinged) = watch::channel(0);
        let heartbeats = Arc::new(AtomicUsize::new(0));
        let counter = heartbeats.clone();
        tokio::spawn(async move {
            let mut said: End = None;
            let mut come = 0;
            loop {
                tokio::select! {
                    message = sendable.recv() => {
                        let Some(message) = message else { break };
                        if sink.send(message).await.is_err() { break }
                    }
                    message = stream.next() => match message {
                        Some(Ok(Message::Text(text))) => {
                            let list: Vec<Value> = serde_json::from_str(&text)
                                .unwrap_or_else(|_| panic!("not a list: {text}"));
                            if list.is_empty() {
                                counter.fetch_add(1, Ordering::Relaxed);
                            }
                            come += list.len();
                            for event in list {
                                let _ = to_events.send(event);
                            }
                        }
                        Some(Ok(Message::Close(Some(CloseFrame { code, reason })))) => {
                            said = Some((code.into(), reason.to_string()));
                        }
                        Some(Ok(Message::Ping(_))) => {
                            // The answer would otherwise wait in the sink, where a close would
                            // overtake it.
                            if sink.flush().await.is_err() { break }
                            let _ = to_pinged.send(come);
                        }
                        Some(Ok(_)) => {}
                        Some(Err(_)) | None => break,
                    }
                }
            }
            let _ = to_end.send(Some(said));
        });
        Ok(Self {
            events,
            taken: 0,
            heartbeats,
            pinged,
            to_send,
            end,
        })
    }

    /// Waits up to `within` until `count` events have come, then `quiet` more. Returns all events
    /// that came.
    pub(crate) async fn events(
        &mut self,
        count: usize,
        within: Duration,
        quiet: Duration,
    ) -> Vec<Value> {
        let mut events = Vec::new();
        let deadline = Instant::now() + within;
        while events.len() < count {
            match tokio::time::timeout_at(deadline.into(), self.take()).await {
                Ok(Some(event)) => events.push(event),
                _ => break,
            }
        }
        let deadline = Instant::now() + quiet;
        while let Ok(Some(event)) = tokio::time::timeout_at(deadline.into(), self.take()).await {
            events.push(event);
        }
        if quiet > Duration::ZERO {
            tokio::time::sleep_until(deadline.into()).await;
        }
        events
    }

    /// Returns the next event, and fails if it does not come soon.
    pub(crate) async fn event(&mut self) -> Value {
        tokio::time::timeout(Duration::from_secs(10), self.take())
            .await
            .expect("no event came")
            .expect("the socket is closed")
    }

    async fn take(&mut self) -> Option<Value> {
        let event = self.events.recv().await?;
        self.taken += 1;
        Some(event)
    }

    pub(crate) fn heartbeats(&self) -> usize {
        self.heartbeats.load(Ordering::Relaxed)
    }

    /// Waits for a ping that came after all events that the test has taken. The answer to it is
    /// sent before anything else. A heartbeat may have sent a ping before the events.
    pub(crate) async fn wait_for_ping(&mut self) {
        let taken = self.taken;
        let pinged = self.pinged.wait_for(|before| *before >= taken);
        tokio::time::timeout(Duration::from_secs(10), pinged)
            .await
            .expect("no ping came")
            .expect("the socket is closed");
    }

    pub(crate) fn send(&self, message: Message) {
        let _ = self.to_send.send(message);
    }

    /// Closes the websocket with a handshake.
    pub(crate) fn close(&self) {
        self.send(Message::Close(None));
    }

    /// Waits for the end, and returns the code and reason of the server's close frame.
    pub(crate) async fn ended(&mut self, within: Duration) -> Option<End> {
        let ended = tokio::time::timeout(within, self.end.wait_for(Option::is_some)).await;
        ended
            .ok()
            .and_then(|end| end.ok().and_then(|end| end.clone()))
    }
}
