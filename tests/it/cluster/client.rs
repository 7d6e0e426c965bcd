//! A client that listens by websockets, one after the other, and comes back to any node.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use serde_json::Value;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::Cluster;
use crate::support::random::Random;
use crate::support::websocket::WebSocket;

/// The wait before a client comes back.
const PAUSE: Duration = Duration::from_millis(50);

/// The time for which a client waits for the next event.
const WAIT: Duration = Duration::from_millis(100);

/// A client that comes back to any node when its websocket ends.
pub(super) struct Returning {
    is_over: Arc<AtomicBool>,
    seen: watch::Receiver<Vec<Value>>,
    task: JoinHandle<()>,
}

impl Returning {
    /// Listens for a connection at these nodes.
    pub(super) fn start(addresses: Vec<String>, conn_id: String, seed: u64) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let (to_seen, seen) = watch::channel(Vec::new());
        let listening = listen(
            addresses,
            conn_id,
            Random::new(seed),
            to_seen,
            is_over.clone(),
        );
        Self {
            is_over,
            seen,
            task: tokio::spawn(listening),
        }
    }

    /// Waits until the events that were received fulfil a condition.
    pub(super) async fn wait_for(&mut self, within: Duration, is_it: impl Fn(&[Value]) -> bool) {
        let mut watched = self.seen.clone();
        let seen = watched.wait_for(|events| is_it(events));
        let seen = tokio::time::timeout(within, seen).await.is_ok();
        assert!(seen, "timed out after {:?}", self.seen.borrow().last());
    }

    /// Returns the number of events of this type that were received.
    pub(super) fn count(&self, kind: &str) -> usize {
        let seen = self.seen.borrow();
        seen.iter().filter(|event| event["type"] == kind).count()
    }

    /// Returns all events that were received.
    pub(super) fn events(&self) -> Vec<Value> {
        self.seen.borrow().clone()
    }

    /// Ends the client, and returns all events that it has received.
    pub(super) async fn stop(self) -> Vec<Value> {
        self.is_over.store(true, Relaxed);
        self.task.await.unwrap();
        self.seen.borrow().clone()
    }
}

/// Starts a client of alice at the first node, and one of bob at the second. Each comes back to the
/// same node.
pub(super) async fn one_at_each_node(cluster: &Cluster) -> Vec<Returning> {
    let mut clients = Vec::new();
    for (node, user) in ["alice", "bob"].into_iter().enumerate() {
        let conn_id = cluster.backend(node).connect(user, &["room"]).await;
        let address = vec![cluster.nodes[node].address.clone()];
        clients.push(Returning::start(address, conn_id, node as u64));
    }
    clients
}

async fn listen(
    addresses: Vec<String>,
    conn_id: String,
    mut random: Random,
    seen: watch::Sender<Vec<Value>>,
    is_over: Arc<AtomicBool>,
) {
    while !is_over.load(Relaxed) {
        let node = random.below(addresses.len() as u64) as usize;
        let Ok(mut socket) = WebSocket::open(&addresses[node], &conn_id).await else {
            sleep(PAUSE).await;
            continue;
        };
        while !is_over.load(Relaxed) {
            let events = socket.events(1, WAIT, Duration::ZERO).await;
            let is_silent = events.is_empty();
            seen.send_modify(|seen| seen.extend(events));
            if is_silent && let Some(end) = socket.ended(Duration::ZERO).await {
                let code = end.map(|(code, _)| code);
                assert_ne!(code, Some(4004), "the connection is not known any more");
                break;
            }
        }
        sleep(PAUSE).await;
    }
}
