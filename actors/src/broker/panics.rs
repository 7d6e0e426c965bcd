//! The broker's reaction when a panic has ended an actor.

use futures_util::future::join_all;
use tokio::sync::mpsc::UnboundedReceiver;

use crate::broker::Broker;
use crate::connection::Close;
use crate::directories::SLICE;
use crate::directory::IfAbsent;
use crate::error::CloseReason;
use crate::faults::PanickedActor;

impl Broker {
    /// Ends the connections that relied on actors that a panic has ended. Runs as long as the
    /// server runs.
    pub(super) async fn end_connections_of_panicked(
        &self,
        mut panicked: UnboundedReceiver<PanickedActor>,
    ) {
        while let Some(PanickedActor { kind, connections }) = panicked.recv().await {
            self.counters().count_fault(kind);
            log::error!(
                connections = connections.len();
                "a panic has ended the actor of a {} (a fault of the server); its connections are \
                 closed, and their clients connect again",
                kind.name()
            );
            for slice in connections.chunks(SLICE) {
                let close = |conn_id| {
                    let close = Close {
                        reason: CloseReason::Fault,
                        request: None,
                    };
                    self.connections.ask(conn_id, IfAbsent::Skip, close)
                };
                if let Some(cluster) = &self.cluster {
                    // The connections are in Redis. Their clients come back to them.
                    cluster.abandon_transports_of(slice);
                    continue;
                }
                join_all(slice.iter().copied().map(close)).await;
            }
        }
    }
}
