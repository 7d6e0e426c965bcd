//! What operators see of the nodes of a cluster.

use serde::{Deserialize, Serialize};

/// What a node says of itself with each beat. A field that another version does not know is left
/// out.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct NodeSummary {
    /// The name of its host.
    pub host: String,
    /// The number of its process.
    pub process: u32,
    /// The version of the server.
    pub version: String,
    /// The number of seconds since it was started.
    pub uptime_secs: u64,
    /// The number of connections that it answers for.
    pub connections: usize,
    /// The number of calls that wait for Redis.
    pub waiting_calls: u64,
    /// The time that it needed last to hand on everything up to the end of the feed, in
    /// milliseconds.
    pub feed_lag_millis: u64,
    /// The number of restarts and failovers of Redis that it has seen.
    pub terms: u64,
    /// The number of times that it has noticed that Redis has lost something.
    pub losses: u64,
    /// The number of times that the feed was trimmed before it had read it.
    pub missed: u64,
    /// The number of nodes that it has found dead.
    pub dead_nodes: u64,
}

/// A node, as another one or itself sees it.
#[derive(Clone, Debug, Serialize)]
pub struct SeenNode {
    /// The id of the node.
    pub id: u64,
    /// Whether this is the node that was asked.
    pub is_this: bool,
    /// Whether the node beats. A node that does not is listed as long as it has connections.
    pub is_alive: bool,
    /// What the node has said of itself last.
    #[serde(flatten)]
    pub summary: NodeSummary,
}
