//! The official clients behind HAProxy, which sends each of their requests to the next node.

use std::time::Duration;

use serde_json::json;
use tokio::time::sleep;

use super::program::Program;
use crate::support::balancer::Balancer;
use crate::support::client::Backend;
use crate::support::redis::Redis;
use crate::support::server::Server;

struct Nodes {
    nodes: Vec<Server>,
    balancer: Balancer,
    backend: Backend,
    _redis: Redis,
}

impl Nodes {
    fn start() -> Self {
        let redis = Redis::start();
        let nodes: Vec<_> = (0..3).map(|_| redis.node(&[])).collect();
        let addresses: Vec<_> = nodes.iter().map(|node| node.address.clone()).collect();
        let balancer = Balancer::to(&addresses);
        Self {
            backend: Backend::at(&balancer.address),
            balancer,
            nodes,
            _redis: redis,
        }
    }

    /// Starts a client: `javascript`, or `sync` or `async` for Python.
    fn client(&self, kind: &str, conn_id: &str, transport: &str) -> Program {
        let address = &self.balancer.address;
        if kind != "javascript" {
            return Program::python(address, conn_id, kind, transport);
        }
        let mut options = json!({"auth": {"conn_id": conn_id}});
        if !transport.is_empty() {
            options["transports"] = json!([transport]);
        }
        Program::with_options(address, "", &options)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn official_clients_hear_everything_once_by_polling_and_while_they_go_on_by_a_websocket() {
    const MESSAGES: u64 = 200;
    let nodes = Nodes::start();
    for (kind, transport) in [
        ("javascript", "polling"),
        ("javascript", ""),
        ("sync", "polling"),
        ("sync", ""),
        ("async", "polling"),
        ("async", ""),
    ] {
        let conn_id = nodes.backend.connect("alice", &["room"]).await;
        let mut client = nodes.client(kind, &conn_id, transport);
        client.next("user_connect").await;
        for n in 1..=MESSAGES {
            nodes.backend.say("room", json!({"n": n})).await;
            sleep(Duration::from_millis(3)).await;
        }
        let mut numbers = client.numbers(MESSAGES).await;
        // What comes between two polls is marked.
        if kind == "sync" {
            // It handles each event in a thread of its own.
            numbers.sort_unstable();
        }
        let numbers: Vec<u64> = numbers.iter().map(|(number, _)| *number).collect();
        let expected: Vec<u64> = (1..=MESSAGES).collect();
        assert_eq!(numbers, expected, "{kind} {transport}");
        if kind != "javascript" {
            let last = json!({"n": MESSAGES + 1, "last": true});
            nodes.backend.say("room", last).await;
            client.numbers(1).await;
            let error = json!({"error": "listen only: post through your application"});
            assert_eq!(client.next("answer").await[1], error);
            client.end().await;
            continue;
        }
        let ended = json!({"conn_id": conn_id});
        nodes.backend.post("/disconnect", ended).await;
        assert_eq!(client.next("close").await[1]["code"], 1000);
        let ended = client.next("disconnect").await;
        assert_eq!(ended, json!(["disconnect", "io server disconnect", false]));
        client.end().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_official_client_loses_nothing_when_it_drops_and_when_nodes_are_killed() {
    let mut nodes = Nodes::start();
    let conn_id = nodes.backend.connect("alice", &["room"]).await;
    let mut client = nodes.client("javascript", &conn_id, "polling");
    client.next("user_connect").await;
    let mut received: Vec<(u64, bool)> = Vec::new();
    for n in 1..=60 {
        if n == 40 {
            nodes.nodes[0].kill();
        }
        let said = json!({"n": n, "drop": n == 20});
        // A call that was on its way to the node may be lost.
        while !nodes
            .backend
            .try_to_say("room", said.clone())
            .await
            .status()
            .is_success()
        {}
        sleep(Duration::from_millis(20)).await;
    }
    while received.iter().all(|(number, _)| *number != 60) {
        let line = client.line().await;
        if line[0] == "message" {
            let events = line[1].as_array().unwrap().iter();
            received.extend(events.map(|event| {
                let number = event["message"]["n"].as_u64().unwrap();
                (number, event["catchup"] == true)
            }));
        }
    }
    let mut last = 0;
    for (number, is_marked) in &received {
        assert!(
            *number == last + 1 || (*number <= last && *is_marked),
            "{received:?}"
        );
        last = last.max(*number);
    }
    assert_eq!(last, 60, "{received:?}");
}
