//! Measures the duration of a start that reads much, and the memory of the server after it.

use std::time::{Duration, Instant};

use futures_util::StreamExt;
use futures_util::stream::iter;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::task::spawn_blocking;

use crate::support::client::Backend;
use crate::support::folder::Folder;
use crate::support::scale::scaled;
use crate::support::server::Server;

/// The number of messages in one call.
const PER_CALL: usize = 500;

const CHANNELS: usize = 100;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_start_that_reads_much_is_short_and_takes_no_more_memory_than_the_server_had() {
    let entries = scaled(20_000, 1_000_000);
    let users = scaled(2_000, 100_000);
    let folder = Folder::new();
    let path = folder.path("store.sqlite");
    // No entry is dropped because of its age.
    let common = [
        ("channel-frames", "16384"),
        ("gc-conns-after", "3600"),
        ("log-bytes", "1000000000"),
    ];
    let memory = Server::start(&common);
    fill(&memory, entries, users).await;
    let in_memory = memory.memory();
    drop(memory);
    let mut flags = common.to_vec();
    flags.extend([("store", "file"), ("store-path", path.as_str())]);
    let mut server = Server::start(&flags);
    fill(&server, entries, users).await;
    let before = server.memory();
    server = spawn_blocking(move || {
        assert!(server.terminate().success());
        server
    })
    .await
    .unwrap();
    let bytes = std::fs::metadata(&path).unwrap().len();
    let start = Instant::now();
    let server = spawn_blocking(move || server.start_again()).await.unwrap();
    let backend = Backend::of(&server);
    let info = backend
        .post("/info", json!({"info": {"channels": ["channel-0"]}}))
        .await;
    let took = start.elapsed();
    let after = server.memory();
    println!(
        "{entries} entries, {users} users and connections: start {took:?}; \
         memory mode {in_memory} KB, file mode {before} KB, after the start {after} KB; \
         file {} MB",
        bytes >> 20
    );
    let there = &info["channels"]["channel-0"];
    assert_eq!(there["total_users"], users / CHANNELS, "{there}");
    assert!(
        took < scaled(Duration::from_secs(5), Duration::from_secs(5)),
        "{took:?}"
    );
    // For a small server, the fixed part weighs more.
    assert!(
        after <= in_memory * 11 / 10 + 20_000,
        "{after} KB, in memory mode {in_memory}"
    );
}

async fn fill(server: &Server, entries: usize, users: usize) {
    let backend = Backend::of(server);
    let connect = |index: usize| {
        let backend = backend.clone();
        async move {
            let channel = format!("channel-{}", index % CHANNELS);
            backend.connect(&format!("user-{index}"), &[&channel]).await;
        }
    };
    iter(0..users)
        .map(connect)
        .buffer_unordered(32)
        .count()
        .await;
    let publish = |call: usize| {
        let backend = backend.clone();
        async move {
            let message = |n: usize| {
                let text = format!("{:0>200}", call * PER_CALL + n);
                let channel = format!("channel-{}", call % CHANNELS);
                json!({"user": "backend", "channel": channel, "message": {"text": text}})
            };
            let messages = Value::Array((0..PER_CALL).map(message).collect());
            // This rate may be too high for a slow disk.
            loop {
                let answer = backend.send(Method::POST, "/message", &messages).await;
                match answer.status().as_u16() {
                    200 => break,
                    503 => tokio::time::sleep(Duration::from_millis(200)).await,
                    status => panic!("{status}"),
                }
            }
        }
    };
    iter(0..entries / PER_CALL)
        .map(publish)
        .buffer_unordered(4)
        .count()
        .await;
}
