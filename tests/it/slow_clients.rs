//! A client that does not read costs little, delays nobody, and is closed after some time.

use std::time::Duration;

use serde_json::json;

use crate::metrics::reading::Metrics;
use crate::support::client::Backend;
use crate::support::eventually;
use crate::support::raw_socket::silent_websocket;
use crate::support::server::Server;
use crate::support::websocket::WebSocket;

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_never_read_cost_less_than_200_kilobytes_each_and_are_closed() {
    const SILENT: u64 = 150;
    // The log holds 1,000 messages. Messages that are unread for longer are lost, and their reader
    // is closed.
    let server = Server::start(&[
        ("log-length", "1000"),
        ("channel-frames", "100"),
        ("gc-conns-after", "60"),
    ]);
    let backend = Backend::of(&server);
    let reader = backend.connect("reader", &["room"]).await;
    let mut reader = WebSocket::open(&server.address, &reader).await.unwrap();
    let publish = async |from: u64| {
        let batch = (0..20).map(|n| {
            let message = json!({"n": from + n, "filler": "x".repeat(2000)});
            json!({"user": "b", "channel": "room", "message": message})
        });
        backend.post("/message", batch.collect()).await;
    };
    let mut sent = 0;
    // Publishes and reads the messages. Returns the highest memory of the server meanwhile.
    let mut load = async |calls: u64| {
        let mut most = 0;
        for _ in 0..calls {
            publish(sent).await;
            sent += 20;
            let events = reader
                .events(20, Duration::from_secs(20), Duration::ZERO)
                .await;
            assert_eq!(events.last().unwrap()["message"]["n"], sent - 1);
            most = most.max(server.memory());
        }
        most
    };
    // The same load without the silent clients comes first. It fills the log, and shows the memory
    // that the server needs itself.
    let before = load(1000).await;
    let mut silent_ones = Vec::new();
    for index in 0..SILENT {
        let conn_id = backend.connect(&format!("silent-{index}"), &["room"]).await;
        silent_ones.push(silent_websocket(&server, &conn_id).await);
    }
    let most = load(1000).await;
    let each = most.saturating_sub(before) / SILENT;
    println!("a client that never reads costs {each} KB");
    assert!(each < 200, "{each} KB each");
    eventually("only the reader is left", async || {
        let totals = backend
            .post(
                "/info",
                json!({"info": {"channels": ["room"], "include_users": true}}),
            )
            .await;
        totals["channels"]["room"]["total_connections"] == 1
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_has_missed_messages_of_many_channels_is_not_taken_for_a_slow_one() {
    const CHANNELS: usize = 100;
    let server = Server::start(&[]);
    let backend = Backend::of(&server);
    let channels: Vec<_> = (0..CHANNELS).map(|it| format!("room-{it}")).collect();
    let channels: Vec<_> = channels.iter().map(String::as_str).collect();
    let conn_id = backend.connect("alice", &channels).await;
    let message = |channel| json!({"user": "b", "channel": channel, "message": {}});
    let missed = channels.iter().map(message).collect();
    backend.post("/message", missed).await;
    let mut socket = WebSocket::open(&server.address, &conn_id).await.unwrap();
    for _ in 0..CHANNELS {
        socket.event().await;
    }
    let metrics = Metrics::read(&backend).await;
    assert_eq!(metrics.get("channelstream_full_queues_total"), 0.0);
}
