//! Logs and histories hold as many bytes as their settings say, whatever the size of a message.

use serde_json::{Value, json};

use crate::support::client::Backend;
use crate::support::scale::scaled;
use crate::support::server::Server;

const MB: u64 = 1 << 20;

/// Settings with which all logs are full in these tests, so that only bytes limit them.
const FLAGS: &[(&str, &str)] = &[
    ("workers", "1"),
    ("log-length", "10000000"),
    ("gc-conns-after", "600"),
    ("body-limit", "100000000"),
];

/// Starts a server with these and more settings.
fn start(more: &[(&str, &str)]) -> (Server, Backend) {
    let server = Server::start(&[FLAGS, more].concat());
    let backend = Backend::of(&server);
    (server, backend)
}

/// Sends messages of this size until this many bytes were sent. Each call carries several messages.
async fn fill(backend: &Backend, size: u64, bytes: u64, draft: impl Fn(u64, String) -> Value) {
    // The server's envelope of a message counts too.
    let per_message = size + 250;
    let per_call = (500_000 / per_message).max(1);
    for call in 0..=bytes / per_message / per_call {
        let numbers = call * per_call..(call + 1) * per_call;
        backend
            .post(
                "/message",
                numbers
                    .map(|n| draft(n, "x".repeat(size as usize)))
                    .collect(),
            )
            .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn log_bytes_limits_the_log_of_a_channel_with_messages_of_every_size() {
    // With more channels, the memory for the server itself and its allocator has a smaller part in
    // each figure.
    let (channels, log_bytes) = (scaled(4, 16), 8 * MB);
    let mut wrong = Vec::new();
    for size in scaled(
        &[10, 1000, 50_000][..],
        &[10, 100, 1000, 10_000, 50_000, 200_000],
    ) {
        let (server, backend) = start(&[]);
        let names: Vec<_> = (0..channels)
            .map(|index| format!("channel-{index}"))
            .collect();
        // A user who may come back, so that the logs are kept.
        backend
            .connect(
                "alice",
                &names.iter().map(String::as_str).collect::<Vec<_>>(),
            )
            .await;
        // Allocates the server's own memory first, with a call as large as the later ones.
        fill(
            &backend,
            *size,
            4 * MB,
            |n, x| json!({"user": "b", "channel": "nowhere", "message": {"n": n, "x": x}}),
        )
        .await;
        let before = server.memory();
        for name in &names {
            fill(
                &backend,
                *size,
                3 * log_bytes,
                |n, x| json!({"user": "b", "channel": name, "message": {"n": n, "x": x}}),
            )
            .await;
        }
        let each = server.memory().saturating_sub(before) / 1024 / channels;
        println!("messages of {size} bytes: a channel with log_bytes of 8 MB takes {each} MB");
        if each > 12 + 3 {
            wrong.push((*size, each));
        }
    }
    assert!(
        wrong.is_empty(),
        "sizes, and MB for each channel: {wrong:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn log_bytes_limits_the_private_log_of_a_user() {
    let (users, log_bytes) = (4, 8 * MB);
    let (server, backend) = start(&[]);
    fill(
        &backend,
        10,
        4 * MB,
        |n, x| json!({"user": "b", "channel": "nowhere", "message": {"n": n, "x": x}}),
    )
    .await;
    let before = server.memory();
    for index in 0..users {
        let user = format!("user-{index}");
        backend.connect(&user, &[]).await;
        fill(
            &backend,
            10,
            3 * log_bytes,
            |n, x| json!({"user": "b", "pm_users": [user], "message": {"n": n, "x": x}}),
        )
        .await;
    }
    let each = server.memory().saturating_sub(before) / 1024 / users;
    println!("messages of 10 bytes: a user with log_bytes of 8 MB takes {each} MB");
    assert!(each <= 12 + 3, "{each} MB each");
}

/// Returns the numbers that a channel's history holds, and the size of the answer of `/info` in
/// bytes.
async fn history(backend: &Backend, channel: &str) -> (Vec<u64>, usize) {
    let body = json!({"info": {"channels": [channel]}});
    let answer = backend
        .send(reqwest::Method::POST, "/info", &body)
        .await
        .bytes()
        .await
        .unwrap();
    let info: Value = serde_json::from_slice(&answer).unwrap();
    let history = info["channels"][channel]["history"].as_array().unwrap();
    (
        history
            .iter()
            .map(|message| message["message"]["n"].as_u64().unwrap())
            .collect(),
        answer.len(),
    )
}

/// Fills the history of one channel with messages of 100 KB. Returns the numbers that it keeps, and
/// the size of the answer of `/info`.
async fn filled_history(server: &Server, backend: &Backend) -> (Vec<u64>, usize) {
    let config =
        json!({"room": {"store_history": true, "store_frames": false, "history_size": 10_000}});
    backend.post("/channel_config", config).await;
    let before = server.memory();
    for n in 0..300 {
        backend
            .say("room", json!({"n": n, "x": "x".repeat(100_000)}))
            .await;
    }
    let (numbers, bytes) = history(backend, "room").await;
    let more = server.memory().saturating_sub(before) / 1024;
    println!(
        "30 MB of messages: history keeps {} of them, /info answers {bytes} bytes, \
         {more} MB more memory",
        numbers.len()
    );
    assert_eq!(numbers.last(), Some(&299), "the newest is kept");
    assert!(
        numbers.is_sorted_by(|one, next| one + 1 == *next),
        "the oldest go first: {numbers:?}"
    );
    (numbers, bytes)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_history_holds_8_megabytes_and_the_oldest_messages_go_first() {
    let (server, backend) = start(&[]);
    let (numbers, bytes) = filled_history(&server, &backend).await;
    assert!(
        (60..=84).contains(&numbers.len()),
        "{} messages",
        numbers.len()
    );
    assert!(bytes < 9 << 20, "{bytes} bytes");
}

#[tokio::test(flavor = "multi_thread")]
async fn history_bytes_limits_a_history() {
    let (server, backend) = start(&[("history-bytes", "1048576"), ("message-limit", "1000000")]);
    let (numbers, bytes) = filled_history(&server, &backend).await;
    assert!(
        (7..=10).contains(&numbers.len()),
        "{} messages",
        numbers.len()
    );
    assert!(bytes < 1_200_000, "{bytes} bytes");
    // An edit that makes a message larger counts too.
    let backend = &backend;
    let info = backend
        .post("/info", json!({"info": {"channels": ["room"]}}))
        .await;
    let uuid = info["channels"]["room"]["history"]
        .as_array()
        .unwrap()
        .last()
        .unwrap()["uuid"]
        .clone();
    let patch =
        json!([{"uuid": uuid, "channel": "room", "message": {"n": 299, "x": "x".repeat(900_000)}}]);
    assert_eq!(
        backend
            .send(reqwest::Method::PATCH, "/message", &patch)
            .await
            .status(),
        200
    );
    let (numbers, bytes) = history(backend, "room").await;
    assert!(
        numbers.len() <= 2 && bytes < 1_200_000,
        "{numbers:?}, {bytes} bytes"
    );
}
