//! Redis loses data, has no memory, or trims the feed before a node has read it.

use std::time::Duration;

use serde_json::{Value, json};

use super::client::{Returning, one_at_each_node};
use super::{Cluster, members, readiness};
use crate::support::client::Backend;
use crate::support::eventually;

const WITHIN: Duration = Duration::from_secs(20);

/// Posts a message. Returns whether it was accepted.
async fn post(backend: &Backend, text: &str) -> bool {
    let response = backend.try_to_say("room", json!({"text": text})).await;
    let status = response.status().as_u16();
    assert!(status == 200 || status == 503, "{status}");
    status == 200
}

fn has(events: &[Value], text: &str) -> bool {
    events.iter().any(|event| event["message"]["text"] == text)
}

/// Starts two nodes, and a client at each of them.
async fn start() -> (Cluster, Vec<Returning>) {
    let cluster = Cluster::start(2, &[]);
    let mut clients = one_at_each_node(&cluster).await;
    assert!(post(&cluster.backend(0), "first").await);
    for client in &mut clients {
        client.wait_for(WITHIN, |events| has(events, "first")).await;
    }
    (cluster, clients)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn clients_stay_and_are_told_of_a_gap_when_redis_has_lost_everything() {
    let (cluster, clients) = start().await;
    cluster.redis.command(&["flushall"]);
    eventually("a message is accepted", async || {
        post(&cluster.backend(1), "after").await
    })
    .await;
    for mut client in clients {
        client.wait_for(WITHIN, |events| has(events, "after")).await;
        let is_gap = |events: &[Value]| events.iter().any(|it| it["type"] == "catchup:gap");
        client.wait_for(WITHIN, is_gap).await;
        let events = client.events();
        assert!(
            events.iter().all(|event| event["type"] != "presence"),
            "{events:?}"
        );
        client.stop().await;
    }
    for node in 0..2 {
        eventually("both users are listed", async || {
            members(&cluster.backend(node), "room").await == ["alice", "bob"]
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn calls_are_refused_while_redis_has_no_memory_and_clients_stay() {
    let (cluster, clients) = start().await;
    cluster.redis.command(&["config", "set", "maxmemory", "1"]);
    assert!(!post(&cluster.backend(0), "refused").await);
    assert!(!post(&cluster.backend(1), "refused").await);
    assert!(!post(&cluster.backend(0), "refused").await);
    for node in 0..2 {
        let (status, error) = readiness(&cluster.backend(node)).await;
        assert_eq!(status, 503);
        assert!(error.as_str().unwrap().contains("maxmemory"), "{error}");
    }
    cluster.redis.command(&["config", "set", "maxmemory", "0"]);
    for node in 0..2 {
        eventually("the node is ready by itself", async || {
            readiness(&cluster.backend(node)).await == (200, Value::Null)
        })
        .await;
    }
    let log = cluster.nodes[0].rest_of_log();
    let refusals = log.iter().filter(|line| line.contains("refuses to write"));
    assert_eq!(refusals.count(), 1, "{log:?}");
    assert!(post(&cluster.backend(1), "after").await);
    for mut client in clients {
        client.wait_for(WITHIN, |events| has(events, "after")).await;
        let events = client.stop().await;
        assert!(!has(&events, "refused"));
        let after = events
            .iter()
            .filter(|event| event["message"]["text"] == "after");
        let marks: Vec<_> = after.map(|event| event["catchup"].clone()).collect();
        assert_eq!(marks, [json!(false)], "its socket has stayed open");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_node_reads_anew_what_the_feed_has_no_more() {
    let (cluster, mut clients) = start().await;
    cluster.nodes[0].pause();
    for number in 0..50 {
        assert!(post(&cluster.backend(1), &format!("missed {number}")).await);
    }
    cluster
        .redis
        .command(&["xtrim", "cs1:{cs}f", "maxlen", "1"]);
    cluster.nodes[0].go_on();
    assert!(post(&cluster.backend(1), "last").await);
    for client in &mut clients {
        client.wait_for(WITHIN, |events| has(events, "last")).await;
    }
    let events = clients.remove(0).stop().await;
    for number in 0..50 {
        assert!(has(&events, &format!("missed {number}")), "{number}");
    }
}
