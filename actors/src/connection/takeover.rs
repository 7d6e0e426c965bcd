//! How transports of a connection follow one another.
//!
//! When a newer transport arrives, the older one is told to end and reports how far its client has
//! read. Only then is the newer one attached, so both together get each entry once.

use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::prelude::*;
use tokio::time::sleep;

use crate::connection::Connection;
use crate::connection::life::{Arrival, Arrived, Departed};
use crate::core::cursor::Generation;
use crate::delivery::{Attach, AttachReason, Detach};
use crate::directory::IfAbsent;
use crate::outlet::{End, Outlet, Presumed};
use crate::patience::wait_patiently;
use crate::position::Report;
use crate::transport::Transport;
use crate::user::SetPresence;

/// How much later than a new poll the reset of the socket before may arrive. A poll gathers for
/// longer than that.
const RESET_IS_LATE: Duration = Duration::from_millis(50);

/// How often the socket is asked meanwhile whether it was reset.
const RESET_CHECK: Duration = Duration::from_millis(5);

impl Connection {
    /// A transport has come. It is attached at once, or when the older one has reported.
    pub(super) fn arrive(&mut self, arrival: Arrival, context: &mut Context<Self>) {
        let (close_grace, handover) = {
            let limits = self.needs.common.limits();
            (limits.close_grace, limits.handover)
        };
        let Some(life) = &mut self.life else { return };
        match life.arrive(arrival, close_grace) {
            Arrived::Attach(arrival) => self.attach(arrival, context),
            Arrived::WaitFor(generation) => {
                self.needs.common.counters().count_takeover();
                let wait = wait_patiently(handover * 2).into_actor(self);
                context.spawn(wait.map(move |(), connection, context| {
                    // A stuck transport does not report, so what its client has read is unknown.
                    connection.depart(generation, End::default(), context);
                }));
            }
            Arrived::Waits => self.needs.common.counters().count_takeover(),
        }
    }

    /// A transport has ended. All cursors go back to what its client has read, and the next
    /// transport may begin.
    pub(super) fn depart(&mut self, generation: Generation, end: End, context: &mut Context<Self>) {
        let (conn_id, report) = (self.conn_id(), end.report.clone());
        let Some(life) = &mut self.life else { return };
        let Some(departed) = life.depart(generation, end) else {
            return;
        };
        let detach = Detach {
            conn_id,
            generation,
            report: report.clone(),
        };
        if let Some(places) = self.places() {
            places.detach(detach);
        }
        if self.needs.common.store().keeps() {
            if let (Some(report), Some(life)) = (report, &mut self.life) {
                life.core.confirm(&report);
            }
            self.note();
        }
        if let Some(suspension) = self.suspension.take() {
            // Whoever waits may have gone.
            suspension.send(()).ok();
            return;
        }
        match departed {
            Departed::Next(next) => self.attach(next, context),
            Departed::Returns => {}
            Departed::Lost => self.begin_grace(context),
        }
    }

    /// The socket is lost. If none comes in time, the connection counts as absent.
    fn begin_grace(&mut self, context: &mut Context<Self>) {
        let (lives, grace) = (self.lives, self.needs.common.limits().presence_grace);
        let timer = context.run_later(grace, move |connection, _| {
            if connection.life(lives).is_some() {
                connection.set_present(false);
            }
        });
        if let Some(life) = &mut self.life {
            life.set_grace(timer, context);
        }
    }

    /// Notes whether the client counts as present, and tells the user if this is a change.
    fn set_present(&mut self, is_present: bool) {
        let conn_id = self.conn_id();
        let Some(life) = &mut self.life else { return };
        if life.core.set_present(is_present) {
            let set = SetPresence {
                conn_id,
                is_present,
                channels: life.core.channel_list(),
            };
            let user = life.core.user().clone();
            self.note();
            self.needs.users.tell(user, IfAbsent::Skip, set);
        }
    }

    /// Attaches a transport to the logs of all channels and of the user.
    ///
    /// A transport that is given up before this is done is detached from some of them too early.
    /// They know by its generation that it has ended, and do not attach it any more.
    fn attach(&mut self, arrival: Arrival, context: &mut Context<Self>) {
        let Arrival {
            generation,
            outlet,
            read,
            attachment,
            reply,
        } = arrival;
        let (conn_id, lives) = (self.conn_id(), self.lives);
        let Some(life) = &mut self.life else { return };
        outlet.last_heard.note();
        let presumed = life.listen(generation, outlet.clone(), context);
        self.set_present(true);
        let Some(places) = self.places() else { return };
        let attached = async move {
            let read = match presumed {
                Some(presumed) => resolve_presumed(read, &outlet, presumed).await,
                None => read,
            };
            let is_foreign = places.is_foreign(&read).await;
            let attach = Attach {
                conn_id,
                generation,
                outlet,
                reason: AttachReason::Began { read, is_foreign },
            };
            places.attach(attach).await
        };
        let attached = attached.into_actor(self);
        context.spawn(attached.map(move |positions, connection, _| {
            connection.note_positions(lives, positions);
            reply.send(attachment).ok();
        }));
    }
}

/// Returns how far a client has read whose last poll was answered. A client that brings a position
/// says so, and of one that comes by another transport nothing is known. A client that polls again
/// has read the answer, unless it reset the socket of the answer.
async fn resolve_presumed(read: Report, outlet: &Outlet, presumed: Presumed) -> Report {
    let Presumed { report, socket } = presumed;
    if !read.is_empty() || outlet.transport != Transport::LongPoll {
        return read;
    }
    if !std::ptr::addr_eq(Arc::as_ptr(&outlet.socket), Arc::as_ptr(&socket)) {
        let end = Instant::now() + RESET_IS_LATE;
        while !socket.was_reset() && Instant::now() < end {
            sleep(RESET_CHECK).await;
        }
    }
    if socket.was_reset() { read } else { report }
}
