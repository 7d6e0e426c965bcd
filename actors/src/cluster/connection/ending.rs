//! How a transport ends, and what is reported of it.

use std::time::Duration;

use actix::prelude::*;
use futures_util::future::join_all;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep, timeout};

use crate::cluster::connection::serving::{AnsweredPoll, Listening, Serving, TransportOf};
use crate::cluster::connection::{ClusterNeeds, ServedConnection};
use crate::connection::{IsServed, Suspend};
use crate::core::cluster::call::Read;
use crate::core::cursor::Generation;
use crate::delivery::{DetachFrom, IsUpToDate, LastRead};
use crate::directory::IfAbsent;
use crate::error::CloseReason;
use crate::name::LogName;
use crate::outlet::{End, Presumed};
use crate::stepped_sleep::sleep_in_steps;

/// The time by which the reset of the previous poll's socket may arrive later than a new poll.
const RESET_DELAY: Duration = Duration::from_millis(50);

/// The interval at which that socket is checked for a reset meanwhile.
const RESET_CHECK: Duration = Duration::from_millis(5);

impl ServedConnection {
    /// Detaches the transport from a log whose channel the connection has left.
    pub(super) fn detach_from_log(&mut self, number: Generation, log: &LogName) {
        let (needs, conn_id) = (self.needs.clone(), self.conn_id());
        let Some(listening) = self.serving(number).and_then(Serving::listening) else {
            return;
        };
        listening.to_attach.retain(|step| step.log != *log);
        if listening.attached.remove(log) {
            let detach = DetachFrom {
                conn_id,
                generation: number,
                report: None,
                presumed: None,
            };
            drop(needs.detach(log.clone(), detach));
        }
    }

    /// Ends the transport of a turn, so that its client comes back, to this node or another one.
    pub(super) fn abandon(&mut self, number: Generation, context: &mut Context<Self>) {
        if let Some(serving) = self.serving(number) {
            serving.reason = CloseReason::Restart { wait: 1 };
        }
        self.shut(number, context);
    }

    /// Ends the transport of a turn, because another turn was taken or the connection has ended.
    pub(super) fn shut(&mut self, number: Generation, context: &mut Context<Self>) {
        let limits = self.needs.common.limits();
        let (close_grace, handover) = (limits.close_grace, limits.handover);
        let Some(serving) = self.serving(number) else {
            return;
        };
        let reason = serving.reason;
        match &mut serving.transport {
            // What its client has read is about to be reported.
            TransportOf::Ends => {}
            TransportOf::None => {
                let effects = serving.session.lost(&Read::new());
                self.carry_out(number, effects, context);
            }
            TransportOf::Listens(listening) => {
                listening.shut(reason, close_grace);
                let stuck = sleep_in_steps(handover * 2).into_actor(self);
                context.spawn(stuck.map(move |(), connection, context| {
                    // A stuck transport does not report, so what its client has read is unknown.
                    connection.transport_ended(number, End::default(), context);
                }));
            }
            TransportOf::Answered(_) => {
                let answered = std::mem::replace(&mut serving.transport, TransportOf::Ends);
                if let TransportOf::Answered(poll) = answered {
                    self.resolve(number, poll, context);
                }
            }
        }
    }

    /// Reports whether the answer to a long-poll was read. The client has polled again or has come
    /// by another transport.
    fn resolve(&mut self, number: Generation, poll: AnsweredPoll, context: &mut Context<Self>) {
        let polls_again = self
            .serving(number)
            .is_some_and(|serving| serving.polls_again);
        let was_read = async move {
            let is_certain = poll.is_same_socket || !poll.socket.may_be_reset();
            let wait = if is_certain || !polls_again {
                Duration::ZERO
            } else {
                RESET_DELAY
            };
            let end = Instant::now() + wait;
            while !poll.socket.was_reset() && Instant::now() < end {
                sleep(RESET_CHECK).await;
            }
            (polls_again && !poll.socket.was_reset()).then_some(poll.presumed)
        };
        let was_read = was_read.into_actor(self);
        context.spawn(was_read.map(move |read, connection, context| {
            connection.report(number, &read.unwrap_or_default(), context);
        }));
    }

    /// Notes that a transport has ended. Everything that it was sent and that its client has not
    /// read is sent again.
    pub(super) fn transport_ended(
        &mut self,
        number: Generation,
        end: End,
        context: &mut Context<Self>,
    ) {
        let (needs, conn_id) = (self.needs.clone(), self.conn_id());
        let Some(serving) = self.serving(number) else {
            return;
        };
        let attached = match std::mem::replace(&mut serving.transport, TransportOf::Ends) {
            TransportOf::Listens(listening) => {
                let Listening { attached, .. } = *listening;
                attached
            }
            other => {
                serving.transport = other;
                return;
            }
        };
        let End {
            report,
            returns,
            presumed,
            trail,
        } = end;
        serving.trail = trail;
        let detach = DetachFrom {
            conn_id,
            generation: number,
            report,
            presumed: presumed.as_ref().map(|presumed| presumed.report.clone()),
        };
        let detached = async move {
            let detach = |log: LogName| {
                let detached = needs.detach(log.clone(), detach.clone());
                async { (log, detached.await) }
            };
            join_all(attached.into_iter().map(detach)).await
        };
        let detached = detached.into_actor(self);
        context.spawn(detached.map(move |detached, connection, context| {
            let (mut certain, mut likely) = (Read::new(), Read::new());
            for (log, last_read) in detached {
                let last_read = last_read.unwrap_or_default();
                certain.extend(last_read.certain.map(|position| (log.clone(), position)));
                likely.extend(last_read.presumed.map(|position| (log, position)));
            }
            connection.detached(
                number,
                certain,
                returns,
                presumed.zip(Some(likely)),
                context,
            );
            connection.stop_if_done();
        }));
    }

    /// Goes on after a transport was detached from all logs.
    fn detached(
        &mut self,
        number: Generation,
        certain: Read,
        returns: bool,
        presumed: Option<(Presumed, Read)>,
        context: &mut Context<Self>,
    ) {
        let stops = self.suspension.is_some();
        let Some(serving) = self.serving(number) else {
            return;
        };
        serving.was_lost = !returns;
        let Some((Presumed { socket, .. }, likely)) = presumed.filter(|_| returns) else {
            return self.report(number, &certain, context);
        };
        serving.session.confirm(certain);
        let poll = AnsweredPoll {
            presumed: likely,
            socket,
            is_same_socket: false,
        };
        // The client of a node that stops polls again at another one.
        if stops || serving.session.is_ending_transport() {
            self.resolve(number, poll, context);
        } else {
            serving.transport = TransportOf::Answered(poll);
            let effects = serving.session.was_answered();
            self.carry_out(number, effects, context);
        }
    }

    /// Reports that a transport has ended, and up to where its client has read.
    fn report(&mut self, number: Generation, read: &Read, context: &mut Context<Self>) {
        let Some(serving) = self.serving(number) else {
            return;
        };
        serving.transport = TransportOf::None;
        let effects = serving.session.lost(read);
        self.carry_out(number, effects, context);
        self.stop_if_done();
    }
}

impl ClusterNeeds {
    /// Detaches a transport from a log.
    fn detach(
        &self,
        log: LogName,
        detach: DetachFrom,
    ) -> impl Future<Output = Option<LastRead>> + use<> {
        let (channel, user) = match log {
            LogName::Channel(name) => {
                let asked = self.channels.ask(name, IfAbsent::Skip, detach);
                (Some(asked), None)
            }
            LogName::User(name) => {
                let asked = self.users.ask(name, IfAbsent::Skip, detach);
                (None, Some(asked))
            }
        };
        async {
            match (channel, user) {
                (Some(asked), _) => asked.await.flatten(),
                (None, Some(asked)) => asked.await.flatten(),
                (None, None) => None,
            }
        }
    }

    /// Returns whether a connection's transport was sent all entries of these logs.
    async fn are_up_to_date(&self, logs: Vec<LogName>, asked: IsUpToDate) -> bool {
        let ask = |log: LogName| async move {
            match log {
                LogName::Channel(name) => self.channels.ask(name, IfAbsent::Skip, asked).await,
                LogName::User(name) => self.users.ask(name, IfAbsent::Skip, asked).await,
            }
        };
        let answers = join_all(logs.into_iter().map(ask)).await;
        answers
            .into_iter()
            .flatten()
            .all(|is_up_to_date| is_up_to_date)
    }
}

impl Handler<IsServed> for ServedConnection {
    type Result = ResponseFuture<bool>;

    fn handle(&mut self, _: IsServed, _: &mut Context<Self>) -> Self::Result {
        let asked = IsUpToDate(self.conn_id());
        let close_grace = self.needs.common.limits().close_grace;
        // A client between two polls is waited for.
        let is_polling = |serving: &Serving| {
            let is_answered = matches!(serving.transport, TransportOf::Answered(_));
            is_answered && serving.quiet_since.elapsed() < close_grace
        };
        let is_served = !self.servings.iter().any(is_polling);
        let listening = self.servings.iter_mut().rev().find_map(Serving::listening);
        let Some(listening) = listening else {
            return Box::pin(async move { is_served });
        };
        let logs = listening.attached.iter().cloned().collect();
        let (queue, needs) = (listening.outlet.queue.clone(), self.needs.clone());
        Box::pin(async move { needs.are_up_to_date(logs, asked).await && queue.is_empty() })
    }
}

impl Handler<Suspend> for ServedConnection {
    type Result = ResponseFuture<()>;

    /// Ends the transports, and waits until everything is reported, but not for long: Redis may be
    /// away. The connection stays in Redis.
    fn handle(&mut self, Suspend { wait }: Suspend, context: &mut Context<Self>) -> Self::Result {
        let (settled, is_settled) = oneshot::channel();
        self.suspension = Some(settled);
        for number in self.numbers() {
            if let Some(serving) = self.serving(number) {
                serving.reason = CloseReason::Restart { wait };
                if !matches!(serving.transport, TransportOf::None | TransportOf::Ends) {
                    self.shut(number, context);
                }
            }
        }
        self.stop_if_done();
        let longest = self.needs.common.limits().close_grace * 2;
        Box::pin(async move { drop(timeout(longest, is_settled).await) })
    }
}
