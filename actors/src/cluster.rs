//! A node of a cluster: the actors that serve connections here, and the operations of the broker
//! when Redis decides.

mod claims;
pub(crate) mod connection;
pub(crate) mod feed;
mod nodes;
mod panel;
pub(crate) mod polls;
pub(crate) mod reading;
pub(crate) mod subscribing;
mod sweeping;
pub(crate) mod writing;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use actix::Addr;
use tokio::sync::watch;

use self::connection::ServedConnection;
use self::polls::Polls;
use crate::channel::Channel;
use crate::common::Common;
use crate::core::cluster::call::Call;
use crate::directories::Directories;
use crate::error::Refused;
use crate::store::redis::node::Node;
use crate::user::User;
use crate::view::node::SeenNode;

/// A node of a cluster. Cloning is cheap.
#[derive(Clone)]
pub(crate) struct Cluster {
    pub(crate) node: Node,
    pub(crate) common: Common,
    pub(crate) channels: Directories<Channel>,
    pub(crate) users: Directories<User>,
    pub(crate) connections: Directories<ServedConnection>,
    /// The nodes, as this one has seen them at its last beat.
    seen: watch::Sender<Vec<SeenNode>>,
    /// The polls that wait here; unset until the threads start.
    polls: Arc<OnceLock<Addr<Polls>>>,
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
            seen: watch::Sender::default(),
            polls: Arc::default(),
        }
    }

    /// Returns the actor that knows the polls of Socket.IO clients which wait here.
    ///
    /// # Errors
    /// Fails before the threads have started.
    pub(crate) fn polls(&self) -> Result<&Addr<Polls>, Refused> {
        self.polls.get().ok_or(Refused::TRY_AGAIN)
    }

    /// Tells the other nodes that this one has stopped, and how long its clients may stay away.
    pub(crate) async fn leave(&self, away: Duration) {
        let node = self.node.id();
        // Without this the others notice that the node has stopped, but not that its clients were
        // told to come back.
        let _ = self.node.make(Call::Declare { node, away }).await;
    }
}
