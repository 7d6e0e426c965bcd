//! The actor of a connection: who it is, in which channels, which transport listens for it, and when it ends.
//!
//! It is not on the way of messages: at attach it gives channels and user the outlet, and they send there directly. When a newer
//! transport comes, the older one is told to end and says how far its client has read; only then the newer one is attached, so both
//! together get each entry once.

use std::collections::BTreeSet;
use std::future::ready;
use std::time::{Duration, Instant};

use actix::dev::MessageResponse;
use actix::prelude::*;
use tokio::sync::oneshot;

use crate::channel::Channel;
use crate::delivery::{Attach, Detach};
use crate::directory::{Absent, Directory, Resident, Shared, Shelf, impl_resident_handlers};
use crate::error::{CloseReason, InUse, Unknown};
use crate::name::{ChannelName, ConnId, UserName};
use crate::outlet::{DetachOutlet, Doubt, Generation, Outlet, Report};
use crate::transport::Transport;
use crate::user::{Closed, Present, User};

/// Makes the connection the user's, or keeps it if it already is. From the broker; creates it.
#[derive(Message)]
#[rtype(result = "Result<(), InUse>")]
pub(crate) struct Open(pub(crate) UserName);

/// Asks whose it is. From the broker.
#[derive(Message)]
#[rtype(result = "Result<UserName, Unknown>")]
pub(crate) struct Who;

/// Asks what it is up to. From the broker.
#[derive(Message)]
#[rtype(result = "Activity")]
pub(crate) struct Inspect;

/// See [`Inspect`].
#[derive(Clone, Copy, Debug, MessageResponse)]
pub(crate) struct Activity {
    /// What listens for it.
    pub(crate) transport: Option<Transport>,
    /// How long ago its last sign of life was.
    pub(crate) silent: Duration,
}

/// The user has put it into channels, or taken it out. From the broker.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Listen {
    pub(crate) added: Vec<ChannelName>,
    pub(crate) removed: Vec<ChannelName>,
}

/// A transport wants to listen; the newest wins. From the transport, by the broker; answered when it is attached to all channels.
#[derive(Message)]
#[rtype(result = "Result<Attached, Unknown>")]
pub(crate) struct AttachOutlet {
    pub(crate) outlet: Outlet,
    /// How far the client says it has read.
    pub(crate) read: Report,
}

/// What a transport needs to say how it ended.
#[derive(Debug, Clone)]
pub struct Attached {
    /// Which attachment it is.
    pub generation: Generation,
    /// Where [`DetachOutlet`] goes.
    pub connection: Recipient<DetachOutlet>,
}

/// Ends the connection for good. From the broker. Answers whether there was one.
#[derive(Message)]
#[rtype(result = "bool")]
pub(crate) struct Close(pub(crate) CloseReason);

/// The transport that listens, or that is to end so that the next can.
struct Listening {
    generation: Generation,
    outlet: Outlet,
}

/// A transport that is to be attached, perhaps after the end of the one before.
struct Next {
    generation: Generation,
    outlet: Outlet,
    read: Report,
    /// Told when it is attached everywhere; dropped when a newer one comes first.
    attached: oneshot::Sender<()>,
}

/// See the module.
pub(crate) struct Connection {
    conn_id: ConnId,
    shared: Shared,
    /// None before [`Open`] and after the end: then it only waits for the directory to forget it.
    user: Option<UserName>,
    channels: BTreeSet<ChannelName>,
    /// Grows at each attach.
    generation: Generation,
    listening: Option<Listening>,
    next: Option<Next>,
    /// An answered long-poll that may not have been read. Settled when the next transport comes.
    doubt: Option<Doubt>,
    /// When it was opened or its latest transport ended.
    quiet_since: Instant,
    /// False once the user was told that this connection's socket is lost.
    is_present: bool,
    /// Runs while a lost socket does not yet count as absence.
    grace: Option<SpawnHandle>,
    /// Messages that came through the directory.
    handled: u64,
}

impl Resident for Connection {
    type Name = ConnId;

    fn shelf(directory: &mut Directory) -> &mut Shelf<Self> {
        &mut directory.connections
    }

    fn count(&mut self) {
        self.handled += 1;
    }

    fn after_message(&mut self) {
        self.forget();
    }

    fn open(conn_id: ConnId, shared: Shared) -> Self {
        Self {
            conn_id,
            shared,
            user: None,
            channels: BTreeSet::new(),
            generation: Generation::default(),
            listening: None,
            next: None,
            doubt: None,
            quiet_since: Instant::now(),
            is_present: true,
            grace: None,
            handled: 0,
        }
    }
}

impl Actor for Connection {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Context<Self>) {
        self.watch_deadline(self.shared.limits().idle, context);
    }
}

impl Connection {
    /// Looks again when the deadline may have come. One timer, which sleeps through all signs of life in between.
    fn watch_deadline(&self, wait: Duration, context: &mut Context<Self>) {
        context.run_later(wait, |connection, context| {
            let deadline = connection.last_sign_of_life() + connection.shared.limits().idle;
            match deadline.checked_duration_since(Instant::now()) {
                Some(left) if !left.is_zero() => connection.watch_deadline(left, context),
                _ => {
                    connection.close(CloseReason::Idle);
                    connection.forget();
                }
            }
        });
    }

    fn last_sign_of_life(&self) -> Instant {
        let heard = self.listening.as_ref().map(|listening| listening.outlet.pulse.last());
        self.quiet_since.max(heard.unwrap_or(self.quiet_since))
    }

    /// Gives the transport to all channels, one after the other in the order of their names, then to the user: private messages come
    /// after those of channels (`protocol.md` §6).
    ///
    /// A transport that is given up before this is done is detached from some of them too early; they know by its generation that it
    /// has ended, and do not attach it any more.
    fn attach(&mut self, next: Next, context: &mut Context<Self>) {
        let Next { generation, outlet, read, attached } = next;
        self.settle_doubt();
        self.cancel_grace(context);
        let Some(user) = self.user.clone() else { return };
        if !std::mem::replace(&mut self.is_present, true) {
            let present = Present { conn_id: self.conn_id, present: true };
            self.shared.tell::<User, _>(user.clone(), Absent::Skip, present);
        }
        outlet.pulse.beat();
        let attach = Attach { conn_id: self.conn_id, generation, outlet: outlet.clone(), missed: true, read };
        self.listening = Some(Listening { generation, outlet });
        let channels: Vec<_> = self.channels.iter().cloned().collect();
        let shared = self.shared.clone();
        let steps = async move {
            for channel in channels {
                shared.ask::<Channel, _>(channel, Absent::Skip, attach.clone()).await;
            }
            shared.ask::<User, _>(user, Absent::Skip, attach).await;
            // An error means that the transport is gone already.
            let _ = attached.send(());
        };
        actix::spawn(steps);
    }

    fn listens_as(&self, generation: Generation) -> bool {
        self.listening.as_ref().is_some_and(|listening| listening.generation == generation)
    }

    /// The transport has ended: all cursors go back to what its client has read, and the next transport may begin.
    fn detach(&mut self, report: Option<Report>, context: &mut Context<Self>) {
        let ended = self.listening.take().map(|listening| listening.generation).unwrap_or_default();
        self.quiet_since = Instant::now();
        self.rewind(ended, report);
        if let Some(next) = self.next.take() {
            self.attach(next, context);
        }
    }

    fn rewind(&self, generation: Generation, report: Option<Report>) {
        let detach = Detach { conn_id: self.conn_id, generation, report };
        for channel in &self.channels {
            self.shared.tell::<Channel, _>(channel.clone(), Absent::Skip, detach.clone());
        }
        if let Some(user) = &self.user {
            self.shared.tell::<User, _>(user.clone(), Absent::Skip, detach);
        }
    }

    /// By now it is known whether the answer of the last long-poll arrived.
    fn settle_doubt(&mut self) {
        if let Some(doubt) = self.doubt.take()
            && doubt.socket.was_reset()
        {
            // Its generation was told when it ended.
            self.rewind(Generation::default(), Some(doubt.certain));
        }
    }

    fn lose(&mut self, context: &mut Context<Self>) {
        let grace = context.run_later(self.shared.limits().presence_grace, |connection, _| {
            connection.is_present = false;
            if let Some(user) = &connection.user {
                let absent = Present { conn_id: connection.conn_id, present: false };
                connection.shared.tell::<User, _>(user.clone(), Absent::Skip, absent);
            }
        });
        self.cancel_grace(context);
        self.grace = Some(grace);
    }

    fn cancel_grace(&mut self, context: &mut Context<Self>) {
        if let Some(grace) = self.grace.take() {
            context.cancel_future(grace);
        }
    }

    fn close(&mut self, reason: CloseReason) -> bool {
        let Some(user) = self.user.take() else { return false };
        self.shared.tell::<User, _>(user, Absent::Skip, Closed { conn_id: self.conn_id });
        self.channels.clear();
        self.doubt = None;
        let grace = self.shared.limits().close_grace;
        let transports = self.listening.take().map(|listening| listening.outlet).into_iter();
        for outlet in transports.chain(self.next.take().map(|next| next.outlet)) {
            outlet.shut(reason, grace);
        }
        true
    }

    /// One that has ended asks to be forgotten.
    fn forget(&self) {
        if self.user.is_none() {
            self.shared.idle::<Self>(self.conn_id, self.handled);
        }
    }
}

impl_resident_handlers!(Connection);

impl Handler<Open> for Connection {
    type Result = Result<(), InUse>;

    fn handle(&mut self, Open(user): Open, context: &mut Context<Self>) -> Self::Result {
        match &self.user {
            Some(owner) if *owner != user => return Err(InUse),
            Some(_) => {}
            None => {
                self.user = Some(user);
                if self.handled > 1 {
                    // It had ended, and with it its deadline.
                    self.watch_deadline(self.shared.limits().idle, context);
                }
            }
        }
        // Who connects again is here, whatever became of the socket before.
        self.cancel_grace(context);
        self.is_present = true;
        self.quiet_since = Instant::now();
        Ok(())
    }
}

impl Handler<Who> for Connection {
    type Result = Result<UserName, Unknown>;

    fn handle(&mut self, _: Who, _: &mut Context<Self>) -> Self::Result {
        self.user.clone().ok_or(Unknown)
    }
}

impl Handler<Inspect> for Connection {
    type Result = Activity;

    fn handle(&mut self, _: Inspect, _: &mut Context<Self>) -> Activity {
        let transport = self.listening.as_ref().map(|listening| listening.outlet.transport);
        Activity { transport, silent: self.last_sign_of_life().elapsed() }
    }
}

impl Handler<Listen> for Connection {
    type Result = ();

    fn handle(&mut self, Listen { added, removed }: Listen, _: &mut Context<Self>) {
        if self.user.is_none() {
            return;
        }
        for channel in removed {
            self.channels.remove(&channel);
        }
        for channel in added {
            if let Some(Listening { generation, outlet }) = &self.listening {
                let (generation, outlet, read) = (*generation, outlet.clone(), Report::default());
                let attach = Attach { conn_id: self.conn_id, generation, outlet, missed: false, read };
                self.shared.tell::<Channel, _>(channel.clone(), Absent::Skip, attach);
            }
            self.channels.insert(channel);
        }
    }
}

impl Handler<AttachOutlet> for Connection {
    type Result = ResponseFuture<Result<Attached, Unknown>>;

    fn handle(&mut self, AttachOutlet { outlet, read }: AttachOutlet, context: &mut Context<Self>) -> Self::Result {
        if self.user.is_none() {
            return Box::pin(ready(Err(Unknown)));
        }
        self.generation.0 += 1;
        let answer = Attached { generation: self.generation, connection: context.address().recipient() };
        let (attached, is_attached) = oneshot::channel();
        let next = Next { generation: self.generation, outlet, read, attached };
        let limits = self.shared.limits();
        match &self.listening {
            None => self.attach(next, context),
            Some(Listening { generation, outlet }) => {
                let (generation, handover) = (*generation, limits.handover);
                if let Some(waiting) = self.next.replace(next) {
                    waiting.outlet.shut(CloseReason::Replaced, limits.close_grace);
                } else {
                    outlet.shut(CloseReason::Replaced, limits.close_grace);
                    context.run_later(handover * 2, move |connection, context| {
                        // It is stuck; what its client has read is not known.
                        if connection.listens_as(generation) {
                            connection.detach(None, context);
                        }
                    });
                }
            }
        }
        Box::pin(async move {
            // One that was replaced before it began is told so by its `Shut`.
            let _ = is_attached.await;
            Ok(answer)
        })
    }
}

impl Handler<DetachOutlet> for Connection {
    type Result = ();

    fn handle(&mut self, ended: DetachOutlet, context: &mut Context<Self>) {
        if !self.listens_as(ended.generation) {
            if self.next.as_ref().is_some_and(|next| next.generation == ended.generation) {
                self.next = None;
            }
            return;
        }
        self.doubt = ended.doubt;
        if !ended.returns && self.next.is_none() {
            self.lose(context);
        }
        self.detach(Some(ended.report), context);
    }
}

impl Handler<Close> for Connection {
    type Result = bool;

    fn handle(&mut self, Close(reason): Close, _: &mut Context<Self>) -> bool {
        self.close(reason)
    }
}
