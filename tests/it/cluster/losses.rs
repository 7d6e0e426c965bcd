//! Redis is killed, paused, or loses its connections, while callers post.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::Cluster;
use super::client::Returning;
use crate::support::client::Backend;
use crate::support::eventually;
use crate::support::scale::scaled;

/// A caller that posts numbered messages, and does not repeat those that were refused.
struct Poster {
    is_over: Arc<AtomicBool>,
    task: JoinHandle<Vec<u64>>,
}

impl Poster {
    fn start(backend: Backend, poster: u64) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let over = is_over.clone();
        let task = tokio::spawn(async move {
            let mut accepted = Vec::new();
            for number in (poster * 1_000_000).. {
                if over.load(Relaxed) {
                    break;
                }
                let said = json!({"number": number});
                let body = json!([{"user": "backend", "channel": "room", "message": said}]);
                let response = backend.send(Method::POST, "/message", &body).await;
                match response.status().as_u16() {
                    200 => accepted.push(number),
                    503 => {
                        assert!(response.headers().contains_key("retry-after"));
                        sleep(Duration::from_millis(20)).await;
                    }
                    status => panic!("{status}"),
                }
                sleep(Duration::from_millis(2)).await;
            }
            accepted
        });
        Self { is_over, task }
    }

    /// Stops, and returns the numbers of the messages that were accepted.
    async fn stop(self) -> Vec<u64> {
        self.is_over.store(true, Relaxed);
        self.task.await.unwrap()
    }
}

/// Lets callers post at two nodes while faults happen. Then each client must have every message
/// that was accepted, and none twice without a mark.
async fn post_through(fault: impl AsyncFn(&mut Cluster)) {
    let mut cluster = Cluster::start(2, &[]);
    let mut clients = Vec::new();
    for index in 0..6 {
        let user = format!("user{index}");
        let conn_id = cluster.backend(index % 2).connect(&user, &["room"]).await;
        let address = vec![cluster.nodes[index / 3].address.clone()];
        clients.push(Returning::start(address, conn_id, index as u64));
    }
    let posters: Vec<_> = (1..=4)
        .map(|poster| Poster::start(cluster.backend(poster as usize % 2), poster))
        .collect();
    sleep(Duration::from_millis(500)).await;
    fault(&mut cluster).await;
    sleep(Duration::from_millis(500)).await;
    let mut accepted = Vec::new();
    for poster in posters {
        accepted.extend(poster.stop().await);
    }
    eventually("calls are taken again", async || {
        let body = json!([{"user": "backend", "channel": "room", "message": {"is": "last"}}]);
        let response = cluster
            .backend(0)
            .send(Method::POST, "/message", &body)
            .await;
        response.status().is_success()
    })
    .await;
    assert!(
        accepted.len() > 100,
        "only {} were accepted",
        accepted.len()
    );
    for mut client in clients {
        client
            .wait_for(Duration::from_secs(20), |events| {
                events.iter().any(|event| event["message"]["is"] == "last")
            })
            .await;
        check(&client.stop().await, &accepted);
    }
}

fn check(events: &[Value], accepted: &[u64]) {
    let mut seen: BTreeMap<u64, usize> = BTreeMap::new();
    for event in events {
        assert_ne!(event["type"], "catchup:gap", "nothing was lost");
        if let Some(number) = event["message"]["number"].as_u64() {
            let unmarked = usize::from(event["catchup"] != true);
            *seen.entry(number).or_default() += unmarked;
        }
    }
    let missing = accepted.iter().filter(|number| !seen.contains_key(number));
    let missing: Vec<_> = missing.collect();
    assert!(
        missing.is_empty(),
        "{} are missing: {missing:?}",
        missing.len()
    );
    let doubled = seen.iter().filter(|(_, unmarked)| **unmarked > 1);
    let doubled: Vec<_> = doubled.collect();
    assert!(doubled.is_empty(), "{doubled:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nothing_is_lost_when_redis_is_killed_and_has_its_file() {
    post_through(async |cluster| {
        for _ in 0..scaled(1, 10) {
            // The file is written once a second.
            cluster
                .redis
                .command(&["config", "set", "appendfsync", "always"]);
            sleep(Duration::from_millis(200)).await;
            cluster.redis.kill_and_start();
            sleep(Duration::from_secs(2)).await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nothing_is_lost_when_redis_stands_still() {
    post_through(async |cluster| {
        cluster.redis.signal("STOP");
        sleep(Duration::from_secs(scaled(5, 20))).await;
        cluster.redis.signal("CONT");
        sleep(Duration::from_secs(2)).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nothing_is_lost_when_connections_to_redis_are_killed() {
    post_through(async |cluster| {
        for _ in 0..scaled(15, 300) {
            cluster.redis.command(&["client", "kill", "type", "normal"]);
            sleep(Duration::from_millis(200)).await;
        }
    })
    .await;
}
