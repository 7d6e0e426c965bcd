//! What callers of releases before 0.7 say is understood.

use serde_json::{Value, json};

use crate::support::client::Backend;
use crate::support::server::Server;
use crate::support::websocket::WebSocket;

#[tokio::test(flavor = "multi_thread")]
async fn connect_takes_user_for_username() {
    let server = Server::start(&[]);
    let answer = Backend::of(&server).post("/connect", json!({"user": "alice", "channels": ["room"]})).await;
    assert_eq!(answer["username"], "alice");
}

#[tokio::test(flavor = "multi_thread")]
async fn user_status_sets_a_state_value() {
    let server = Server::start(&[]);
    let backend = Backend::of(&server);
    backend.post("/channel_config", json!({"room": {"notify_state": true}})).await;
    let connect = json!({"username": "alice", "channels": ["room"], "state_public_keys": ["status"]});
    let conn_id = backend.post("/connect", connect).await["conn_id"].as_str().unwrap().to_owned();
    let mut socket = WebSocket::open(&server.address, &conn_id).await.unwrap();
    let answer = backend.post("/user_status", json!({"user": "alice", "status": 3})).await;
    assert_eq!(answer["user_state"], json!({"status": 3}));
    assert_eq!(socket.event().await["message"]["state"], json!({"status": 3}));
    let response = backend.send(reqwest::Method::POST, "/user_status", &json!({"user": "nobody", "status": []})).await;
    let expected = json!({"user": ["Unknown user"], "status": ["Value is not type of string, integer, boolean or float."]});
    assert_eq!((response.status().as_u16(), response.json::<Value>().await.unwrap()), (422, expected));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_and_one_point_zero_and_true_are_different_values() {
    let server = Server::start(&[]);
    let backend = Backend::of(&server);
    backend.connect("alice", &[]).await;
    for value in ["1", "1.0", "true", "\"1\"", "null"] {
        let value: Value = serde_json::from_str(value).unwrap();
        let answer = backend.post("/user_state", json!({"user": "alice", "user_state": {"a": value}})).await;
        assert_eq!(answer["changed_state"][0]["value"], value);
        let again = backend.post("/user_state", json!({"user": "alice", "user_state": {"a": value}})).await;
        assert_eq!(again["changed_state"], json!([]));
    }
}
