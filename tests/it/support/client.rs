//! The backend of an application, which makes signed calls.

use reqwest::{Method, RequestBuilder, Response, redirect};
use serde_json::{Value, json};

use super::server::Server;
use super::signing::{now, sign};

#[derive(Clone)]
pub(crate) struct Backend {
    http: reqwest::Client,
    address: String,
}

impl Backend {
    pub(crate) fn of(server: &Server) -> Self {
        Self::at(&server.address)
    }

    /// Returns a backend that calls the server at this address.
    pub(crate) fn at(address: &str) -> Self {
        let http = reqwest::Client::builder()
            .redirect(redirect::Policy::none())
            .no_proxy()
            .build()
            .unwrap();
        Self {
            http,
            address: address.to_owned(),
        }
    }

    /// Returns a signed request without a body.
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.unsigned(method, path)
            .header("x-channelstream-secret", sign("secret", path, now()))
    }

    pub(crate) fn unsigned(&self, method: Method, path: &str) -> RequestBuilder {
        self.http
            .request(method, format!("http://{}{path}", self.address))
    }

    pub(crate) async fn send(&self, method: Method, path: &str, body: &Value) -> Response {
        self.request(method, path).json(body).send().await.unwrap()
    }

    /// Makes a call that must succeed, and returns its answer.
    pub(crate) async fn post(&self, path: &str, body: Value) -> Value {
        let response = self.send(Method::POST, path, &body).await;
        let status = response.status();
        let text = response.text().await.unwrap();
        assert!(status.is_success(), "{path} {body}: {status} {text}");
        serde_json::from_str(&text).unwrap()
    }

    /// Connects a user, and returns the id of its new connection.
    pub(crate) async fn connect(&self, user: &str, channels: &[&str]) -> String {
        let answer = self
            .post("/connect", json!({"username": user, "channels": channels}))
            .await;
        answer["conn_id"].as_str().unwrap().to_owned()
    }

    /// Sends a message to a channel.
    pub(crate) async fn say(&self, channel: &str, message: Value) {
        self.post("/message", said(channel, &message)).await;
    }

    /// Sends a message to a channel. Returns the answer, whatever it is.
    pub(crate) async fn try_to_say(&self, channel: &str, message: Value) -> Response {
        let body = said(channel, &message);
        self.send(Method::POST, "/message", &body).await
    }

    /// Returns the answer of a long-poll.
    pub(crate) async fn listen(&self, conn_id: &str) -> Response {
        self.unsigned(Method::GET, &format!("/listen?conn_id={conn_id}"))
            .send()
            .await
            .unwrap()
    }
}

/// Returns the body of a call that sends a message to a channel.
fn said(channel: &str, message: &Value) -> Value {
    json!([{"user": "backend", "channel": channel, "message": message}])
}
