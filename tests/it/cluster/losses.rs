//! Redis is killed, paused, or loses its connections, while callers post.

use std::time::Duration;

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::sleep;

use super::load::Load;
use super::{Cluster, presence};
use crate::support::eventually;
use crate::support::scale::scaled;
use crate::support::websocket::WebSocket;

/// Lets callers post at two nodes while faults happen. Then each client must have every message
/// that was accepted, and none twice without a mark.
async fn post_through(fault: impl AsyncFn(&mut Cluster, &mut Load)) {
    let mut cluster = Cluster::start(2, &[]);
    let mut load = Load::start(&cluster).await;
    fault(&mut cluster, &mut load).await;
    load.stop(&cluster).await.assert_nothing_lost();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nothing_is_lost_when_redis_is_killed_and_has_its_file() {
    post_through(async |cluster, load| {
        // By default the file is written once a second.
        let redis = &mut cluster.redis;
        redis.command(&["config", "set", "appendfsync", "always"]);
        for _ in 0..scaled(1, 10) {
            load.wait_until_accepted().await;
            cluster.redis.kill_and_start();
            load.wait_until_accepted().await;
            let redis = &mut cluster.redis;
            redis.command(&["config", "set", "appendfsync", "always"]);
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nothing_is_lost_when_redis_stands_still() {
    post_through(async |cluster, load| {
        cluster.redis.signal("STOP");
        sleep(Duration::from_secs(scaled(5, 20))).await;
        cluster.redis.signal("CONT");
        load.wait_until_accepted().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nothing_is_lost_when_connections_to_redis_are_killed() {
    post_through(async |cluster, load| {
        for _ in 0..scaled(15, 300) {
            cluster.redis.command(&["client", "kill", "type", "normal"]);
            // The time is a part of the fault: the next one comes, whatever was accepted.
            sleep(Duration::from_millis(200)).await;
        }
        load.wait_until_accepted().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_cannot_be_read_is_refused_and_not_shown_as_empty() {
    let cluster = Cluster::start(1, &[]);
    let backend = cluster.backend(0);
    let conn_id = backend.connect("alice", &["room"]).await;
    let reads = [
        (Method::POST, "/info"),
        (Method::GET, "/admin/admin.json"),
        (Method::POST, "/subscribe"),
    ];
    let read = async |(method, path): (Method, &str)| {
        let body = json!({"conn_id": conn_id, "channels": ["room"]});
        let body = if path == "/subscribe" {
            body
        } else {
            json!({"info": {}})
        };
        backend.send(method, path, &body).await
    };
    let live = || backend.request(Method::GET, "/admin/live?view=channels");
    let open = live().send().await.unwrap();
    assert_eq!(open.status(), 200);
    // The node finds out that Redis is away only after it has begun to read.
    cluster.redis.signal("STOP");
    for answer in join_all(reads.iter().cloned().map(read)).await {
        assert_eq!(answer.status(), 503, "{}", answer.url());
        assert_eq!(answer.headers()["retry-after"], "1", "{}", answer.url());
    }
    // The stream of a panel ends, and is not opened again before the view can be read.
    open.text().await.unwrap();
    assert_eq!(live().send().await.unwrap().status(), 503);
    cluster.redis.signal("CONT");
    let is_shown = async || {
        let answer = read(reads[0].clone()).await;
        answer.status() == 200 && answer.text().await.unwrap().contains("alice")
    };
    eventually("the channel is shown again", is_shown).await;
}

/// Listens for a connection, and returns the id of the event that says that alice has come.
async fn id_of_joined(cluster: &Cluster, node: usize, conn_id: &str) -> Value {
    let address = &cluster.nodes[node].address;
    let mut socket = WebSocket::open(address, conn_id).await.unwrap();
    loop {
        let events = socket.events(1, Duration::from_secs(10), Duration::ZERO);
        let events = events.await;
        assert!(!events.is_empty(), "nothing says that alice has come");
        if let Some(joined) = events.iter().find(|event| event["user"] == "alice") {
            return joined["uuid"].clone();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_event_keeps_its_id_when_redis_has_started_again() {
    let mut cluster = Cluster::start(2, &[]);
    let redis = &cluster.redis;
    redis.command(&["config", "set", "appendfsync", "always"]);
    let backend = cluster.backend(0);
    let configured = json!({"room": presence()});
    backend.post("/channel_config", configured).await;
    let bob = backend.connect("bob", &["room"]).await;
    let late = [
        backend.connect("carol", &["room"]).await,
        backend.connect("dave", &["room"]).await,
    ];
    backend.connect("alice", &["room"]).await;
    let before = id_of_joined(&cluster, 0, &bob).await;
    cluster.redis.kill_and_start();
    // The first entry after the start begins another epoch of the log.
    let is_said = async || {
        let said = backend.try_to_say("room", json!({"is": "new"})).await;
        said.status() == 200
    };
    eventually("a message is accepted", is_said).await;
    for (node, conn_id) in late.iter().enumerate() {
        let backend = cluster.backend(node);
        // A node notices with its first call that Redis has started again.
        let body = json!({"info": {"channels": ["room"]}});
        let is_taken = async || {
            let taken = backend.send(Method::POST, "/info", &body).await;
            taken.status() == 200
        };
        eventually("the node takes calls", is_taken).await;
        assert_eq!(id_of_joined(&cluster, node, conn_id).await, before);
    }
}
