//! What the panel of one node says of all nodes.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use super::{Cluster, PARTED_WITHIN, members};
use crate::support::event_stream::EventStream;
use crate::support::eventually;
use crate::support::websocket::WebSocket;

/// Waits until the panel of a node shows these nodes.
async fn wait_for(panel: &mut EventStream, is_shown: impl Fn(&[Value]) -> bool) {
    let shown = async {
        loop {
            let event = panel.next().await.expect("the stream has ended");
            if event.name == "view" && is_shown(&event.list()) {
                return;
            }
        }
    };
    let shown = tokio::time::timeout(PARTED_WITHIN, shown).await;
    shown.expect("the panel shows the nodes");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_panel_of_each_node_shows_all_nodes() {
    let mut cluster = Cluster::start(2, &[]);
    cluster.backend(1).connect("alice", &["room"]).await;
    let backend = cluster.backend(0);
    let live = backend.request(Method::GET, "/admin/live?view=numbers");
    let mut panel = EventStream::open(live).await;
    let processes = [0, 1].map(|node: usize| u64::from(cluster.nodes[node].id()));
    let of = |nodes: &[Value], process| {
        let mut nodes = nodes.iter();
        nodes.find(|node| node["process"] == process).cloned()
    };
    wait_for(&mut panel, |nodes| {
        let (Some(this), Some(other)) = (of(nodes, processes[0]), of(nodes, processes[1])) else {
            return false;
        };
        let alive = [&this, &other].map(|node| node["is_alive"] == true);
        let known = [&this, &other].map(|node| node["version"] == env!("CARGO_PKG_VERSION"));
        nodes.len() == 2
            && alive == [true; 2]
            && known == [true; 2]
            && [&this["is_this"], &other["is_this"]] == [true, false]
            && [&this["connections"], &other["connections"]] == [0, 1]
    })
    .await;
    cluster.nodes[1].kill();
    // The connection keeps the node in the list until it has ended.
    wait_for(&mut panel, |nodes| {
        of(nodes, processes[1]).is_some_and(|node| node["is_alive"] == false)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_channel_is_forgotten_although_a_connection_in_it_is_absent() {
    let cluster = Cluster::start(2, &[("presence-grace", "0.1")]);
    let [backend, other] = [cluster.backend(0), cluster.backend(1)];
    let conn_id = backend.connect("alice", &["room", "lobby"]).await;
    drop(WebSocket::open(&cluster.nodes[0].address, &conn_id).await);
    eventually("alice is absent", async || {
        members(&other, "room").await.is_empty()
    })
    .await;
    let forget = json!({"channel": "room"});
    let path = "/admin/forget_channel";
    assert_eq!(other.post(path, forget.clone()).await, true);
    assert_eq!(backend.post(path, forget).await, false, "it is gone");
    // The connection still exists, in its other channel.
    let opened = WebSocket::open(&cluster.nodes[0].address, &conn_id).await;
    let mut socket = opened.unwrap();
    other.say("room", json!({"n": 1})).await;
    other.say("lobby", json!({"n": 2})).await;
    let events = socket.events(1, PARTED_WITHIN, Duration::ZERO).await;
    assert_eq!(events[0]["message"]["n"], 2, "{events:?}");
}
