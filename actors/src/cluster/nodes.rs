//! What operators see of all nodes, from any of them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bytes::Bytes;
use tokio::time::{Instant, timeout};

use crate::cluster::Cluster;
use crate::core::cluster::answer::Pulse;
use crate::core::cluster::call::NodeId;
use crate::view::node::{NodeSummary, SeenNode};

/// The longest time for which the lag of the feed is measured.
const LONGEST_LAG: Duration = Duration::from_secs(60);

impl Cluster {
    /// Returns the nodes as this one has seen them at its last beat, in the order of their hosts.
    pub(crate) fn seen_nodes(&self) -> Vec<SeenNode> {
        self.seen.borrow().clone()
    }

    /// Returns what this node says of itself.
    pub(super) fn describe(&self) -> Bytes {
        let status = self.node.status();
        let summary = NodeSummary {
            host: host(),
            process: std::process::id(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            uptime_secs: status.uptime.as_secs(),
            connections: self.connections.count(),
            waiting_calls: status.waiting,
            feed_lag_millis: u64::try_from(status.lag.as_millis()).unwrap_or(u64::MAX),
            terms: status.terms,
            losses: status.losses,
            missed: status.missed,
            dead_nodes: status.dead,
        };
        // Cannot fail: no value has a key that is not a text.
        serde_json::to_vec(&summary).unwrap_or_default().into()
    }

    /// Notes what is known of all nodes.
    pub(super) fn show_nodes(
        &self,
        pulses: &BTreeMap<NodeId, Pulse<Bytes>>,
        dead: &BTreeSet<NodeId>,
    ) {
        let see = |(id, pulse): (&NodeId, &Pulse<Bytes>)| {
            let about = pulse.about.as_deref();
            let summary = about.and_then(|about| serde_json::from_slice(about).ok());
            SeenNode {
                id: id.0,
                is_this: *id == self.node.id(),
                is_alive: pulse.away.is_zero() && !dead.contains(id),
                summary: summary.unwrap_or_default(),
            }
        };
        let mut seen: Vec<SeenNode> = pulses.iter().map(see).collect();
        let alive = seen.iter().filter(|node| node.is_alive).count();
        self.node.counters().set_nodes(alive);
        seen.sort_by_cached_key(|node| (node.summary.host.clone(), node.summary.process));
        self.seen.send_replace(seen);
    }

    /// Measures how long this node needs to hand on everything up to the present end of the feed.
    pub(super) fn measure_lag(&self) {
        let node = self.node.clone();
        actix::spawn(async move {
            let begun = Instant::now();
            // Without an answer the time is the longest one, or that until Redis was lost.
            drop(timeout(LONGEST_LAG, node.catch_up()).await);
            node.counters().set_lag(begun.elapsed());
        });
    }
}

/// Returns the name of the host, or nothing if it is unknown. In a container it is the name of the
/// container.
fn host() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname");
    name.unwrap_or_default().trim().to_owned()
}
