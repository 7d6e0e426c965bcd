//! Calls that count as done only when replicas have confirmed them.

use reqwest::Response;
use serde_json::{Value, json};

use super::client::Returning;
use super::{Cluster, PARTED_WITHIN};
use crate::support::eventually;
use crate::support::redis_groups::start_pair;

async fn post(cluster: &Cluster, text: &str) -> Response {
    let backend = cluster.backend(0);
    backend.try_to_say("room", json!({"text": text})).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_call_is_in_doubt_while_no_replica_confirms_it() {
    let [primary, mut replica] = start_pair().await;
    let nodes = vec![primary.node(&[("redis-replicas", "1")])];
    let redis = primary;
    let cluster = Cluster { redis, nodes };
    let conn_id = cluster.backend(0).connect("alice", &["room"]).await;
    let address = vec![cluster.nodes[0].address.clone()];
    let mut client = Returning::start(address, conn_id, 0);
    replica.kill();
    let mut answer = post(&cluster, "unconfirmed").await;
    if answer.status() == 200 {
        // The replica had got it before it was killed.
        answer = post(&cluster, "unconfirmed").await;
    }
    assert_eq!(answer.status(), 503);
    let body: Value = answer.json().await.unwrap();
    assert_eq!(body["outcome"], "unknown", "{body}");
    let request = body["request"].as_str().unwrap();
    assert!(request.contains("may have been done or not"), "{request}");
    cluster.nodes[0].log_line("fewer than 1 replicas confirm");
    replica.kill_and_start();
    eventually("the replica confirms", async || {
        post(&cluster, "confirmed").await.status() == 200
    })
    .await;
    cluster.nodes[0].log_line("enough replicas confirm");
    for text in ["unconfirmed", "confirmed"] {
        let has_come =
            |events: &[Value]| events.iter().any(|event| event["message"]["text"] == text);
        client.wait_for(PARTED_WITHIN, has_come).await;
    }
    client.stop().await;
}
