//! A client that sends pings costs no more memory than other clients, whether it reads the pongs or
//! not.

use std::time::{Duration, Instant};

use futures_util::{SinkExt, StreamExt};
use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio::time::timeout;
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::Message;

use crate::support::client::Backend;
use crate::support::eventually;
use crate::support::raw_socket::silent_websocket;
use crate::support::scale::scaled;
use crate::support::server::Server;
use crate::support::watch::Health;
use crate::support::websocket::WebSocket;

/// Returns a ping of the largest size, masked with zeros.
fn ping() -> Vec<u8> {
    let head = [0x89, 0x80 | 125, 0, 0, 0, 0];
    [&head[..], &[b'x'; 125]].concat()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_sends_pings_and_never_reads_costs_no_memory_and_delays_nobody() {
    let (bytes, time) = scaled(
        (150 << 20, Duration::from_secs(5)),
        (2 << 30, Duration::from_secs(15)),
    );
    let server = Server::start(&[("frames-per-second", "0")]);
    let backend = Backend::of(&server);
    let alice = backend.connect("alice", &["room"]).await;
    let mut alice = WebSocket::open(&server.address, &alice).await.unwrap();
    let mallory = backend.connect("mallory", &["room"]).await;
    backend.say("room", json!({"n": 0})).await;
    alice.event().await;
    let before = server.memory();
    let health = Health::watch(&server).await;
    let mut socket = silent_websocket(&server, &mallory).await;
    let pings = ping().repeat(500);
    let (mut sent, mut most, mut n, start) = (0, before, 0, Instant::now());
    // The write fails here if the server has stopped reading or has closed the socket.
    while sent < bytes && start.elapsed() < time {
        match timeout(
            Duration::from_millis(500),
            socket.write(&pings[sent % pings.len()..]),
        )
        .await
        {
            Ok(Ok(length)) => sent += length,
            _ => break,
        }
        most = most.max(server.memory());
        if sent / (1 << 20) > n {
            n += 1;
            backend.say("room", json!({"n": n})).await;
            assert_eq!(alice.event().await["message"]["n"], n);
        }
    }
    backend.say("room", json!({"n": "last"})).await;
    assert_eq!(alice.event().await["message"]["n"], "last");
    most = most.max(server.memory());
    let (megabytes, slowest) = (sent >> 20, health.slowest().await);
    let more = most.saturating_sub(before) / 1024;
    println!(
        "{megabytes} MB of pings in {:?}: {more} MB more memory, /health at most {slowest:?}",
        start.elapsed()
    );
    assert!(more < 20, "{more} MB more");
    drop(socket);
    eventually("the memory is back", async || {
        server.memory() < before + 10_000
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_reads_gets_a_pong_for_its_latest_ping() {
    let server = Server::start(&[("frames-per-second", "0")]);
    let backend = Backend::of(&server);
    let conn_id = backend.connect("alice", &["room"]).await;
    let (mut socket, _) = connect_async(format!("ws://{}/ws?conn_id={conn_id}", server.address))
        .await
        .unwrap();
    for round in 0..20 {
        for number in 0..100 {
            socket
                .feed(Message::Ping(format!("{round} {number}").into()))
                .await
                .unwrap();
        }
        socket.flush().await.unwrap();
        backend.say("room", json!({"round": round})).await;
        let (mut has_pong, mut has_event) = (false, false);
        while !has_pong || !has_event {
            match timeout(Duration::from_secs(10), socket.next())
                .await
                .expect("no pong for the latest ping")
                .unwrap()
                .unwrap()
            {
                Message::Pong(payload) => has_pong |= payload == format!("{round} 99"),
                Message::Text(text) => has_event |= text.contains("\"round\""),
                _ => {}
            }
        }
    }
}
