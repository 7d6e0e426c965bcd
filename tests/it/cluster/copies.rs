//! The copy that a node keeps of a log while somebody needs it.

use serde_json::json;

use super::Cluster;
use crate::metrics::reading::Metrics;
use crate::support::client::Backend;
use crate::support::eventually;
use crate::support::websocket::WebSocket;

/// Waits until the node has copies of as many channels as this.
async fn wait_for_copies(backend: &Backend, count: f64) {
    eventually("the node has these copies", async || {
        let metrics = Metrics::read(backend).await;
        metrics.get(r#"channelstream_actors{kind="channel"}"#) == count
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_copy_that_a_client_waits_for_does_not_stop_before_it_was_read() {
    let cluster = Cluster::start(1, &[("sweep-interval", "0.1")]);
    let backend = cluster.backend(0);
    let conn_id = backend.connect("alice", &["room"]).await;
    // Nobody needs a copy of the channel after the call, so a sweep stops it.
    wait_for_copies(&backend, 0.0).await;
    let set = |settings| {
        let room = "cs1:{cs}c:#room";
        let added = cluster.redis.command(&["hset", room, "set", settings]);
        assert_eq!(added.trim(), "0", "the channel has settings");
    };
    // No node can read these settings, so it reads the channel again and again.
    set("unknown");
    let address = cluster.nodes[0].address.clone();
    let opening = tokio::spawn(async move { WebSocket::open(&address, &conn_id).await });
    wait_for_copies(&backend, 1.0).await;
    for _ in 0..3 {
        backend.connect("bob", &["other"]).await;
        // A sweep has stopped the copy of the other channel.
        wait_for_copies(&backend, 1.0).await;
    }
    set("");
    let mut client = opening.await.unwrap().unwrap();
    backend.say("room", json!({"text": "waited for"})).await;
    assert_eq!(client.event().await["message"]["text"], "waited for");
}
