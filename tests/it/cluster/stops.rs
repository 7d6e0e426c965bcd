//! Nodes that are told to stop.

use std::time::{Duration, Instant};

use reqwest::Method;

use super::Cluster;
use crate::support::eventually;
use crate::support::websocket::WebSocket;

/// The longest time that a stop may take here. Nobody is slow, so it is much shorter.
const STOPPED_WITHIN: Duration = Duration::from_secs(10);

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_node_stops_whose_client_waits_in_a_long_poll() {
    let mut cluster = Cluster::start(2, &[]);
    let (first, second) = (cluster.backend(0), cluster.backend(1));
    let conn_id = first.connect("alice", &["room"]).await;
    let poll = tokio::spawn({
        let (first, conn_id) = (cluster.backend(0), conn_id.clone());
        async move { first.listen(&conn_id).await.status() }
    });
    eventually("the poll waits", async || {
        let metrics = first
            .unsigned(Method::GET, "/metrics")
            .send()
            .await
            .unwrap();
        let metrics = metrics.text().await.unwrap();
        metrics.contains("channelstream_transports{transport=\"long_poll\"} 1")
    })
    .await;
    let begun = Instant::now();
    assert!(cluster.nodes[0].terminate().success());
    let took = begun.elapsed();
    assert!(took < STOPPED_WITHIN, "{took:?}");
    poll.await.unwrap();
    // The client goes on at the other node.
    second.say("room", serde_json::json!({"is": "here"})).await;
    let answer = second.listen(&conn_id).await.text().await.unwrap();
    assert!(answer.contains("here"), "{answer}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_node_stops_while_redis_is_away() {
    let mut cluster = Cluster::start(1, &[]);
    let conn_id = cluster.backend(0).connect("alice", &["room"]).await;
    let address = cluster.nodes[0].address.clone();
    let socket = WebSocket::open(&address, &conn_id).await.unwrap();
    cluster.redis.signal("STOP");
    let begun = Instant::now();
    assert!(cluster.nodes[0].terminate().success());
    let took = begun.elapsed();
    cluster.redis.signal("CONT");
    drop(socket);
    assert!(took < 2 * STOPPED_WITHIN, "{took:?}");
}
