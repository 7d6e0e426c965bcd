//! The change from one transport of a connection to the next.
//!
//! When a newer transport arrives, the older one is told to end and reports how far its client has
//! read. The newer one is attached only after this report, so both together get each entry once.

use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::prelude::*;
use tokio::time::sleep;

use crate::connection::Connection;
use crate::connection::life::{AfterEnd, AttachStep, NewTransport};
use crate::core::cursor::Generation;
use crate::delivery::{Attach, AttachReason, Detach};
use crate::directory::IfAbsent;
use crate::outlet::{End, Outlet, Presumed};
use crate::position::{Report, read_with};
use crate::stepped_sleep::sleep_in_steps;
use crate::transport::Transport;
use crate::user::SetPresence;

/// The time by which the reset of the previous poll's socket may arrive later than a new poll. A
/// poll gathers events for longer than that.
const RESET_DELAY: Duration = Duration::from_millis(50);

/// The interval at which that socket is checked for a reset meanwhile.
const RESET_CHECK: Duration = Duration::from_millis(5);

impl Connection {
    /// Handles a new transport. It is attached at once, or when the older one has reported.
    pub(super) fn add_transport(&mut self, transport: NewTransport, context: &mut Context<Self>) {
        let (close_grace, handover) = {
            let limits = self.needs.common.limits();
            (limits.close_grace, limits.handover)
        };
        let Some(life) = &mut self.life else { return };
        match life.add_transport(transport, close_grace) {
            AttachStep::Attach(transport) => self.attach(transport, context),
            AttachStep::WaitFor(generation) => {
                self.needs.common.counters().count_takeover();
                let wait = sleep_in_steps(handover * 2).into_actor(self);
                context.spawn(wait.map(move |(), connection, context| {
                    // A stuck transport does not report, so what its client has read is unknown.
                    connection.end_transport(generation, End::default(), context);
                }));
            }
            AttachStep::Waits => self.needs.common.counters().count_takeover(),
        }
    }

    /// Handles the end of a transport. All cursors go back to what its client has read, and the
    /// next transport may begin.
    pub(super) fn end_transport(
        &mut self,
        generation: Generation,
        end: End,
        context: &mut Context<Self>,
    ) {
        let (conn_id, report) = (self.conn_id(), end.report.clone());
        let Some(life) = &mut self.life else { return };
        let Some(after_end) = life.end_transport(generation, end) else {
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
            // An error means that nobody waits any more.
            suspension.send(()).ok();
            return;
        }
        match after_end {
            AfterEnd::Next(next) => self.attach(next, context),
            AfterEnd::Returns => {}
            AfterEnd::Lost => self.begin_grace(context),
        }
    }

    /// Starts a timer after the socket is lost. If no transport comes in time, the connection
    /// counts as absent.
    fn begin_grace(&mut self, context: &mut Context<Self>) {
        let (life_number, grace) = (self.life_number, self.needs.common.limits().presence_grace);
        let timer = context.run_later(grace, move |connection, _| {
            if connection.life(life_number).is_some() {
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
    /// A transport that is given up before this is done is detached from some of the logs before it
    /// is attached to them. These logs know from its generation that it has ended, and do not
    /// attach it any more.
    fn attach(&mut self, transport: NewTransport, context: &mut Context<Self>) {
        let NewTransport {
            generation,
            outlet,
            returning,
            mut attachment,
            reply,
        } = transport;
        let (conn_id, life_number) = (self.conn_id(), self.life_number);
        let Some(life) = &mut self.life else { return };
        outlet.last_heard.note();
        let last_end = life.listen(generation, outlet.clone(), context);
        self.set_present(true);
        let Some(places) = self.places() else { return };
        let attached = async move {
            let known = match (returning.last, &returning.read, last_end.presumed) {
                (Some(last), _, _) => Some((read_with(last, &last_end.trail), false)),
                (None, None, Some(presumed)) => {
                    let read = resolve_presumed(&outlet, presumed).await;
                    read.map(|read| (read, true))
                }
                _ => None,
            };
            // The logs that the server itself names are not foreign, although the client may have
            // left the channel of one.
            let (read, is_foreign, is_presumed) = match known {
                Some((read, is_presumed)) => (read, false, is_presumed),
                None => {
                    let read = returning.read.unwrap_or_default();
                    let is_foreign = places.is_foreign(&read).await;
                    (read, is_foreign, false)
                }
            };
            let attach = Attach {
                conn_id,
                generation,
                outlet,
                reason: AttachReason::Began {
                    read,
                    is_foreign,
                    is_presumed,
                },
            };
            places.attach(attach).await
        };
        let attached = attached.into_actor(self);
        context.spawn(attached.map(move |(positions, has_gap), connection, _| {
            if let Some(life) = connection.life(life_number) {
                let continuity = life.core.go_on(returning.continuity, has_gap);
                attachment.set_continuity(continuity);
            }
            connection.note_positions(life_number, positions);
            reply.send(attachment).ok();
        }));
    }
}

/// Returns the positions up to which a client has read after its last poll was answered. If the
/// client comes by another transport, nothing is known. If the client polls again, it has read the
/// answer, unless it reset the socket of the answer. A client that tells its positions must not
/// be presumed to have read anything: it may have abandoned the socket of its first poll.
async fn resolve_presumed(outlet: &Outlet, presumed: Presumed) -> Option<Report> {
    let Presumed { report, socket } = presumed;
    if outlet.transport != Transport::LongPoll {
        return None;
    }
    if !std::ptr::addr_eq(Arc::as_ptr(&outlet.socket), Arc::as_ptr(&socket)) {
        let end = Instant::now() + RESET_DELAY;
        while !socket.was_reset() && Instant::now() < end {
            sleep(RESET_CHECK).await;
        }
    }
    (!socket.was_reset()).then_some(report)
}
