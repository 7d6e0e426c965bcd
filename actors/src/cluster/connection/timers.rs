//! The timers of a connection whose client does not listen, or is silent.

use std::time::{Duration, Instant};

use actix::prelude::*;

use crate::cluster::connection::ServedConnection;
use crate::core::cursor::Generation;
use crate::error::CloseReason;

/// The time by which a timer may be late. If it is later, this node stood still.
const LATE: Duration = Duration::from_secs(2);

/// Returns whether this node stood still while a timer ran.
fn was_away(since: Instant, wait: Duration) -> bool {
    since.elapsed() > wait + LATE
}

impl ServedConnection {
    /// Begins to wait for the client anew. If its socket was lost, it counts as absent after a
    /// while.
    pub(super) fn start_timers(&mut self, number: Generation, context: &mut Context<Self>) {
        let grace = self.needs.common.limits().presence_grace;
        let Some(serving) = self.serving(number) else {
            return;
        };
        let since = Instant::now();
        serving.quiet_since = since;
        if !serving.was_lost {
            return;
        }
        context.run_later(grace, move |connection, context| {
            if was_away(since, grace) {
                return connection.start_timers(number, context);
            }
            if connection.suspension.is_some() {
                // The client of a node that stops counts as present until it should be back.
                return;
            }
            let is_same = |serving: &&mut super::Serving| serving.quiet_since == since;
            if let Some(serving) = connection.serving(number).filter(is_same) {
                serving.session.absent();
                connection.make_next_call(number, context);
            }
        });
    }

    /// Waits, and then ends the connection if its client was not heard from for too long.
    pub(super) fn watch_deadline(
        &self,
        number: Generation,
        wait: Duration,
        context: &mut Context<Self>,
    ) {
        let since = Instant::now();
        context.run_later(wait, move |connection, context| {
            let limits = connection.needs.common.limits();
            let (idle, close_grace) = (limits.idle, limits.close_grace);
            let Some(serving) = connection.serving(number) else {
                return;
            };
            if was_away(since, wait) {
                // The node could not hear the client.
                serving.quiet_since = Instant::now();
            }
            let deadline = serving.last_heard() + idle;
            match deadline.checked_duration_since(Instant::now()) {
                Some(left) if !left.is_zero() => {
                    connection.watch_deadline(number, left, context);
                }
                _ => {
                    (serving.is_expiring, serving.reason) = (true, CloseReason::Idle);
                    // The transport is told once the connection has ended.
                    serving.session.silent();
                    connection.make_next_call(number, context);
                    connection.watch_deadline(number, close_grace * 2, context);
                }
            }
        });
    }
}
