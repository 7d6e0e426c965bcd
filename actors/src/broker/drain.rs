//! The end of all connections when the server stops: each client is first sent everything there is
//! for it, and told to come back.

use std::sync::atomic::{Ordering::SeqCst, fence};
use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::{Instant, sleep, sleep_until};

use crate::broker::Broker;
use crate::connection::{IsServed, Suspend};
use crate::directory::IfAbsent;
use crate::name::ConnId;

/// How many clients are closed in a second if `drain_time` allows it, and how many are asked to
/// come back in the same second.
const CLOSES_PER_SECOND: u32 = 1000;

/// How long the wait is before it is checked again whether something has ended.
const FIRST_WAIT: Duration = Duration::from_millis(10);

/// How long that wait may grow.
const LONGEST_WAIT: Duration = Duration::from_millis(160);

impl Broker {
    /// Ends all connections, one after the other, and tells each client when to come back. From now
    /// on calls are refused. Those that are pending finish first, and what they published is
    /// delivered. At `deadline` all that is left ends as it is. Last the store is closed.
    pub async fn drain(&self, deadline: Instant) {
        self.is_closed.store(true, SeqCst);
        fence(SeqCst);
        while self.counters().pending() > 0 && Instant::now() < deadline {
            sleep(FIRST_WAIT).await;
        }
        let connections = self.connections.names().await;
        let begun_at = Instant::now();
        let count = u32::try_from(connections.len()).unwrap_or(u32::MAX).max(1);
        let pause = (Duration::from_secs(1) / CLOSES_PER_SECOND)
            .min(deadline.saturating_duration_since(begun_at) / count);
        let close = |(index, conn_id)| async move {
            sleep_until(begun_at + pause * index).await;
            self.close_when_served(conn_id, index, deadline).await;
        };
        join_all((0..).zip(connections).map(close)).await;
        self.common.store().close().await;
    }

    async fn close_when_served(&self, conn_id: ConnId, index: u32, deadline: Instant) {
        let mut pause = FIRST_WAIT;
        while Instant::now() < deadline {
            let is_served = self
                .connections
                .ask(conn_id, IfAbsent::Skip, IsServed)
                .await;
            if is_served.unwrap_or(true) {
                break;
            }
            sleep_until(deadline.min(Instant::now() + pause)).await;
            // There may be many slow clients.
            pause = LONGEST_WAIT.min(pause * 2);
        }
        // Not all come back in the same second.
        let suspend = Suspend {
            wait: u64::from(1 + index / CLOSES_PER_SECOND),
        };
        self.connections.ask(conn_id, IfAbsent::Skip, suspend).await;
    }
}
