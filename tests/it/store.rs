//! Tests of a server with `store = "file"`: what it keeps through a restart, and what it does when
//! its file cannot be used.

mod commands;
mod faults;
mod power;
mod size;

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use tokio::task::spawn_blocking;

use crate::support::client::Backend;
use crate::support::eventually;
use crate::support::folder::Folder;
use crate::support::server::Server;
use crate::support::websocket::WebSocket;

/// Starts a server that keeps its state in a file of this folder.
fn start(folder: &Folder, more: &[(&str, &str)]) -> Server {
    let path = folder.path("store.sqlite");
    let mut flags = vec![("store", "file"), ("store-path", path.as_str())];
    flags.extend(more);
    Server::start(&flags)
}

/// Stops the server by SIGTERM, and starts it again.
async fn restarted(mut server: Server) -> Server {
    spawn_blocking(move || {
        assert!(server.terminate().success());
        server.start_again()
    })
    .await
    .unwrap()
}

/// Kills the server, and starts it again.
async fn crashed(server: Server) -> Server {
    spawn_blocking(move || server.start_again()).await.unwrap()
}

/// Waits until earlier changes are in the file.
async fn flushed(backend: &Backend) {
    eventually("the file has everything", async || {
        let ready = ready(backend).await.1;
        let file = &ready["store"]["file"];
        file["waiting_bytes"] == 0 && file["seconds_since_commit"].is_number()
    })
    .await;
}

/// Returns the status and body of `/ready`.
async fn ready(backend: &Backend) -> (u16, Value) {
    let answer = backend
        .unsigned(Method::GET, "/ready")
        .send()
        .await
        .unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

/// Returns the answer of `/info`, without the times of the last activity.
async fn info(backend: &Backend) -> Value {
    let mut info = backend
        .post(
            "/info",
            json!({"info": {"include_history": true, "include_users": true}}),
        )
        .await;
    for channel in info["channels"].as_object_mut().unwrap().values_mut() {
        channel.as_object_mut().unwrap().remove("last_active");
    }
    info
}

async fn fill(backend: &Backend) -> Vec<String> {
    let config = json!({"store_history": true, "history_size": 3, "notify_presence": true});
    backend
        .post("/channel_config", json!({"news": config, "empty": {}}))
        .await;
    let mut connections = Vec::new();
    for user in ["alice", "bob"] {
        let body = json!({
            "username": user,
            "channels": ["news", "side"],
            "fresh_user_state": {"colour": "red"},
            "user_state": {"big": 12_345_678_901_234_567_890_u64, "text": "ä\u{0}\u{1f600}"},
            "state_public_keys": ["text"],
        });
        let answer = backend.post("/connect", body).await;
        connections.push(answer["conn_id"].as_str().unwrap().to_owned());
    }
    for number in 0..5 {
        backend
            .say("news", json!({"number": number, "odd": 1.50}))
            .await;
    }
    backend
        .post(
            "/user_state",
            json!({"user": "bob", "user_state": {"colour": "blue"}}),
        )
        .await;
    connections
}

#[tokio::test(flavor = "multi_thread")]
async fn users_channels_states_and_histories_are_the_same_after_a_stop_and_after_a_kill() {
    let folder = Folder::new();
    let mut server = start(&folder, &[]);
    let backend = Backend::of(&server);
    fill(&backend).await;
    let before = info(&backend).await;
    assert_eq!(
        before["channels"]["news"]["history"]
            .as_array()
            .unwrap()
            .len(),
        3
    );
    for round in 0..2 {
        server = restarted(server).await;
        assert_eq!(info(&backend).await, before, "stop {round}");
        // A value that is set only for a new user is set once.
        backend
            .post(
                "/user_state",
                json!({"user": "bob", "user_state": {"colour": "blue"}}),
            )
            .await;
        flushed(&backend).await;
        server = crashed(server).await;
        assert_eq!(info(&backend).await, before, "kill {round}");
    }
    let again =
        json!({"username": "bob", "channels": ["news"], "fresh_user_state": {"colour": "green"}});
    let answer = backend.post("/connect", again).await;
    assert_eq!(answer["state"]["colour"], "blue");
}

#[tokio::test(flavor = "multi_thread")]
async fn edits_deletions_and_forgotten_channels_survive_restarts() {
    let folder = Folder::new();
    let server = start(&folder, &[]);
    let backend = Backend::of(&server);
    let conn_id = fill(&backend).await.remove(0);
    let sent = json!([
        {"user": "b", "channel": "news", "message": {"text": "edit me"}},
        {"user": "b", "channel": "news", "message": {"text": "delete-this-secret"}},
        {"user": "b", "pm_users": ["alice"], "message": {"text": "private"}},
    ]);
    let sent = backend.post("/message", sent).await;
    let edit = json!([{"uuid": sent[0]["uuid"], "channel": "news", "message": {"text": "edited"}}]);
    assert!(
        backend
            .send(Method::PATCH, "/message", &edit)
            .await
            .status()
            .is_success()
    );
    let delete = json!([{"uuid": sent[1]["uuid"], "channel": "news"}]);
    assert!(
        backend
            .send(Method::DELETE, "/message", &delete)
            .await
            .status()
            .is_success()
    );
    backend
        .post("/channel_config", json!({"gone": {"store_history": true}}))
        .await;
    backend
        .say("gone", json!({"text": "forgotten-secret"}))
        .await;
    backend
        .post("/admin/forget_channel", json!({"channel": "gone"}))
        .await;
    let server = restarted(server).await;
    let shown = info(&backend).await;
    assert!(shown["channels"].get("gone").is_none(), "{shown}");
    let history = &shown["channels"]["news"]["history"];
    assert_eq!(
        history[history.as_array().unwrap().len() - 1]["message"]["text"],
        "edited"
    );
    let mut socket = WebSocket::open(&server.address, &conn_id).await.unwrap();
    let events = socket
        .events(11, Duration::from_secs(10), Duration::from_millis(300))
        .await;
    let texts: Vec<_> = events
        .iter()
        .map(|event| event["message"]["text"].as_str().unwrap_or_default())
        .collect();
    assert!(
        texts.contains(&"edited") && texts.contains(&"private"),
        "{texts:?}"
    );
    assert!(!texts.contains(&"delete-this-secret"), "{texts:?}");
    drop(server);
    // Deleted messages are no longer on the disk either, once the server has stopped in order.
    for file in std::fs::read_dir(folder.path("")).unwrap() {
        let path = file.unwrap().path();
        let bytes = std::fs::read(&path).unwrap();
        for secret in [&b"delete-this-secret"[..], b"forgotten-secret"] {
            let is_there = bytes.windows(secret.len()).any(|window| window == secret);
            assert!(!is_there, "{} has a deleted message", path.display());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_who_does_not_come_back_parts_once_after_the_grace() {
    let folder = Folder::new();
    let flags = [
        ("restart-grace", "3"),
        ("gc-conns-after", "1.5"),
        ("heartbeat-interval", "0.3"),
        ("wake-connections-after", "0.5"),
    ];
    let server = start(&folder, &flags);
    let backend = Backend::of(&server);
    backend
        .post(
            "/channel_config",
            json!({"room": {"notify_presence": true}}),
        )
        .await;
    let stays = backend.connect("stays", &["room"]).await;
    let _gone = backend.connect("gone", &["room"]).await;
    flushed(&backend).await;
    let server = crashed(server).await;
    let start = std::time::Instant::now();
    let mut socket = WebSocket::open(&server.address, &stays).await.unwrap();
    let mut parted = Vec::new();
    while parted.is_empty() {
        let event = socket.event().await;
        if event["message"]["action"] == "parted" {
            parted.push(event);
        }
    }
    assert!(
        start.elapsed() > Duration::from_millis(2500),
        "parted after {:?}",
        start.elapsed()
    );
    assert_eq!(parted[0]["user"], "gone");
    let more = socket
        .events(1, Duration::from_millis(1500), Duration::ZERO)
        .await;
    assert_eq!(more, Vec::<Value>::new());
    // A user who has parted does not part again.
    flushed(&backend).await;
    let server = restarted(server).await;
    let mut socket = WebSocket::open(&server.address, &stays).await.unwrap();
    let more = socket
        .events(1, Duration::from_secs(5), Duration::ZERO)
        .await;
    assert_eq!(more, Vec::<Value>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_position_beyond_the_kept_log_gets_a_gap_and_every_new_message() {
    let folder = Folder::new();
    // Before the kill, only the orderly stop writes to the file.
    let server = start(&folder, &[("store-flush-interval", "60")]);
    let backend = Backend::of(&server);
    let conn_id = backend.connect("alice", &["room"]).await;
    backend.say("room", json!({"n": 1})).await;
    let server = restarted(server).await;
    let url = format!("/sse?conn_id={conn_id}");
    let mut stream =
        crate::support::event_stream::EventStream::open(backend.unsigned(Method::GET, &url)).await;
    while stream
        .expect_next()
        .await
        .list()
        .iter()
        .all(|event| event["message"]["n"] != 1)
    {}
    for n in 2..5 {
        backend.say("room", json!({"n": n})).await;
        stream.expect_next().await;
    }
    let last_id = stream.last_id.clone();
    let server = crashed(server).await;
    // The new messages get the offsets of the lost ones.
    for n in 5..8 {
        backend.say("room", json!({"n": n})).await;
    }
    let request = backend
        .unsigned(Method::GET, &url)
        .header("Last-Event-ID", last_id);
    let mut stream = crate::support::event_stream::EventStream::open(request).await;
    let (mut gaps, mut numbers) = (0, Vec::new());
    while numbers.len() < 3 {
        for event in stream.expect_next().await.list() {
            match event["message"]["n"].as_u64() {
                Some(n) => numbers.push(n),
                None => {
                    gaps += u64::from(event["type"] == "catchup:gap" && event["channel"] == "room")
                }
            }
        }
    }
    assert_eq!((gaps, numbers), (1, vec![5, 6, 7]));
    drop(server);
}
