//! What a connection is between its beginning and its end: above all, which transport listens for
//! it.
//!
//! When a newer transport arrives, the older one is told to end and reports how far its client has
//! read; only then the newer one is attached, so both together get each entry once.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::prelude::*;
use futures_util::future::join_all;
use tokio::sync::oneshot;
use tokio::time::sleep;

use super::{Activity, Connection, Needs};
use crate::core::cursor::Generation;
use crate::core::log::Epoch;
use crate::delivery::{AskEpoch, Attach, Detach, IsUpToDate};
use crate::directory::Absent;
use crate::error::CloseReason;
use crate::name::{ChannelName, ConnId, UserName};
use crate::outlet::{Attachment, End, Outlet, Presumed, Report};
use crate::transport::Transport;
use crate::user::Present;

/// A poll on another socket may overtake the reset of the one before by this much. A poll gathers
/// for longer than that.
const RESET_IS_LATE: Duration = Duration::from_millis(50);

const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// How many logs are asked for their epoch at a time.
const SLICE: usize = 256;

/// A connection that has begun and not ended.
pub(super) struct Life {
    pub(super) user: UserName,
    pub(super) channels: BTreeSet<ChannelName>,
    listening: Option<Listening>,
    /// The transport that is attached when the one that listens has reported.
    next: Option<Arrival>,
    /// What the client has read of the answer of its last poll, if it polls again.
    presumed: Option<Presumed>,
    /// Whether its latest transport ended as a long-poll does, whose client comes back at once.
    returns: bool,
    /// When it was opened or its latest transport ended.
    quiet_since: Instant,
    /// False once the user was told that this connection's socket is lost.
    is_present: bool,
    /// Runs while a lost socket does not yet count as absence.
    grace: Option<SpawnHandle>,
}

/// The transport that listens, or that is to end so that the next can.
struct Listening {
    generation: Generation,
    outlet: Arc<Outlet>,
}

/// A transport that is to be attached.
pub(super) struct Arrival {
    pub(super) generation: Generation,
    pub(super) outlet: Arc<Outlet>,
    /// How far its client says it has read.
    pub(super) read: Report,
    pub(super) attachment: Attachment,
    /// Where the attachment goes. If nobody waits for it any more it is dropped, and so the
    /// transport is detached.
    pub(super) reply: oneshot::Sender<Attachment>,
}

impl Arrival {
    /// It is told to end before it began. It learns so as soon as it listens.
    fn turn_away(self, reason: CloseReason, grace: Duration) {
        self.outlet.shut(reason, grace);
        self.reply.send(self.attachment).ok();
    }
}

impl Life {
    pub(super) fn new(user: UserName) -> Self {
        Self {
            user,
            channels: BTreeSet::new(),
            listening: None,
            next: None,
            presumed: None,
            returns: false,
            quiet_since: Instant::now(),
            is_present: true,
            grace: None,
        }
    }

    /// The client was heard from through its application.
    pub(super) fn is_back(&mut self, context: &mut Context<Connection>) {
        self.cancel_grace(context);
        self.is_present = true;
        self.quiet_since = Instant::now();
    }

    pub(super) fn last_sign_of_life(&self) -> Instant {
        let heard = self
            .listening
            .as_ref()
            .map(|listening| listening.outlet.pulse.last());
        self.quiet_since.max(heard.unwrap_or(self.quiet_since))
    }

    pub(super) fn activity(&self) -> Activity {
        let transport = self
            .listening
            .as_ref()
            .map(|listening| listening.outlet.transport);
        Activity {
            transport,
            silent: self.last_sign_of_life().elapsed(),
        }
    }

    /// Ends its transports.
    pub(super) fn shut(self, reason: CloseReason, grace: Duration) {
        if let Some(listening) = self.listening {
            listening.outlet.shut(reason, grace);
        }
        if let Some(next) = self.next {
            next.turn_away(reason, grace);
        }
    }

    /// Asks whether the client was sent all there is for it.
    pub(super) fn is_served(
        &self,
        conn_id: ConnId,
        needs: &Needs,
    ) -> impl Future<Output = bool> + use<> {
        let queue = self
            .listening
            .as_ref()
            .map(|listening| listening.outlet.queue.clone());
        // A client that is away has no claim, but one that polls is only between two polls.
        let is_between_polls =
            self.returns && self.quiet_since.elapsed() < needs.common.limits().close_grace;
        let has_claim = queue.is_some() || is_between_polls;
        let (is_arriving, user, needs) = (self.next.is_some(), self.user.clone(), needs.clone());
        let channels: Vec<_> = if has_claim {
            self.channels.iter().cloned().collect()
        } else {
            Vec::new()
        };
        async move {
            if is_arriving || !has_claim {
                return !is_arriving;
            }
            let up_to_date = IsUpToDate(conn_id);
            for slice in channels.chunks(SLICE) {
                let asked = slice.iter().map(|channel| {
                    needs
                        .channels
                        .ask(channel.clone(), Absent::Skip, up_to_date)
                });
                if !join_all(asked)
                    .await
                    .into_iter()
                    .all(|answer| answer.unwrap_or(true))
                {
                    return false;
                }
            }
            let is_sent = needs
                .users
                .ask(user, Absent::Skip, up_to_date)
                .await
                .unwrap_or(true);
            // Looked at last: what the logs have just handed on waits here.
            is_sent && queue.is_none_or(|queue| queue.is_empty())
        }
    }

    fn cancel_grace(&mut self, context: &mut Context<Connection>) {
        if let Some(grace) = self.grace.take() {
            context.cancel_future(grace);
        }
    }

    fn listens_as(&self, generation: Generation) -> bool {
        self.listening
            .as_ref()
            .is_some_and(|listening| listening.generation == generation)
    }

    /// Takes all cursors back to what the client of a transport has read.
    fn rewind(
        &self,
        conn_id: ConnId,
        generation: Generation,
        report: Option<Report>,
        needs: &Needs,
    ) {
        let detach = Detach {
            conn_id,
            generation,
            report,
        };
        for channel in &self.channels {
            needs
                .channels
                .tell(channel.clone(), Absent::Skip, detach.clone());
        }
        needs.users.tell(self.user.clone(), Absent::Skip, detach);
    }
}

impl Connection {
    /// Listens to channels that were added, if it listens at all.
    pub(super) fn listen(&mut self, lives: u64, added: Vec<ChannelName>) {
        let (conn_id, channels) = (self.conn_id, self.needs.channels.clone());
        let Some(life) = self.life(lives) else { return };
        for channel in added {
            if let Some(Listening { generation, outlet }) = &life.listening {
                let (generation, outlet, read) = (*generation, outlet.clone(), Report::default());
                let attach = Attach {
                    conn_id,
                    generation,
                    outlet,
                    missed: false,
                    read,
                    is_foreign: false,
                };
                channels.tell(channel.clone(), Absent::Skip, attach);
            }
            life.channels.insert(channel);
        }
    }

    /// A transport has come. It is attached at once, or when the older one has reported.
    pub(super) fn arrive(&mut self, arrival: Arrival, context: &mut Context<Self>) {
        let limits = self.needs.common.limits();
        let Some(life) = &mut self.life else { return };
        let Some(Listening { generation, outlet }) = &life.listening else {
            self.attach(arrival, context);
            return;
        };
        let generation = *generation;
        if let Some(waiting) = life.next.replace(arrival) {
            waiting.turn_away(CloseReason::Replaced, limits.close_grace);
            return;
        }
        outlet.shut(CloseReason::Replaced, limits.close_grace);
        context.run_later(limits.handover * 2, move |connection, context| {
            // If it is stuck, what its client has read is not known.
            connection.depart(generation, End::default(), context);
        });
    }

    /// A transport has ended: all cursors go back to what its client has read, and the next
    /// transport may begin.
    pub(super) fn depart(&mut self, generation: Generation, end: End, context: &mut Context<Self>) {
        let Self { conn_id, needs, .. } = self;
        let Some(life) = self
            .life
            .as_mut()
            .filter(|life| life.listens_as(generation))
        else {
            return;
        };
        let End {
            report,
            returns,
            presumed,
        } = end;
        if let Some(listening) = life.listening.take() {
            tell_of("listens no more", *conn_id, listening.outlet.transport);
        }
        life.quiet_since = Instant::now();
        life.presumed = presumed;
        life.returns = returns;
        life.rewind(*conn_id, generation, report, needs);
        match life.next.take() {
            Some(next) => self.attach(next, context),
            None if returns => {}
            None => self.lose(context),
        }
    }

    /// The socket is lost. If none comes in time, the connection counts as absent.
    fn lose(&mut self, context: &mut Context<Self>) {
        let Some(life) = &mut self.life else { return };
        life.cancel_grace(context);
        let lives = self.lives;
        let grace = context.run_later(
            self.needs.common.limits().presence_grace,
            move |connection, _| {
                let (conn_id, users) = (connection.conn_id, connection.needs.users.clone());
                if let Some(life) = connection.life(lives) {
                    life.grace = None;
                    life.is_present = false;
                    users.tell(
                        life.user.clone(),
                        Absent::Skip,
                        Present {
                            conn_id,
                            present: false,
                        },
                    );
                }
            },
        );
        life.grace = Some(grace);
    }

    /// Gives the transport to all channels, one after the other in the order of their names, then
    /// to the user: private messages come after those of channels (`protocol.md` §6).
    ///
    /// A transport that is given up before this is done is detached from some of them too early;
    /// they know by its generation that it has ended, and do not attach it any more.
    fn attach(&mut self, arrival: Arrival, context: &mut Context<Self>) {
        let (conn_id, needs) = (self.conn_id, self.needs.clone());
        let Some(life) = &mut self.life else { return };
        let presumed = life.presumed.take();
        let Arrival {
            generation,
            outlet,
            read,
            attachment,
            reply,
        } = arrival;
        life.cancel_grace(context);
        if !std::mem::replace(&mut life.is_present, true) {
            needs.users.tell(
                life.user.clone(),
                Absent::Skip,
                Present {
                    conn_id,
                    present: true,
                },
            );
        }
        outlet.pulse.beat();
        tell_of("listens", conn_id, outlet.transport);
        life.listening = Some(Listening {
            generation,
            outlet: outlet.clone(),
        });
        let (channels, user): (Vec<_>, _) =
            (life.channels.iter().cloned().collect(), life.user.clone());
        actix::spawn(async move {
            let read = if let Some(presumed) = presumed {
                presume(read, &outlet, presumed).await
            } else {
                read
            };
            let is_foreign =
                !read.is_empty() && names_unknown_log(&read, &channels, &user, &needs).await;
            let attach = Attach {
                conn_id,
                generation,
                outlet,
                missed: true,
                read,
                is_foreign,
            };
            for channel in channels {
                needs
                    .channels
                    .ask(channel, Absent::Skip, attach.clone())
                    .await;
            }
            needs.users.ask(user, Absent::Skip, attach).await;
            reply.send(attachment).ok();
        });
    }
}

/// Logs that a transport came or went. Polls come and go with each delivery, so they are left out.
fn tell_of(what: &str, conn_id: ConnId, transport: Transport) {
    if transport != Transport::LongPoll {
        log::debug!(
            "{what}: connection={} transport={transport:?}",
            conn_id.short()
        );
    }
}

/// Returns how far a client has read whose last poll was answered. Where it brings a position, it
/// says so; where it comes by another transport, nothing is known. If it polls again it has read
/// the answer, unless it broke it off.
async fn presume(read: Report, outlet: &Outlet, Presumed { report, socket }: Presumed) -> Report {
    if !read.is_empty() || outlet.transport != Transport::LongPoll {
        return read;
    }
    if !std::ptr::addr_eq(Arc::as_ptr(&outlet.socket), Arc::as_ptr(&socket)) {
        let end = Instant::now() + RESET_IS_LATE;
        while !socket.was_reset() && Instant::now() < end {
            sleep(LOOK_AGAIN).await;
        }
    }
    if socket.was_reset() { read } else { report }
}

/// Returns whether a position names a log that is none of these: one of a channel or user of which
/// only a later life is left.
async fn names_unknown_log(
    read: &Report,
    channels: &[ChannelName],
    user: &UserName,
    needs: &Needs,
) -> bool {
    let mut unknown: HashSet<Epoch> = read.iter().map(|(epoch, _)| *epoch).collect();
    if let Some(epoch) = needs.users.ask(user.clone(), Absent::Skip, AskEpoch).await {
        unknown.remove(&epoch);
    }
    for slice in channels.chunks(SLICE) {
        let asked = slice
            .iter()
            .map(|channel| needs.channels.ask(channel.clone(), Absent::Skip, AskEpoch));
        for epoch in join_all(asked).await.into_iter().flatten() {
            unknown.remove(&epoch);
        }
    }
    !unknown.is_empty()
}
