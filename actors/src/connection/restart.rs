//! Keeps a connection through a restart of the server. The connection is suspended when the server
//! stops, and restored at the next start. It then waits for its client.

use std::future::ready;
use std::time::{Duration, Instant};

use actix::prelude::*;
use tokio::sync::oneshot;

use crate::connection::life::Life;
use crate::connection::{Connection, NoteWhole, Restore, Suspend, log_end};
use crate::core::connection::{ConnectionCore, Positions};
use crate::error::CloseReason;
use crate::outlet::End;
use crate::protocol::timestamp::Moment;
use crate::stepped_sleep::sleep_in_steps;
use crate::store::note::Note;

/// The time by which a client may come back later than it was told before its connection ends, or
/// other nodes count it as absent.
pub(crate) const RETURN_GRACE: Duration = Duration::from_secs(15);

impl Handler<NoteWhole> for Connection {
    type Result = ();

    fn handle(&mut self, _: NoteWhole, _: &mut Context<Self>) {
        self.note();
    }
}

impl Handler<Restore> for Connection {
    type Result = ();

    fn handle(&mut self, restore: Restore, context: &mut Context<Self>) {
        let Restore {
            mut record,
            read,
            shortest_wait,
        } = restore;
        let presumed = std::mem::take(&mut record.presumed);
        let core = ConnectionCore::restore(record, read);
        log::debug!(
            connection:% = self.conn_id().short(), user = core.user().as_str();
            "connected as before the restart"
        );
        self.life_number += 1;
        self.life = Some(Life::restore(
            core,
            presumed,
            Instant::now() + shortest_wait,
        ));
        let wait = self.needs.common.limits().idle.max(shortest_wait);
        self.watch_deadline(wait, context);
    }
}

impl Handler<Suspend> for Connection {
    type Result = ResponseActFuture<Self, ()>;

    fn handle(&mut self, Suspend { wait }: Suspend, context: &mut Context<Self>) -> Self::Result {
        let reason = CloseReason::Restart { wait };
        if !self.needs.common.store().keeps() {
            self.close(reason);
            return Box::pin(ready(()).into_actor(self));
        }
        let close_grace = self.needs.common.limits().close_grace;
        let Some(life) = &mut self.life else {
            return Box::pin(ready(()).into_actor(self));
        };
        let (ended, reported) = oneshot::channel();
        if let Some(generation) = life.suspend(reason, close_grace) {
            self.suspension = Some(ended);
            // A stuck transport does not report, so what its client has read is unknown.
            let stuck = sleep_in_steps(close_grace * 2).into_actor(self);
            context.spawn(stuck.map(move |(), connection, context| {
                connection.end_transport(generation, End::default(), context);
            }));
        }
        let asked = reported.into_actor(self).then(|_, connection, _| {
            let places = connection.places();
            let asked = async move {
                match places {
                    Some(places) => places.positions().await,
                    None => Positions::default(),
                }
            };
            asked.into_actor(connection)
        });
        self.unanswered += 1;
        Box::pin(asked.map(move |positions, connection, _| {
            connection.end_until_restart(positions, Duration::from_secs(wait) + RETURN_GRACE);
            connection.unanswered -= 1;
            connection.stop_if_ended();
        }))
    }
}

impl Connection {
    /// Ends the connection in this process, and keeps it for the next one. Its client may come back
    /// within `returns`.
    fn end_until_restart(&mut self, positions: Positions, returns: Duration) {
        let conn_id = self.conn_id();
        if let Some(mut life) = self.life.take() {
            life.core.set_last_positions(positions);
            log_end(
                conn_id,
                life.core.user(),
                "the server restarts; the connection is kept",
            );
            let returns_by = Moment::now().plus(returns);
            let record = life.record(Some(returns_by));
            (self.needs.common.store()).note(|| Note::Connection(conn_id, record));
        }
    }
}
