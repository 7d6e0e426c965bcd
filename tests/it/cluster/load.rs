//! Callers that post and clients that listen while something happens to Redis, and what the clients
//! must have got in the end.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::Cluster;
use super::client::Returning;
use crate::support::client::Backend;
use crate::support::eventually;

/// The number of callers, each of which makes one call after the other.
const POSTERS: u64 = 4;

/// The number of clients, each of which is a user of its own.
pub(super) const CLIENTS: usize = 6;

/// The number of messages of each caller that must be accepted before and after what happens.
const ACCEPTED: usize = 30;

/// A caller that posts numbered messages, and does not repeat those that were refused.
struct Poster {
    is_over: watch::Sender<bool>,
    accepted: watch::Receiver<Vec<u64>>,
    task: JoinHandle<()>,
}

impl Poster {
    fn start(backend: Backend, poster: u64) -> Self {
        let (is_over, over) = watch::channel(false);
        let (to_accepted, accepted) = watch::channel(Vec::new());
        let task = tokio::spawn(async move {
            for number in (poster * 1_000_000).. {
                if *over.borrow() {
                    break;
                }
                let said = json!({"number": number});
                let response = backend.try_to_say("room", said).await;
                match response.status().as_u16() {
                    200 => to_accepted.send_modify(|accepted| accepted.push(number)),
                    503 => {
                        assert!(response.headers().contains_key("retry-after"));
                        sleep(Duration::from_millis(20)).await;
                    }
                    status => panic!("{status}"),
                }
                sleep(Duration::from_millis(2)).await;
            }
        });
        Self {
            is_over,
            accepted,
            task,
        }
    }
}

/// Callers that post at two nodes, and clients that listen there.
pub(super) struct Load {
    clients: Vec<Returning>,
    posters: Vec<Poster>,
}

/// What callers were told, and what clients have got.
pub(super) struct Seen {
    accepted: Vec<u64>,
    events: Vec<Vec<Value>>,
}

impl Load {
    /// Starts the callers and clients, and waits until messages are accepted.
    pub(super) async fn start(cluster: &Cluster) -> Self {
        let mut clients = Vec::new();
        for index in 0..CLIENTS {
            let user = format!("user{index}");
            let conn_id = cluster.backend(index % 2).connect(&user, &["room"]).await;
            let address = vec![cluster.nodes[index / 3].address.clone()];
            clients.push(Returning::start(address, conn_id, index as u64));
        }
        let posters = (1..=POSTERS)
            .map(|poster| Poster::start(cluster.backend(poster as usize % 2), poster))
            .collect();
        let mut load = Self { clients, posters };
        load.wait_until_accepted().await;
        load
    }

    /// Waits until more messages of each caller are accepted.
    pub(super) async fn wait_until_accepted(&mut self) {
        for poster in &mut self.posters {
            let count = poster.accepted.borrow().len() + ACCEPTED;
            let accepted = poster.accepted.wait_for(|it| it.len() >= count);
            let accepted = tokio::time::timeout(Duration::from_secs(30), accepted).await;
            accepted.expect("messages are accepted").unwrap();
        }
    }

    /// Waits until more messages are accepted, and then until the clients have got what came last.
    pub(super) async fn stop(mut self, cluster: &Cluster) -> Seen {
        self.wait_until_accepted().await;
        let mut accepted = Vec::new();
        for poster in self.posters {
            poster.is_over.send_replace(true);
            poster.task.await.unwrap();
            accepted.extend(poster.accepted.borrow().iter());
        }
        eventually("calls are taken again", async || {
            let said = json!({"is": "last"});
            let response = cluster.backend(0).try_to_say("room", said).await;
            response.status().is_success()
        })
        .await;
        let mut events = Vec::new();
        for mut client in self.clients {
            client
                .wait_for(Duration::from_secs(20), |events| {
                    events.iter().any(|event| event["message"]["is"] == "last")
                })
                .await;
            events.push(client.stop().await);
        }
        Seen { accepted, events }
    }
}

impl Seen {
    /// Checks that each client has got every message that was accepted, and none twice without a
    /// mark.
    pub(super) fn assert_nothing_lost(&self) {
        for events in &self.events {
            assert!(!has_gap(events), "nothing was lost");
            let missing = missing(events, &self.accepted);
            assert!(missing.is_empty(), "{missing:?} are missing");
            let doubled = doubled(events);
            assert!(doubled.is_empty(), "{doubled:?} came twice without a mark");
        }
    }

    /// Checks that each client that has not got every message that was accepted was told of a gap.
    /// None has got a message twice without a mark, unless its call was under way at one of the
    /// losses, so that the node made the call again.
    pub(super) fn assert_losses_told(&self, losses: usize) {
        for events in &self.events {
            let missing = missing(events, &self.accepted);
            assert!(missing.is_empty() || has_gap(events), "{missing:?}");
            let doubled = doubled(events);
            assert!(
                doubled.len() <= losses * POSTERS as usize,
                "{doubled:?} came twice"
            );
        }
    }

    /// Checks that all clients were told of a gap.
    pub(super) fn assert_all_told_of_gap(&self) {
        assert!(self.events.iter().all(|events| has_gap(events)));
    }
}

fn has_gap(events: &[Value]) -> bool {
    events.iter().any(|event| event["type"] == "catchup:gap")
}

/// Returns how often each message came without a mark.
fn unmarked(events: &[Value]) -> BTreeMap<u64, usize> {
    let mut seen: BTreeMap<u64, usize> = BTreeMap::new();
    for event in events {
        if let Some(number) = event["message"]["number"].as_u64() {
            let unmarked = usize::from(event["catchup"] != true);
            *seen.entry(number).or_default() += unmarked;
        }
    }
    seen
}

pub(super) fn missing(events: &[Value], accepted: &[u64]) -> Vec<u64> {
    let seen = unmarked(events);
    let missing = accepted.iter().filter(|number| !seen.contains_key(number));
    missing.copied().collect()
}

pub(super) fn doubled(events: &[Value]) -> Vec<u64> {
    let seen = unmarked(events).into_iter();
    let doubled = seen.filter(|(_, unmarked)| *unmarked > 1);
    doubled.map(|(number, _)| number).collect()
}
