//! The calls whose instructions are counted. One client makes them one after the other on one
//! connection. As far as possible, each call finds the server in the same state as the one before.

use anyhow::{Result, ensure};
use uuid::Uuid;

use crate::http::Http;
use crate::target::{SubscriberSpec, Target};

/// The kinds of calls, in the order in which they are counted.
#[derive(Clone, Copy, Debug)]
pub(super) enum Call {
    Message,
    Connect,
    Subscribe,
    Unsubscribe,
    UserState,
    Info,
}

/// The channels. Each is for one kind of call, so that no kind changes the state for another.
mod channel {
    pub(super) const OF_MESSAGES: usize = 0;
    pub(super) const OF_CONNECTIONS: usize = 1;
    pub(super) const TO_SUBSCRIBE: usize = 2;
    pub(super) const OF_STATE: usize = 3;
    pub(super) const OF_INFO: usize = 4;
}

/// The number of users in the channel that `/info` is asked for.
const INFO_USERS: usize = 10;

/// The first number of the users who only connect.
const FIRST_TO_CONNECT: usize = 1000;

/// The client.
pub(super) struct Calls {
    target: Target,
    backend: Http,
    /// The connections that `/connect` has made. Other calls use them.
    connections: Vec<Uuid>,
    subscribed: usize,
    unsubscribed: usize,
    /// The last value that `/user_state` set.
    state: u32,
}

impl Call {
    pub(super) const ALL: [Self; 6] = [
        Self::Message,
        Self::Connect,
        Self::Subscribe,
        Self::Unsubscribe,
        Self::UserState,
        Self::Info,
    ];

    /// Returns the name of the kind in the report.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Message => "POST /message, no subscriber",
            Self::Connect => "POST /connect",
            Self::Subscribe => "POST /subscribe",
            Self::Unsubscribe => "POST /unsubscribe",
            Self::UserState => "POST /user_state",
            Self::Info => "POST /info, a channel of 10 users",
        }
    }
}

impl Calls {
    /// Creates the channels and users that the calls need.
    pub(super) async fn prepare(target: &Target) -> Result<Self> {
        let mut calls = Self {
            target: target.clone(),
            backend: target.backend().await?,
            connections: Vec::new(),
            subscribed: 0,
            unsubscribed: 0,
            state: 0,
        };
        let channel = target.channel(channel::OF_MESSAGES);
        let body = format!(r#"{{"{channel}":{{}}}}"#);
        calls.post("/channel_config", &body).await?;
        calls.enter(channel::OF_STATE, 0).await?;
        for user in 0..INFO_USERS {
            calls.enter(channel::OF_INFO, user + 1).await?;
        }
        Ok(calls)
    }

    /// Makes the next call of this kind. `/subscribe` and `/unsubscribe` can be made as often as
    /// `/connect` was made before.
    pub(super) async fn make(&mut self, call: Call) -> Result<()> {
        match call {
            Call::Message => {
                let message = format!(r#"{{"text":"{}"}}"#, "x".repeat(189));
                let request = self
                    .target
                    .publication(channel::OF_MESSAGES, message.as_bytes())?;
                self.call("/message", &request).await
            }
            Call::Connect => {
                let user = FIRST_TO_CONNECT + self.connections.len();
                let conn_id = self.enter(channel::OF_CONNECTIONS, user).await?;
                self.connections.push(conn_id);
                Ok(())
            }
            Call::Subscribe => {
                self.subscribed += 1;
                self.change("/subscribe", self.subscribed - 1).await
            }
            Call::Unsubscribe => {
                self.unsubscribed += 1;
                self.change("/unsubscribe", self.unsubscribed - 1).await
            }
            Call::UserState => {
                self.state += 1;
                let (user, state) = (self.target.user(0), self.state % 2);
                let body = format!(r#"{{"user":"{user}","user_state":{{"status":{state}}}}}"#);
                self.post("/user_state", &body).await
            }
            Call::Info => {
                let channel = self.target.channel(channel::OF_INFO);
                let body = format!(r#"{{"info":{{"channels":["{channel}"]}}}}"#);
                self.post("/info", &body).await
            }
        }
    }

    async fn enter(&mut self, channel: usize, subscriber: usize) -> Result<Uuid> {
        let spec = SubscriberSpec {
            channel,
            subscriber,
            has_small_buffer: false,
        };
        self.target.enter(&mut self.backend, spec).await
    }

    /// Subscribes or unsubscribes a connection. The answer has no list of users, which would grow.
    async fn change(&mut self, path: &str, number: usize) -> Result<()> {
        let conn_id = self.connections.get(number);
        ensure!(conn_id.is_some(), "{path} has no connection left");
        let conn_id = conn_id.copied().unwrap_or_default();
        let channel = self.target.channel(channel::TO_SUBSCRIBE);
        let info = r#"{"include_users":false,"include_history":false}"#;
        let body = format!(r#"{{"conn_id":"{conn_id}","channels":["{channel}"],"info":{info}}}"#);
        self.post(path, &body).await
    }

    async fn post(&mut self, path: &str, body: &str) -> Result<()> {
        let request = self.target.signed("POST", path, body);
        self.call(path, &request).await
    }

    async fn call(&mut self, path: &str, request: &[u8]) -> Result<()> {
        let answer = self.backend.call(request).await?;
        let text = String::from_utf8_lossy(&answer.body);
        ensure!(
            answer.status == 200,
            "POST {path} was answered with {}: {text}",
            answer.status
        );
        Ok(())
    }
}
