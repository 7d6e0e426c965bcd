//! Several nodes that share one Redis: order, lost nodes, and faults of Redis.
//! `docs/operations/cluster.md` says what clients see of each fault.

mod calls;
mod client;
mod copies;
mod endurance;
mod failover;
mod load;
mod loading;
mod losses;
mod lost_data;
mod nodes;
mod old_data;
mod order;
mod panel;
mod publisher;
mod replicas;
mod stops;
mod tls;
mod turns;
mod versions;

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::client::Backend;
use crate::support::redis::Redis;
use crate::support::server::Server;

/// Nodes that share one Redis.
struct Cluster {
    redis: Redis,
    nodes: Vec<Server>,
}

impl Cluster {
    fn start(count: usize, flags: &[(&str, &str)]) -> Self {
        let redis = Redis::start();
        let nodes = (0..count).map(|_| redis.node(flags)).collect();
        Self { redis, nodes }
    }

    fn addresses(&self) -> Vec<String> {
        let addresses = self.nodes.iter().map(|node| node.address.clone());
        addresses.collect()
    }

    fn backend(&self, node: usize) -> Backend {
        Backend::of(&self.nodes[node])
    }
}

/// Returns the names of the users in a channel, as a node answers them.
async fn members(backend: &Backend, channel: &str) -> Vec<String> {
    let body = json!({"info": {"channels": [channel], "include_history": false}});
    let info = backend.post("/info", body).await;
    let users = info["channels"][channel]["users"].as_array().cloned();
    let name = |user: Value| user.as_str().unwrap().to_owned();
    users.unwrap_or_default().into_iter().map(name).collect()
}

/// Returns the status of `/ready`, and why the node is not ready.
async fn readiness(backend: &Backend) -> (u16, Value) {
    let ready = backend.unsigned(Method::GET, "/ready").send().await;
    let ready = ready.unwrap();
    let status = ready.status().as_u16();
    let body: Value = ready.json().await.unwrap();
    (status, body["store"]["node"]["error"].clone())
}

/// The settings of a channel that tells its users of each other.
fn presence() -> Value {
    json!({"notify_presence": true})
}

/// The time within which the others are told that the user of a lost node has left.
const PARTED_WITHIN: Duration = Duration::from_secs(16);
