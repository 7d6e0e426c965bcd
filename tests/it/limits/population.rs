//! The limits of connections, users and channels.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::client::Backend;
use crate::support::eventually;
use crate::support::server::Server;
use crate::support::websocket::WebSocket;

/// Makes a call that must be refused with 503 and the name of this setting.
async fn assert_full(backend: &Backend, path: &str, body: &Value, setting: &str) {
    let response = backend.send(Method::POST, path, body).await;
    assert_eq!(response.status(), 503, "{path} {body}");
    assert!(response.headers().contains_key("retry-after"), "{path}");
    let text = response.text().await.unwrap();
    assert!(text.contains(setting), "{path} {body}: {text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn max_channels_limits_the_number_of_channels() {
    let server = Server::start(&[("max-channels", "3")]);
    let backend = Backend::of(&server);
    let conn_id = backend.connect("alice", &["a", "b"]).await;
    backend.post("/channel_config", json!({"c": {}})).await;
    for (path, body) in [
        ("/connect", json!({"username": "alice", "channels": ["d"]})),
        (
            "/connect",
            json!({"username": "alice", "channels": ["a", "d"]}),
        ),
        (
            "/subscribe",
            json!({"conn_id": conn_id, "channels": ["c", "d"]}),
        ),
        ("/channel_config", json!({"d": {}, "e": {}})),
    ] {
        assert_full(&backend, path, &body, "max_channels").await;
    }
    // Channels that exist need no room.
    let all = json!({"username": "bob", "channels": ["a", "b", "c", "c"]});
    backend.post("/connect", all).await;
    let info = backend.post("/info", json!({"info": {}})).await;
    assert_eq!(info["channels"].as_object().unwrap().len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn max_users_limits_the_number_of_users() {
    let server = Server::start(&[("max-users", "2")]);
    let backend = Backend::of(&server);
    backend.connect("alice", &[]).await;
    backend.connect("bob", &[]).await;
    assert_full(
        &backend,
        "/connect",
        &json!({"username": "carol"}),
        "max_users",
    )
    .await;
    backend.connect("bob", &["room"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn max_connections_limits_the_number_of_connections() {
    // The sockets of the test's own calls count too, so there is room for more of them.
    let server = Server::start(&[("max-connections", "4")]);
    let backend = Backend::of(&server);
    let mut last = String::new();
    for user in ["a", "b", "c", "d"] {
        last = backend.connect(user, &[]).await;
    }
    assert_full(
        &backend,
        "/connect",
        &json!({"username": "e"}),
        "max_connections",
    )
    .await;
    // An existing connection may be used again, and when one has ended there is room.
    backend
        .post("/connect", json!({"username": "d", "conn_id": last}))
        .await;
    backend.post("/disconnect", json!({"conn_id": last})).await;
    eventually("there is room again", async || {
        let body = json!({"username": "e"});
        backend.send(Method::POST, "/connect", &body).await.status() == 200
    })
    .await;
}

/// Opens sockets that send nothing, until this many are open.
async fn idle_sockets(server: &Server, count: usize) -> Vec<TcpStream> {
    let mut sockets = Vec::new();
    for _ in 0..count {
        sockets.push(TcpStream::connect(&server.address).await.unwrap());
    }
    sockets
}

/// Sends a request on a new socket, and returns everything that the server sends until it closes.
async fn ask(server: &Server, head: &str) -> String {
    let mut socket = TcpStream::connect(&server.address).await.unwrap();
    let request = format!("GET {head} HTTP/1.1\r\nHost: x\r\n\r\n");
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_above_max_connections_gets_an_answer_that_it_can_read() {
    let server = Server::start(&[("max-connections", "8"), ("head-timeout", "600")]);
    let backend = Backend::of(&server);
    let conn_id = backend.connect("alice", &["room"]).await;
    let mut within = WebSocket::open(&server.address, &conn_id).await.unwrap();
    // Six more sockets, beside the backend's own and the websocket.
    let idle = idle_sockets(&server, 6).await;
    let other_id = backend.connect("bob", &[]).await;
    let mut reason = String::new();
    // The server counts a socket when a thread has taken it, which may be later.
    eventually("a websocket is closed with 1013", async || {
        let mut beyond = WebSocket::open(&server.address, &other_id).await.unwrap();
        match beyond.ended(Duration::from_millis(500)).await.flatten() {
            Some((1013, text)) => {
                reason = text;
                true
            }
            _ => false,
        }
    })
    .await;
    assert!(reason.contains("max_connections"), "{reason}");
    let stream = ask(&server, &format!("/sse?conn_id={conn_id}")).await;
    assert!(stream.starts_with("HTTP/1.1 200"), "{stream}");
    assert!(
        stream.contains("1013") && stream.contains("max_connections"),
        "{stream}"
    );
    let poll = ask(&server, &format!("/listen?conn_id={conn_id}")).await;
    assert!(poll.starts_with("HTTP/1.1 503"), "{poll}");
    assert!(poll.contains("max_connections"), "{poll}");
    // Probes and signed calls are answered, and their events reach the clients that were connected
    // before.
    assert!(ask(&server, "/health").await.starts_with("HTTP/1.1 200"));
    let other = Backend::of(&server);
    other.say("room", json!({"n": 1})).await;
    assert_eq!(within.event().await["message"]["n"], 1);
    // When sockets have closed there is room.
    drop(idle);
    eventually("a websocket stays open", async || {
        let conn_id = backend.connect("bob", &[]).await;
        let mut socket = WebSocket::open(&server.address, &conn_id).await.unwrap();
        socket.ended(Duration::from_millis(200)).await.is_none()
    })
    .await;
}
