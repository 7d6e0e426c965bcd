//! A flood of handshakes by clients that never connect.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

use reqwest::StatusCode;
use serde_json::json;
use tokio::task::JoinSet;

use crate::support::client::Backend;
use crate::support::server::Server;
use crate::support::websocket::WebSocket;

/// The most sessions whose clients have not connected.
const MOST_SESSIONS: usize = 20_000;

/// The number of handshakes.
const HANDSHAKES: usize = 24_000;

const AT_ONCE: usize = 16;

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_handshakes_takes_little_memory_and_delays_nobody() {
    let server = Server::start(&[]);
    let backend = Backend::of(&server);
    let conn_id = backend.connect("alice", &["room"]).await;
    let mut socket = WebSocket::open(&server.address, &conn_id).await.unwrap();
    let before = server.memory();
    let url = format!(
        "http://{}/socket.io/?EIO=4&transport=polling",
        server.address
    );
    let (left, begun) = (Arc::new(AtomicUsize::new(HANDSHAKES)), Instant::now());
    let mut tasks = JoinSet::new();
    for _ in 0..AT_ONCE {
        let (left, url) = (left.clone(), url.clone());
        tasks.spawn(async move {
            let client = reqwest::Client::builder().no_proxy().build().unwrap();
            let (mut opened, mut refused) = (0, 0);
            while left
                .fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1))
                .is_ok()
            {
                let answer = client.get(&url).send().await.unwrap();
                match answer.status() {
                    StatusCode::OK => opened += 1,
                    StatusCode::SERVICE_UNAVAILABLE => {
                        assert!(answer.headers().contains_key("retry-after"));
                        refused += 1;
                    }
                    status => panic!("{status}"),
                }
            }
            (opened, refused)
        });
    }
    let mut slowest = Duration::ZERO;
    let (mut opened, mut refused) = (0, 0);
    let mut n = 0;
    // Messages go on while the flood lasts.
    while left.load(Relaxed) > 0 {
        n += 1;
        let sent = Instant::now();
        backend.say("room", json!({"n": n})).await;
        assert_eq!(socket.event().await["message"]["n"], n);
        slowest = slowest.max(sent.elapsed());
    }
    while let Some(counts) = tasks.join_next().await {
        let (of_task, refused_of_task) = counts.unwrap();
        opened += of_task;
        refused += refused_of_task;
    }
    let more = server.memory().saturating_sub(before) / 1024;
    println!(
        "{HANDSHAKES} handshakes in {:?}: {opened} opened, {refused} refused, {more} MB more \
         memory, {n} messages meanwhile, of which the slowest took {slowest:?}",
        begun.elapsed()
    );
    assert_eq!(
        (opened, refused),
        (MOST_SESSIONS, HANDSHAKES - MOST_SESSIONS)
    );
    assert!(more < 64, "{more} MB");
    assert!(slowest < Duration::from_secs(1), "{slowest:?}");
}
