//! A node of a cluster: the actors that serve connections here, and the operations of the broker
//! when Redis decides.

mod claims;
pub(crate) mod connection;
pub(crate) mod feed;
mod panel;
pub(crate) mod reading;
pub(crate) mod subscribing;
mod sweeping;
pub(crate) mod writing;

use std::time::Duration;

use self::connection::ServedConnection;
use crate::channel::Channel;
use crate::common::Common;
use crate::core::cluster::call::Call;
use crate::directories::Directories;
use crate::store::redis::node::Node;
use crate::user::User;

/// A node of a cluster. Cloning is cheap.
#[derive(Clone)]
pub(crate) struct Cluster {
    pub(crate) node: Node,
    pub(crate) common: Common,
    pub(crate) channels: Directories<Channel>,
    pub(crate) users: Directories<User>,
    pub(crate) connections: Directories<ServedConnection>,
}

impl Cluster {
    /// Creates a node whose threads have not started.
    pub(crate) fn new(
        node: Node,
        common: Common,
        channels: Directories<Channel>,
        users: Directories<User>,
    ) -> Self {
        Self {
            node,
            common,
            channels,
            users,
            connections: Directories::default(),
        }
    }

    /// Tells the other nodes that this one has stopped, and how long its clients may stay away.
    pub(crate) async fn leave(&self, away: Duration) {
        let node = self.node.id();
        // Without this the others notice that the node has stopped, but not that its clients were
        // told to come back.
        let _ = self.node.make(Call::Declare { node, away }).await;
    }
}
