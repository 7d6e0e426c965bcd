//! A client that takes random steps, as clients and their applications do.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::agreement::Member;
use crate::support::client::Backend;
use crate::support::random::Random;
use crate::support::websocket::WebSocket;

/// The number of channels beside the one that all clients are in at the end.
const CHANNELS: u64 = 5;

/// The longest time that a call may be refused with 503.
const TIMEOUT: Duration = Duration::from_secs(10);

pub(super) struct Client {
    backend: Backend,
    address: String,
    user: String,
    conn_id: String,
    socket: Option<WebSocket>,
    random: Random,
}

impl Client {
    /// Makes a client. Every two clients are one user.
    pub(super) fn new(backend: Backend, address: String, index: u64) -> Self {
        let (user, conn_id) = (format!("user-{}", index / 2), Uuid::new_v4().to_string());
        Self {
            backend,
            address,
            user,
            conn_id,
            socket: None,
            random: Random::new(index),
        }
    }

    pub(super) async fn run(mut self, steps: u64) -> Self {
        for _ in 0..steps {
            self.step().await;
        }
        self
    }

    async fn step(&mut self) {
        match self.random.below(12) {
            0..3 => self.connect().await,
            3..5 => {
                let channels = self.some_channels();
                self.subscribe(&channels).await;
            }
            5..7 => {
                let body = json!({"conn_id": self.conn_id, "channels": self.some_channels()});
                self.send("/unsubscribe", body).await;
            }
            7 => {
                // The page is closed, and its beacon may arrive at any time.
                let _ = tokio::join!(self.disconnect(), self.open());
                self.socket = None;
            }
            8 => {
                // The page is reloaded: the beacon of the old page and the call of the new one have
                // the same id.
                let connect = json!({
                    "username": self.user,
                    "conn_id": self.conn_id,
                    "channels": self.some_channels(),
                });
                tokio::join!(self.disconnect(), self.send("/connect", connect));
            }
            9 => self.socket = self.open().await,
            10 => self.socket = None,
            _ => {
                let channel = json!({"channel": self.some_channels()[0]});
                self.send("/admin/forget_channel", channel).await;
            }
        }
    }

    fn some_channels(&mut self) -> Vec<String> {
        let count = 1 + self.random.below(CHANNELS);
        (0..count)
            .map(|_| format!("channel-{}", self.random.below(CHANNELS)))
            .collect()
    }

    async fn connect(&mut self) {
        if self.random.below(2) == 0 {
            self.conn_id = Uuid::new_v4().to_string();
        }
        let connect = json!({
            "username": self.user,
            "conn_id": self.conn_id,
            "channels": self.some_channels(),
        });
        self.send("/connect", connect).await;
    }

    async fn disconnect(&self) {
        self.send("/disconnect", json!({"conn_id": self.conn_id}))
            .await;
    }

    async fn open(&self) -> Option<WebSocket> {
        WebSocket::open(&self.address, &self.conn_id).await.ok()
    }

    async fn subscribe(&self, channels: &[String]) -> Value {
        self.send(
            "/subscribe",
            json!({"conn_id": self.conn_id, "channels": channels}),
        )
        .await
    }

    /// Makes a call that may be refused since the connection has ended. A call that the server
    /// cannot take at the moment is sent again.
    async fn send(&self, path: &str, body: Value) -> Value {
        let start = Instant::now();
        loop {
            let response = self.backend.send(Method::POST, path, &body).await;
            let (status, text) = (response.status().as_u16(), response.text().await.unwrap());
            match status {
                200 | 422 => return serde_json::from_str(&text).unwrap(),
                503 => assert!(
                    start.elapsed() < TIMEOUT,
                    "{path} {body} is refused again and again: {text}"
                ),
                _ => panic!("{path} {body}: {status} {text}"),
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Listens again. Returns the client with the channels that its connection is subscribed to,
    /// according to the server's answer.
    pub(super) async fn into_member(mut self) -> Member {
        self.socket = None;
        let answer = self
            .send(
                "/connect",
                json!({"username": self.user, "conn_id": self.conn_id, "channels": ["all"]}),
            )
            .await;
        assert_eq!(answer["conn_id"], self.conn_id.as_str(), "{answer}");
        let answer = self.subscribe(&["all".to_owned()]).await;
        let channels: BTreeSet<_> = answer["channels"]
            .as_array()
            .unwrap()
            .iter()
            .map(|name| name.as_str().unwrap().to_owned())
            .collect();
        let mut socket = self.open().await.unwrap();
        assert!(socket.ended(Duration::ZERO).await.is_none());
        Member {
            user: self.user,
            channels,
            socket,
        }
    }
}
