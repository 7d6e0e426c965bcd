//! Tests of websocket and long-poll: what they report when they end, and which of two transports
//! wins.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::client::Backend;
use crate::support::server::Server;
use crate::support::websocket::WebSocket;

const TIMEOUT: Duration = Duration::from_secs(5);

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_connection_is_told_to_connect_again() {
    let server = Server::start(&[]);
    let unknown = Uuid::new_v4().to_string();
    let mut socket = WebSocket::open(&server.address, &unknown).await.unwrap();
    assert_eq!(socket.ended(TIMEOUT).await.flatten().unwrap().0, 4004);
    let response = Backend::of(&server).listen(&unknown).await;
    assert_eq!(response.status(), 401);
    assert!(response.text().await.unwrap().contains("connect again"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_newer_of_two_websockets_wins() {
    let server = Server::start(&[]);
    let backend = Backend::of(&server);
    let conn_id = backend.connect("alice", &["room"]).await;
    let mut older = WebSocket::open(&server.address, &conn_id).await.unwrap();
    backend.say("room", json!({"n": 1})).await;
    assert_eq!(older.event().await["message"]["n"], 1);
    let mut newer = WebSocket::open(&server.address, &conn_id).await.unwrap();
    assert_eq!(older.ended(TIMEOUT).await.flatten().unwrap().0, 4001);
    backend.say("room", json!({"n": 2})).await;
    let events = newer.events(1, TIMEOUT, Duration::from_millis(200)).await;
    assert_eq!(
        events
            .iter()
            .map(|event| event["message"]["n"].as_u64())
            .collect::<Vec<_>>(),
        [Some(2)]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_newer_of_two_polls_wins_and_the_older_ends_at_once() {
    let server = Server::start(&[("wake-connections-after", "30"), ("gc-conns-after", "60")]);
    let backend = Backend::of(&server);
    let conn_id = backend.connect("alice", &["room"]).await;
    let poll = || {
        let (backend, conn_id) = (backend.clone(), conn_id.clone());
        tokio::spawn(async move {
            backend
                .listen(&conn_id)
                .await
                .json::<Vec<Value>>()
                .await
                .unwrap()
        })
    };
    let first = poll();
    tokio::time::sleep(Duration::from_millis(200)).await;
    let second = poll();
    assert_eq!(
        tokio::time::timeout(TIMEOUT, first).await.unwrap().unwrap(),
        Vec::<Value>::new()
    );
    backend.say("room", json!({"n": 1})).await;
    assert_eq!(
        tokio::time::timeout(TIMEOUT, second)
            .await
            .unwrap()
            .unwrap()[0]["message"]["n"],
        1
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_websocket_takes_over_from_a_poll() {
    let server = Server::start(&[("wake-connections-after", "30"), ("gc-conns-after", "60")]);
    let backend = Backend::of(&server);
    let conn_id = backend.connect("alice", &["room"]).await;
    let poll = tokio::spawn({
        let (backend, conn_id) = (backend.clone(), conn_id.clone());
        async move { backend.listen(&conn_id).await.text().await.unwrap() }
    });
    tokio::time::sleep(Duration::from_millis(200)).await;
    let mut socket = WebSocket::open(&server.address, &conn_id).await.unwrap();
    assert_eq!(
        tokio::time::timeout(TIMEOUT, poll).await.unwrap().unwrap(),
        "[]"
    );
    backend.say("room", json!({"n": 1})).await;
    assert_eq!(socket.event().await["message"]["n"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_with_a_callback_is_a_script() {
    let server = Server::start(&[]);
    let backend = Backend::of(&server);
    let conn_id = backend.connect("alice", &["room"]).await;
    backend.say("room", json!({"n": 1})).await;
    let path = format!("/listen?conn_id={conn_id}&callback=app.on_message");
    let response = backend.unsigned(Method::GET, &path).send().await.unwrap();
    assert!(
        response.headers()["content-type"]
            .to_str()
            .unwrap()
            .starts_with("text/javascript")
    );
    assert_eq!(response.headers()["x-content-type-options"], "nosniff");
    let text = response.text().await.unwrap();
    assert!(
        text.starts_with("app.on_message([{") && text.ends_with("}])"),
        "{text}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_is_passed_on_unchanged() {
    let server = Server::start(&[]);
    let backend = Backend::of(&server);
    let conn_id = backend.connect("alice", &["room"]).await;
    let message = r#"{"z": 1, "a": 12345678901234567890123, "é": "\u00e9", "n": 1.10}"#;
    let body = format!(r#"[{{"user": "b", "channel": "room", "message": {message}}}]"#);
    let answer = backend
        .request(Method::POST, "/message")
        .body(body)
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    let read = backend.listen(&conn_id).await.text().await.unwrap();
    assert!(
        answer.contains(message) && read.contains(message),
        "{answer}\n{read}"
    );
}
