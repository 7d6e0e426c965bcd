//! An application's backend: signed calls.

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

    /// Calls the server at one of its addresses.
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

    /// A signed request without a body.
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

    /// A call that must succeed.
    pub(crate) async fn post(&self, path: &str, body: Value) -> Value {
        let response = self.send(Method::POST, path, &body).await;
        let status = response.status();
        let text = response.text().await.unwrap();
        assert!(status.is_success(), "{path} {body}: {status} {text}");
        serde_json::from_str(&text).unwrap()
    }

    /// Connects a user; its new connection's id.
    pub(crate) async fn connect(&self, user: &str, channels: &[&str]) -> String {
        let answer = self
            .post("/connect", json!({"username": user, "channels": channels}))
            .await;
        answer["conn_id"].as_str().unwrap().to_owned()
    }

    /// Sends a message to a channel.
    pub(crate) async fn say(&self, channel: &str, message: Value) {
        self.post(
            "/message",
            json!([{"user": "backend", "channel": channel, "message": message}]),
        )
        .await;
    }

    /// A long-poll's answer.
    pub(crate) async fn listen(&self, conn_id: &str) -> Response {
        self.unsigned(Method::GET, &format!("/listen?conn_id={conn_id}"))
            .send()
            .await
            .unwrap()
    }
}
