//! A panic in the server ends at most one channel, user, connection, socket or request. It is
//! counted, and clients come back and continue. `FAULT_AT` makes a debug build panic at given
//! places.

mod descriptors;

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::metrics::reading::Metrics;
use crate::support::client::Backend;
use crate::support::event_stream::EventStream;
use crate::support::eventually;
use crate::support::folder::Folder;
use crate::support::server::Server;
use crate::support::websocket::WebSocket;

const TIMEOUT: Duration = Duration::from_secs(10);

/// Starts a server that panics at these places.
fn server_with(faults: &str, flags: &[(&str, &str)]) -> (Server, Backend) {
    let server = Server::start_with(flags, &[("FAULT_AT", faults)]);
    let backend = Backend::of(&server);
    (server, backend)
}

/// Waits for a close that tells a page to connect again.
async fn wait_for_close(socket: &mut WebSocket) {
    let (code, reason) = socket.ended(TIMEOUT).await.flatten().unwrap();
    assert_eq!(code, 4004, "{reason}");
    assert!(reason.starts_with("a fault of the server"), "{reason}");
}

/// Waits until the server has counted this many failed actors of a kind, and as many panics.
async fn wait_for_failed_actors(backend: &Backend, kind: &str, actors: f64) {
    let name = format!("channelstream_actor_faults_total{{kind=\"{kind}\"}}");
    eventually("the fault is counted", async || {
        Metrics::read(backend).await.get(&name) == actors
    })
    .await;
    let panics = Metrics::read(backend).await;
    assert_eq!(panics.get("channelstream_panics_total"), actors);
}

/// Makes a call that may be refused while an actor fails, and returns its status.
async fn try_post(backend: &Backend, path: &str, body: Value) -> u16 {
    let answer = backend.send(Method::POST, path, &body).await;
    answer.status().as_u16()
}

/// Returns the users that a channel lists, in their order.
async fn users_of(backend: &Backend, channel: &str) -> Value {
    let asked = json!({"info": {"channels": [channel]}});
    let info = backend.post("/info", asked).await;
    info["channels"][channel]["users"].clone()
}

async fn actor_counts(backend: &Backend) -> [f64; 3] {
    let numbers = Metrics::read(backend).await;
    ["channel", "user", "connection"]
        .map(|kind| numbers.get(&format!("channelstream_actors{{kind=\"{kind}\"}}")))
}

async fn check_channel_panic(flags: &[(&str, &str)]) {
    let (server, backend) = server_with("channel:bad", flags);
    let config = json!({"bad": {"notify_presence": true}});
    let connect =
        json!({"username": "alice", "channels": ["bad", "good"], "channel_configs": config});
    let alice = backend.post("/connect", connect.clone()).await["conn_id"].clone();
    let alice = alice.as_str().unwrap().to_owned();
    let bob = backend.connect("bob", &["good"]).await;
    let away = backend.connect("carol", &["bad"]).await;
    let mut bobs = WebSocket::open(&server.address, &bob).await.unwrap();
    let mut events =
        EventStream::open(backend.unsigned(Method::GET, &format!("/sse?conn_id={alice}"))).await;
    backend.say("good", json!({"n": 1})).await;
    // An event before it shows that carol has joined.
    while events
        .expect_next()
        .await
        .list()
        .iter()
        .all(|it| it["message"]["n"] != 1)
    {}
    let position = events.last_id.clone();
    assert_eq!(bobs.event().await["message"]["n"], 1);

    let mut alices = WebSocket::open(&server.address, &alice).await.unwrap();
    backend.say("bad", json!({"n": 2})).await;
    wait_for_close(&mut alices).await;
    // A client that was away also finds its connection ended, and not a dead place in the channel.
    eventually(
        "the connection of the absent client has ended",
        async || backend.listen(&away).await.status() == 401,
    )
    .await;

    // The client connects again as its page does, and gets a gap for the entries that it may have
    // missed.
    let alice = backend.post("/connect", connect).await["conn_id"].clone();
    let url = format!(
        "ws://{}/ws?conn_id={}&last_event_id={position}",
        server.address,
        alice.as_str().unwrap()
    );
    let mut alices = WebSocket::open_with(&url).await.unwrap();
    let gap = alices.event().await;
    assert_eq!(
        (&gap["type"], &gap["channel"]),
        (&json!("catchup:gap"), &json!("bad"))
    );
    assert_eq!(users_of(&backend, "bad").await, json!(["alice"]));
    // The channel exists again, with the configuration of the call.
    let carol = backend.connect("carol", &["bad"]).await;
    let mut joined = alices.event().await;
    // The position does not name the private log, so the client gets a gap there too.
    while joined["type"] == "catchup:gap" {
        joined = alices.event().await;
    }
    assert_eq!(joined["message"]["action"], "joined", "{joined}");
    assert_eq!(users_of(&backend, "bad").await, json!(["alice", "carol"]));
    backend.post("/disconnect", json!({"conn_id": carol})).await;
    assert_eq!(alices.event().await["message"]["action"], "parted");

    // The other clients have not noticed anything.
    backend.say("good", json!({"n": 3})).await;
    assert_eq!(bobs.event().await["message"]["n"], 3);
    assert_eq!(alices.event().await["message"]["n"], 3);
    wait_for_failed_actors(&backend, "channel", 1.0).await;
    let numbers = Metrics::read(&backend).await;
    let closes = "channelstream_connection_closes_total{reason=\"fault\"}";
    assert_eq!(numbers.get(closes), 2.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_that_panics_ends_no_other_channel() {
    check_channel_panic(&[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_that_panics_ends_no_other_channel_with_a_store() {
    let folder = Folder::new();
    let path = folder.path("state.sqlite");
    check_channel_panic(&[("store", "file"), ("store-path", &path)]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_that_panics_with_more_messages_waiting_ends_once() {
    let (server, backend) = server_with("channel:bad", &[("workers", "1")]);
    let conn_id = backend.connect("alice", &["bad"]).await;
    let mut socket = WebSocket::open(&server.address, &conn_id).await.unwrap();
    // Messages that wait in its mailbox would panic again, and a panic within a panic ends the
    // process.
    let says = (0..200).map(|n| backend.say("bad", json!({"n": n})));
    futures_util::future::join_all(says).await;
    wait_for_close(&mut socket).await;
    assert_eq!(try_post(&backend, "/info", json!({"info": {}})).await, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_that_panics_ends_its_connections_and_no_other_user() {
    let (server, backend) = server_with("user:alice", &[]);
    let config = json!({"room": {"notify_presence": true}});
    backend.post("/channel_config", config).await;
    let bob = backend.connect("bob", &["room"]).await;
    let mut bobs = WebSocket::open(&server.address, &bob).await.unwrap();
    let alice = backend.connect("alice", &["room"]).await;
    let mut alices = WebSocket::open(&server.address, &alice).await.unwrap();
    assert_eq!(bobs.event().await["message"]["action"], "joined");
    let state = json!({"user": "alice", "user_state": {"a": 1}});
    assert_ne!(try_post(&backend, "/user_state", state).await, 200);
    wait_for_close(&mut alices).await;
    assert_eq!(bobs.event().await["message"]["action"], "parted");
    assert_eq!(users_of(&backend, "room").await, json!(["bob"]));

    // She connects again, and others see her.
    let alice = backend.connect("alice", &["room"]).await;
    assert_eq!(bobs.event().await["message"]["action"], "joined");
    assert_eq!(users_of(&backend, "room").await, json!(["alice", "bob"]));
    let mut alices = WebSocket::open(&server.address, &alice).await.unwrap();
    backend.say("room", json!({"n": 1})).await;
    assert_eq!(alices.event().await["message"]["n"], 1);
    assert_eq!(bobs.event().await["message"]["n"], 1);
    wait_for_failed_actors(&backend, "user", 1.0).await;
    assert_eq!(actor_counts(&backend).await, [1.0, 2.0, 2.0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_panics_ends_nothing_else_of_its_user() {
    let (server, backend) = server_with("connection:bad", &[]);
    let [one, other] = ["one", "other"].map(|_| backend.connect("alice", &["room"]));
    let (one, other) = (one.await, other.await);
    let mut ones = WebSocket::open(&server.address, &one).await.unwrap();
    let mut others = WebSocket::open(&server.address, &other).await.unwrap();
    let subscribe = json!({"conn_id": one, "channels": ["bad"]});
    assert_ne!(try_post(&backend, "/subscribe", subscribe).await, 200);
    wait_for_close(&mut ones).await;
    eventually("the connection has left", async || {
        actor_counts(&backend).await == [1.0, 1.0, 1.0]
    })
    .await;
    backend.say("room", json!({"n": 1})).await;
    assert_eq!(others.event().await["message"]["n"], 1);
    wait_for_failed_actors(&backend, "connection", 1.0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_that_panics_is_lost_and_its_client_resumes() {
    let (server, backend) = server_with("websocket", &[]);
    let conn_id = backend.connect("alice", &["room"]).await;
    let mut socket = WebSocket::open(&server.address, &conn_id).await.unwrap();
    backend.say("room", json!({"n": 1})).await;
    assert_eq!(socket.ended(TIMEOUT).await, Some(None), "without a word");
    let events: Vec<Value> = backend.listen(&conn_id).await.json().await.unwrap();
    assert_eq!(events[0]["message"]["n"], 1);
    assert_eq!(events[0]["catchup"], true);
    let numbers = Metrics::read(&backend).await;
    assert_eq!(numbers.get("channelstream_panics_total"), 1.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_panics_closes_its_connection_and_no_other() {
    let (server, backend) = server_with("request:/health", &[("workers", "1")]);
    let conn_id = backend.connect("alice", &["room"]).await;
    let mut socket = WebSocket::open(&server.address, &conn_id).await.unwrap();
    for _ in 0..3 {
        let answer = backend.unsigned(Method::GET, "/health").send().await;
        assert!(answer.is_err(), "{answer:?}");
    }
    backend.say("room", json!({"n": 1})).await;
    assert_eq!(socket.event().await["message"]["n"], 1);
    let numbers = Metrics::read(&backend).await;
    assert!(numbers.get("channelstream_panics_total") >= 3.0);
    server.log_line("a fault of the server has ended one actor, socket or request");
}

#[test]
fn no_profile_ends_the_process_at_a_panic() {
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    let manifest = std::fs::read_to_string(manifest).unwrap();
    assert!(!manifest.contains("abort"), "a panic must unwind");
}
