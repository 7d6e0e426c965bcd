//! A node of the cluster, on a thread of its own.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

use actix::Arbiter;
use channelstream_actors::broker::Broker;
use channelstream_actors::limits::Limits;
use channelstream_actors::store::Store;
use channelstream_actors::store::note::Kept;
use channelstream_actors::store::redis::link::Place;
use channelstream_actors::store::redis::node::Node as StoreNode;
use channelstream_actors::store::redis::resolver::Servers;
use channelstream_actors::store::redis::status::NodeStatus;
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::redis_server::RedisServer;
use crate::shared::wire::Wire;
use crate::world::Checked;

/// The time within which the thread of a node must end.
const ENDED_WITHIN: Duration = Duration::from_secs(20);

/// A node of the cluster.
pub(crate) struct Node {
    arbiter: Arbiter,
    pub(crate) broker: Broker,
    pub(crate) wire: Wire,
}

impl Node {
    pub(crate) fn start(server: &RedisServer, limits: &Limits) -> Self {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let name = format!("node-{}.sock", NUMBER.fetch_add(1, Relaxed));
        let folder = server.folder.path();
        let wire = Wire::new(folder.join(name), folder.join("redis.sock"));
        let servers = Servers::new(&[wire.url()], "", None).unwrap();
        let place = Place::new(servers, "", limits, 0);
        let store = Store::Redis(StoreNode::new(place));
        let broker = Broker::with_store(limits.clone(), store, Kept::default());
        let arbiter = Arbiter::new();
        broker.start_on(&[arbiter.handle()]);
        Self {
            arbiter,
            broker,
            wire,
        }
    }

    /// Ends the node as if its process was killed. Returns what it has counted.
    pub(crate) async fn kill(self) -> Checked<NodeStatus> {
        let status = self.status();
        self.arbiter.stop();
        let (ended, end) = oneshot::channel();
        // Nothing waits for this thread if the node does not end.
        thread::spawn(move || drop(ended.send(self.arbiter.join())));
        match timeout(ENDED_WITHIN, end).await {
            Ok(ended) => ended.unwrap().unwrap(),
            Err(_) => return Err("the thread of a node does not end".to_owned()),
        }
        Ok(status)
    }

    pub(crate) fn status(&self) -> NodeStatus {
        self.broker.store().node_status().unwrap()
    }
}
