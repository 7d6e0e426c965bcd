//! How a transport takes a turn, and is attached to the logs of its connection.

use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use futures_util::future::join_all;
use tokio::time::sleep;

use crate::cluster::connection::serving::{Listening, Serving, Step, TransportOf, Waiter};
use crate::cluster::connection::{ClusterNeeds, ServedConnection};
use crate::connection::AttachOutlet;
use crate::core::cluster::answer::Answer;
use crate::core::cluster::call::{Call, Read, Record, Turn};
use crate::core::cluster::session::Session;
use crate::core::cursor::Generation;
use crate::delivery::{AttachAt, Began, FindEpochs};
use crate::directory::IfAbsent;
use crate::error::{CloseReason, NotAttached, Refused};
use crate::following::AwaitCopy;
use crate::name::LogName;
use crate::outlet::{Attachment, Socket};
use crate::position::{Epoch, Position, Report, read_with};
use crate::transport::Transport;

/// The longest time for which a transport waits for what other nodes report of the client's former
/// transports.
const REPORT_WAIT: Duration = Duration::from_millis(400);

/// The most times that this is waited for the report of a transport of this node.
const OWN_REPORT_WAITS: u32 = 10;

/// The number of attempts to take a turn.
const ATTEMPTS: usize = 3;

/// The wait before a turn of a connection is taken again that Redis does not know any more.
const TAKE_AGAIN_AFTER: Duration = Duration::from_millis(100);

impl ServedConnection {
    /// Takes the next turn of the connection for a transport.
    pub(super) fn take_turn(
        &mut self,
        attach: AttachOutlet,
        reply: Waiter,
        context: &mut Context<Self>,
    ) {
        self.latest = self.latest.next();
        self.taking += 1;
        let (number, conn_id) = (self.latest, self.conn_id());
        let AttachOutlet { outlet, returning } = &attach;
        let tells = returning.read.is_some() || returning.last.is_some();
        let polls = match &returning.session {
            Some(session) => session.has_read,
            None => outlet.transport == Transport::LongPoll && !tells,
        };
        self.note_next_socket(&outlet.socket);
        let last_ended = self.servings.iter().rev().find(|it| !it.trail.is_empty());
        let trail = last_ended.map(|serving| serving.trail.clone());
        let trail = trail.unwrap_or_default();
        let take = Call::Take {
            conn_id,
            polls,
            continuity: returning.continuity,
            session: (returning.session.as_ref()).map(|session| session.name.clone()),
        };
        let node = self.needs.node.clone();
        let taken = async move {
            let mut attempts = ATTEMPTS;
            loop {
                attempts -= 1;
                match node.make(take.clone()).await {
                    // The node that answers for the connection is about to bring it back.
                    Ok(Answer::Unknown) if node.is_in_doubt() => sleep(TAKE_AGAIN_AFTER).await,
                    // The answer was lost with a connection to Redis. Another turn does no harm.
                    Ok(Answer::Done) | Err(_) if attempts > 0 => {}
                    answer => return answer,
                }
                attempts = attempts.max(1);
            }
        };
        let taken = taken.into_actor(self);
        context.spawn(taken.map(move |taken, connection, context| {
            connection.taking -= 1;
            connection.turn_taken(number, attach, reply, taken, &trail, context);
            connection.stop_if_done();
        }));
    }

    /// Reports that nothing is known of the turns that this node has taken and whose answers were
    /// lost.
    fn report_unknown_turns(&self, record: &Record) {
        let is_known = |turn: Turn| {
            let mut servings = self.servings.iter();
            turn == record.turn || servings.any(|serving| serving.session.turn() == turn)
        };
        for (turn, node) in &record.open {
            if *node == self.needs.node.id() && !is_known(*turn) {
                // The next turn waits in vain for a report that is lost, but not for long.
                self.needs.node.tell(Call::Report {
                    conn_id: self.conn_id(),
                    turn: *turn,
                    read: Read::new(),
                    has_ended: true,
                });
            }
        }
    }

    /// Notes on which socket the next transport comes. A client that polls again on the socket of
    /// the last answer has read that answer.
    fn note_next_socket(&mut self, socket: &Arc<dyn Socket>) {
        for serving in &mut self.servings {
            if let TransportOf::Answered(poll) = &mut serving.transport {
                let (next, last) = (Arc::as_ptr(socket), Arc::as_ptr(&poll.socket));
                poll.is_same_socket = std::ptr::addr_eq(next, last);
            }
        }
    }

    fn turn_taken(
        &mut self,
        number: Generation,
        AttachOutlet { outlet, returning }: AttachOutlet,
        reply: Waiter,
        taken: Result<Answer<bytes::Bytes>, Refused>,
        trail: &[Position],
        context: &mut Context<Self>,
    ) {
        let (record, ends, new, fed) = match taken {
            Ok(Answer::Taken {
                record,
                ends,
                new,
                fed,
            }) => (record, ends, new, fed),
            other => {
                let reason = match other {
                    Ok(Answer::Unknown) => NotAttached::Unknown,
                    // The connection may well exist, so its client must not start anew.
                    Ok(_) => Refused::TRY_AGAIN.into(),
                    Err(refused) => refused.into(),
                };
                // An error means that the client has gone.
                reply.send(Err(reason)).ok();
                return;
            }
        };
        self.report_unknown_turns(&record);
        let session = Session::of_transport(self.conn_id(), record, ends, new, fed);
        let mut serving = Serving::new(number, session);
        let attachment = Attachment::new(number, context.address().recipient());
        outlet.last_heard.note();
        // The logs that the server itself names are not foreign, although the client may have left
        // the channel of one.
        let (read, tells) = match (returning.read, returning.last) {
            (_, Some(last)) => (read_with(last, trail), false),
            (Some(read), None) => (read, true),
            (None, None) => (Report::default(), false),
        };
        let logs: Vec<_> = serving.session.logs().cloned().collect();
        serving.transport = TransportOf::Listens(Box::new(Listening {
            outlet: outlet.into(),
            beginning: Some((attachment, reply)),
            read: read.clone(),
            is_foreign: false,
            to_attach: [].into(),
            is_attaching: false,
            attached: [].into(),
            epochs: [].into(),
            was_shut: false,
        }));
        self.servings.push(serving);
        for (id, fed) in self.meanwhile.clone() {
            self.hear(number, id, &fed, context);
        }
        if self.suspension.is_some() {
            // The node was told to stop while the turn was taken.
            self.abandon(number, context);
        }
        let (needs, node) = (self.needs.clone(), self.needs.node.clone());
        let prepared = async move {
            // The copies then have everything that other nodes may have sent to the client.
            node.wait_for(fed).await;
            tells && needs.is_foreign(&logs, &read).await
        };
        let prepared = prepared.into_actor(self);
        context.spawn(prepared.map(move |is_foreign, connection, context| {
            if let Some(listening) = connection.serving(number).and_then(Serving::listening) {
                listening.is_foreign = is_foreign;
            }
            connection.begin(number, context);
        }));
        self.watch_deadline(number, self.needs.common.limits().idle, context);
    }

    /// Begins to listen, or waits for the reports of former transports.
    fn begin(&mut self, number: Generation, context: &mut Context<Self>) {
        let Some(serving) = self.serving(number) else {
            return;
        };
        let effects = serving.session.begin();
        if serving.session.is_waiting() {
            self.wait_for_reports(number, OWN_REPORT_WAITS, context);
        }
        self.carry_out(number, effects, context);
    }

    /// Waits for the reports of former transports: once, or up to `waits` times for those of this
    /// node, which come for certain.
    fn wait_for_reports(&self, number: Generation, waits: u32, context: &mut Context<Self>) {
        context.run_later(REPORT_WAIT, move |connection, context| {
            let turns: Vec<_> = connection.turns_of_others(number).collect();
            let Some(serving) = connection.serving(number) else {
                return;
            };
            let is_own = |turn: Turn| turns.contains(&turn);
            if waits > 0 && serving.session.waits_for().any(is_own) {
                return connection.wait_for_reports(number, waits - 1, context);
            }
            let effects = serving.session.waited();
            connection.carry_out(number, effects, context);
        });
    }

    /// Returns the turns of this node, but for that of one serving.
    fn turns_of_others(&self, number: Generation) -> impl Iterator<Item = Turn> {
        let others = self.servings.iter().filter(move |it| it.number != number);
        others.map(|serving| serving.session.turn())
    }

    /// Attaches the transport to a log, after those that it is being attached to.
    pub(super) fn attach_to(
        &mut self,
        number: Generation,
        log: LogName,
        position: Position,
        missed_up_to: u64,
        is_new: bool,
        context: &mut Context<Self>,
    ) {
        let Some(listening) = self.serving(number).and_then(Serving::listening) else {
            return;
        };
        listening.to_attach.push_back(Step {
            log,
            position,
            missed_up_to,
            is_new,
        });
        if !listening.is_attaching {
            self.attach_next(number, false, context);
        }
    }

    fn attach_next(&mut self, number: Generation, has_gap: bool, context: &mut Context<Self>) {
        let (needs, conn_id) = (self.needs.clone(), self.conn_id());
        let Some(serving) = self.serving(number) else {
            return;
        };
        let user = serving.session.user().clone();
        let Some(listening) = serving.listening() else {
            return;
        };
        let Some(Step {
            log,
            position,
            missed_up_to,
            is_new,
        }) = listening.to_attach.pop_front()
        else {
            listening.is_attaching = false;
            if let Some((mut attachment, reply)) = listening.beginning.take() {
                if has_gap {
                    needs.node.tell(serving.session.break_continuity());
                }
                attachment.set_continuity(serving.session.continuity());
                // If nobody waits any more, the attachment is dropped, and reports it.
                reply.send(Ok(attachment)).ok();
            }
            return;
        };
        listening.is_attaching = true;
        listening.attached.insert(log.clone());
        // What a client brings is about the places that it had. It has missed nothing in a place
        // that the connection takes while it listens.
        let (read, is_foreign) = match listening.beginning {
            Some(_) => (listening.read.clone(), listening.is_foreign),
            None => Default::default(),
        };
        let attach = AttachAt {
            conn_id,
            user,
            generation: number,
            outlet: listening.outlet.clone(),
            position,
            is_new,
            missed_up_to,
            read,
            is_foreign,
        };
        let to_log = log.clone();
        let attached = async move { needs.attach(to_log, attach).await }.into_actor(self);
        context.spawn(attached.map(move |began, connection, context| {
            if let Some(listening) = connection.serving(number).and_then(Serving::listening) {
                match began {
                    Some(began) => drop(listening.epochs.insert(began.position.0, log)),
                    // The actor of the log has failed. Without it the client would hear nothing.
                    None if listening.attached.contains(&log) => {
                        return connection.abandon(number, context);
                    }
                    // The connection has left the channel meanwhile.
                    None => {}
                }
            }
            let has_gap = has_gap || began.is_some_and(|began| began.has_gap);
            connection.attach_next(number, has_gap, context);
        }));
    }

    /// Notes up to where the client of a transport has read, and lets Redis keep it.
    pub(super) fn confirm(&mut self, number: Generation, report: &Report) {
        let (conn_id, node) = (self.conn_id(), self.needs.node.clone());
        let Some(serving) = self.serving(number) else {
            return;
        };
        let Some(listening) = serving.listening() else {
            return;
        };
        let of_log = |(epoch, offset): &(Epoch, u64)| {
            Some((listening.epochs.get(epoch)?.clone(), (*epoch, *offset)))
        };
        let read: Read = report.iter().filter_map(of_log).collect();
        let read = serving.session.confirm(read);
        if read.is_empty() {
            return;
        }
        let (turn, has_ended) = (serving.session.turn(), false);
        let call = Call::Report {
            conn_id,
            turn,
            read,
            has_ended,
        };
        // A report that is lost does no harm: the next one says more.
        node.tell(call);
    }
}

impl Listening {
    /// Tells the transport to end.
    pub(super) fn shut(&mut self, reason: CloseReason, close_grace: Duration) {
        if let Some((attachment, reply)) = self.beginning.take() {
            // The transport ends as soon as it listens.
            reply.send(Ok(attachment)).ok();
        }
        if !std::mem::replace(&mut self.was_shut, true) {
            self.outlet.shut(reason, close_grace);
        }
    }
}

impl ClusterNeeds {
    /// Attaches a transport to a log.
    async fn attach(&self, log: LogName, attach: AttachAt) -> Option<Began> {
        match log {
            LogName::Channel(name) => {
                let asked = self.channels.ask(name, IfAbsent::Create, attach);
                asked.await.flatten()
            }
            LogName::User(name) => {
                let asked = self.users.ask(name, IfAbsent::Create, attach);
                asked.await.flatten()
            }
        }
    }

    /// Returns whether a position names a log that is not one of these.
    async fn is_foreign(&self, logs: &[LogName], read: &Report) -> bool {
        if read.is_empty() {
            return false;
        }
        let find = |log: LogName| async move {
            let asked = FindEpochs(read.clone());
            match log {
                LogName::Channel(name) => {
                    let copy = self.channels.ask(name.clone(), IfAbsent::Create, AwaitCopy);
                    copy.await;
                    self.channels.ask(name, IfAbsent::Skip, asked).await
                }
                LogName::User(name) => {
                    let copy = self.users.ask(name.clone(), IfAbsent::Create, AwaitCopy);
                    copy.await;
                    self.users.ask(name, IfAbsent::Skip, asked).await
                }
            }
        };
        let found = join_all(logs.iter().cloned().map(find)).await;
        let found: Vec<_> = found.into_iter().flatten().flatten().collect();
        read.iter().any(|(epoch, _)| !found.contains(epoch))
    }
}
