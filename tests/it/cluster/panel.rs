//! What the panel of one node says of all nodes.

use reqwest::Method;
use serde_json::Value;

use super::Cluster;
use crate::support::event_stream::EventStream;

/// Waits until the panel of a node shows these nodes.
async fn wait_for(panel: &mut EventStream, is_shown: impl Fn(&[Value]) -> bool) {
    let shown = async {
        loop {
            let event = panel.next().await.expect("the stream has ended");
            if event.name == "view" && is_shown(&event.list()) {
                return;
            }
        }
    };
    let within = super::PARTED_WITHIN;
    let shown = tokio::time::timeout(within, shown).await;
    shown.expect("the panel shows the nodes");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_panel_of_each_node_shows_all_nodes() {
    let mut cluster = Cluster::start(2, &[]);
    cluster.backend(1).connect("alice", &["room"]).await;
    let backend = cluster.backend(0);
    let live = backend.request(Method::GET, "/admin/live?view=numbers");
    let mut panel = EventStream::open(live).await;
    let processes = [0, 1].map(|node: usize| u64::from(cluster.nodes[node].id()));
    let of = |nodes: &[Value], process| {
        let mut nodes = nodes.iter();
        nodes.find(|node| node["process"] == process).cloned()
    };
    wait_for(&mut panel, |nodes| {
        let (Some(this), Some(other)) = (of(nodes, processes[0]), of(nodes, processes[1])) else {
            return false;
        };
        let alive = [&this, &other].map(|node| node["is_alive"] == true);
        let known = [&this, &other].map(|node| node["version"] == env!("CARGO_PKG_VERSION"));
        nodes.len() == 2
            && alive == [true; 2]
            && known == [true; 2]
            && [&this["is_this"], &other["is_this"]] == [true, false]
            && [&this["connections"], &other["connections"]] == [0, 1]
    })
    .await;
    cluster.nodes[1].kill();
    // The connection keeps the node in the list until it has ended.
    wait_for(&mut panel, |nodes| {
        of(nodes, processes[1]).is_some_and(|node| node["is_alive"] == false)
    })
    .await;
}
