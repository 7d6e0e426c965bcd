//! Ends all connections when the server stops. Each client is first sent all entries for it, and is
//! then told to come back.

use std::sync::atomic::{Ordering::SeqCst, fence};
use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::{Instant, sleep, sleep_until};

use crate::broker::Broker;
use crate::connection::restart::RETURN_GRACE;
use crate::connection::{IsServed, Suspend};
use crate::directory::IfAbsent;
use crate::name::ConnId;

/// The number of connections that are closed in a second if `drain_time` allows it, and the number
/// of clients that are asked to come back in the same second.
const CLOSES_PER_SECOND: u32 = 1000;

/// The first wait between two checks whether something has ended.
const FIRST_WAIT: Duration = Duration::from_millis(10);

/// The longest wait between two checks of a connection. The wait doubles until it is this long.
const LONGEST_WAIT: Duration = Duration::from_millis(160);

/// Returns the seconds for which the client of a connection is asked to wait. Clients get different
/// waits, so that not all come back in the same second.
fn wait_of(index: u32) -> u64 {
    u64::from(1 + index / CLOSES_PER_SECOND)
}

impl Broker {
    /// Ends all connections, one after the other, and tells each client when to come back. Calls
    /// are refused from now on. Pending calls finish first, and their publications are delivered.
    /// At `deadline` the connections that are left end without further waiting. The store is closed
    /// last.
    pub async fn drain(&self, deadline: Instant) {
        self.is_closed.store(true, SeqCst);
        fence(SeqCst);
        while self.counters().pending() > 0 && Instant::now() < deadline {
            sleep(FIRST_WAIT).await;
        }
        let connections = match &self.cluster {
            Some(cluster) => cluster.connections.names().await,
            None => self.connections.names().await,
        };
        let begun_at = Instant::now();
        let count = u32::try_from(connections.len()).unwrap_or(u32::MAX).max(1);
        let pause = (Duration::from_secs(1) / CLOSES_PER_SECOND)
            .min(deadline.saturating_duration_since(begun_at) / count);
        let close = |(index, conn_id)| async move {
            sleep_until(begun_at + pause * index).await;
            self.close_when_served(conn_id, index, deadline).await;
        };
        join_all((0..).zip(connections).map(close)).await;
        if let Some(cluster) = &self.cluster {
            let longest_wait = Duration::from_secs(wait_of(count - 1));
            cluster.leave(longest_wait + RETURN_GRACE).await;
        }
        self.common.store().close().await;
    }

    async fn close_when_served(&self, conn_id: ConnId, index: u32, deadline: Instant) {
        let mut pause = FIRST_WAIT;
        while Instant::now() < deadline {
            let is_served = match &self.cluster {
                Some(cluster) => {
                    (cluster.connections)
                        .ask(conn_id, IfAbsent::Skip, IsServed)
                        .await
                }
                None => {
                    (self.connections)
                        .ask(conn_id, IfAbsent::Skip, IsServed)
                        .await
                }
            };
            if is_served.unwrap_or(true) {
                break;
            }
            sleep_until(deadline.min(Instant::now() + pause)).await;
            // The wait grows, because there may be many slow clients.
            pause = LONGEST_WAIT.min(pause * 2);
        }
        let suspend = Suspend {
            wait: wait_of(index),
        };
        match &self.cluster {
            Some(cluster) => {
                (cluster.connections)
                    .ask(conn_id, IfAbsent::Skip, suspend)
                    .await
            }
            None => self.connections.ask(conn_id, IfAbsent::Skip, suspend).await,
        };
    }
}
