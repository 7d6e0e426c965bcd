//! Logs and histories hold as many bytes as their settings say, whatever the size of a message.

use serde_json::{Value, json};

use crate::support::client::Backend;
use crate::support::scale::scaled;
use crate::support::server::Server;

const MB: u64 = 1 << 20;

/// Logs are full in all tests; so what they hold is counted in bytes only.
const FLAGS: &[(&str, &str)] = &[
    ("workers", "1"),
    ("log-length", "10000000"),
    ("gc-conns-after", "600"),
    ("body-limit", "100000000"),
];

/// A server with these and more settings.
fn start(more: &[(&str, &str)]) -> (Server, Backend) {
    let server = Server::start(&[FLAGS, more].concat());
    let backend = Backend::of(&server);
    (server, backend)
}

/// Sends messages of this size until so many bytes of them were sent, some in each call.
async fn fill(backend: &Backend, size: u64, bytes: u64, draft: impl Fn(u64, String) -> Value) {
    // What the server puts around a message counts as well.
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
async fn the_log_of_a_channel_holds_what_log_bytes_says_with_messages_of_every_size() {
    // The more channels, the less of each figure is what the server and its allocator need for
    // themselves.
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
        // Someone who may come back, so the logs are kept.
        backend
            .connect(
                "alice",
                &names.iter().map(String::as_str).collect::<Vec<_>>(),
            )
            .await;
        // The server's own needs, with as large a call as those that follow.
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
async fn the_private_log_of_a_user_holds_what_log_bytes_says() {
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

/// The numbers that a channel's history holds, and how many bytes `/info` answered.
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

/// Fills the history of one channel with messages of 100 KB; returns the numbers it keeps, and how
/// much `/info` answers.
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
        "30 MB of messages: history keeps {} of them, /info answers {bytes} bytes, {more} MB more memory",
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
async fn a_history_holds_what_history_bytes_says() {
    let (server, backend) = start(&[("history-bytes", "1048576"), ("message-limit", "1000000")]);
    let (numbers, bytes) = filled_history(&server, &backend).await;
    assert!(
        (7..=10).contains(&numbers.len()),
        "{} messages",
        numbers.len()
    );
    assert!(bytes < 1_200_000, "{bytes} bytes");
    // An edit that makes a message larger counts as well.
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
