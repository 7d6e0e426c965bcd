//! The endpoints that the documents list, and the events that clients receive.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};

use super::filled;
use crate::support::client::Backend;
use crate::support::server::Server;
use crate::support::websocket::WebSocket;

/// README of 0.7, page of 0.6: "Data format and endpoints", "Client API", "Admin API".
const ENDPOINTS: &str = "* /connect **POST** connects users to the server
* /subscribe **POST** Subscribes connection to new channels
* /unsubscribe **POST** Removes connection from channels
* /user_state **POST** set the state of specific user
* /message **POST** Send message to channels and/or users
* /message **DELETE** Delete message from history and emit changes
* /message **PATCH** Edit existing message in history and emit changes
* /channel_config **POST** Set channel configuration
* /info **POST** Returns channel information
* /ws **GET** Handles websocket connections
* /listen **GET** Handles long polling connections
* /disconnect **GET** Permanently remove connection from server
* /disconnect **POST** Permanently remove connection from server
* /admin/admin.json **GET** Return server information in json format for admin panel purposes
* /admin/admin.json **POST** Return server information in json format for admin panel purposes";

#[tokio::test(flavor = "multi_thread")]
async fn every_endpoint_of_the_documents_exists() {
    let server = Server::start(&[("wake-connections-after", "0.05")]);
    let backend = Backend::of(&server);
    let id = backend.connect("alice", &["room"]).await;
    let uuid = backend
        .post(
            "/message",
            json!([{"user": "x", "channel": "room", "message": {}}]),
        )
        .await[0]["uuid"]
        .clone();
    for line in ENDPOINTS.lines() {
        let mut words = line.strip_prefix("* ").unwrap().split(' ');
        let (path, method) = (
            words.next().unwrap(),
            words.next().unwrap().trim_matches('*'),
        );
        let body = match (path, method) {
            ("/connect", _) => json!({"username": "bob"}),
            ("/subscribe" | "/unsubscribe", _) => json!({"conn_id": id, "channels": ["more"]}),
            ("/user_state", _) => json!({"user": "alice", "user_state": {"a": 1}}),
            ("/message", "POST") => json!([{"user": "x", "channel": "room", "message": {}}]),
            ("/message", _) => json!([{"uuid": uuid, "channel": "room"}]),
            ("/channel_config", _) => json!({"room": {"store_history": true}}),
            ("/info", _) => json!({"info": {}}),
            ("/disconnect", "POST") => json!({"conn_id": backend.connect("carol", &[]).await}),
            _ => Value::Null,
        };
        let request = match (path, method) {
            // A websocket is opened below. Without an upgrade it is refused, but not as unknown.
            ("/ws" | "/listen", _) => backend.request(Method::GET, &format!("{path}?conn_id={id}")),
            ("/disconnect", "GET") => backend.request(
                Method::GET,
                &format!("{path}?conn_id={}", backend.connect("dave", &[]).await),
            ),
            (_, method) => backend.request(method.parse().unwrap(), path).json(&body),
        };
        let response = request.send().await.unwrap();
        assert_eq!(
            response.status(),
            if path == "/ws" { 426 } else { 200 },
            "{line}"
        );
    }
    assert!(WebSocket::open(&server.address, &id).await.is_ok());
}

/// README of 0.7, page of 0.6: "Currently following message types are emited".
const TYPES: &str = "`message`, `message:edit`, `message:delete`, `presence`, `user_state_change`";

/// README of 0.7, page of 0.6, page of 0.6.0: "new message". The documents say `date`, but every
/// release since 0.5 sends `timestamp`.
const NEW_MESSAGE: &str = r#"{
    "date": "2011-09-15T11:36:18.471862",
    "message": MSG_PAYLOAD,
    "type": "message",
    "user": "NAME_OF_POSTER",
    "channel": "CHAN_NAME"
    }"#;

/// The same documents: "presence info".
const PRESENCE: &str = r#"{
    "date": "2011-09-15T11:43:47.434905",
    "message": {"action":"joined/parted"},
    "type": "presence",
    "user": "NAME_OF_POSTER",
    "channel": "CHAN_NAME"
    }"#;

/// Checks that an event has all that the document shows. Its time has the same form, under the name
/// that it has since 0.5.
fn assert_like(event: &Value, mut shown: Value) {
    let shown = shown.as_object_mut().unwrap();
    let date = shown.remove("date").unwrap();
    for (key, value) in shown {
        assert_eq!(&event[key], value, "{key}: {event}");
    }
    let mask = |time: &Value| {
        time.as_str()
            .unwrap()
            .replace(|digit: char| digit.is_ascii_digit(), "0")
    };
    let timestamp = mask(&event["timestamp"]);
    // A time in whole seconds has no fraction.
    assert!(mask(&date).starts_with(&timestamp), "{event}");
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_receive_lists_of_these_objects() {
    let server = Server::start(&[]);
    let backend = Backend::of(&server);
    let config = json!({"CHAN_NAME": {"notify_presence": true, "notify_state": true}});
    backend.post("/channel_config", config).await;
    let conn_id = backend.connect("alice", &["CHAN_NAME"]).await;
    // A frame that is not a list fails the test.
    let mut socket = WebSocket::open(&server.address, &conn_id).await.unwrap();
    let other = backend.connect("NAME_OF_POSTER", &["CHAN_NAME"]).await;
    let joined = socket.event().await;
    assert_like(&joined, filled(PRESENCE, &[("joined/parted", "joined")]));

    let payload = ("MSG_PAYLOAD", "{\"any\": [\"thing\"]}");
    let message =
        json!([{"user": "NAME_OF_POSTER", "channel": "CHAN_NAME", "message": {"any": ["thing"]}}]);
    let uuid = backend.post("/message", message).await[0]["uuid"].clone();
    let message = socket.event().await;
    assert_like(&message, filled(NEW_MESSAGE, &[payload]));

    let edit = json!([{"uuid": uuid, "channel": "CHAN_NAME", "message": {}}]);
    assert!(
        backend
            .send(Method::PATCH, "/message", &edit)
            .await
            .status()
            .is_success()
    );
    let deletion = json!([{"uuid": uuid, "channel": "CHAN_NAME"}]);
    assert!(
        backend
            .send(Method::DELETE, "/message", &deletion)
            .await
            .status()
            .is_success()
    );
    backend
        .post(
            "/user_state",
            json!({"user": "NAME_OF_POSTER", "user_state": {"a": 1}}),
        )
        .await;
    let mut events = vec![joined, message];
    for _ in 0..3 {
        events.push(socket.event().await);
    }
    backend.post("/disconnect", json!({"conn_id": other})).await;
    let parted = socket.event().await;
    assert_like(&parted, filled(PRESENCE, &[("joined/parted", "parted")]));

    let seen: BTreeSet<_> = events
        .iter()
        .map(|event| format!("`{}`", event["type"].as_str().unwrap()))
        .collect();
    assert_eq!(seen, TYPES.split(", ").map(str::to_owned).collect());
}
