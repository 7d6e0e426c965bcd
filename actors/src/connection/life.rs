//! The state of a connection between its beginning and its end: the transport that listens for it,
//! and the time at which its client was last heard from.

use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::dev::MessageResponse;
use actix::prelude::*;
use tokio::sync::oneshot;

use crate::core::connection::ConnectionCore;
use crate::core::cursor::Generation;
use crate::core::record::ConnectionRecord;
use crate::error::CloseReason;
use crate::name::{ChannelName, UserName};
use crate::outlet::{Attachment, End, FormerSocket, Outlet, Presumed, Queue, Trail};
use crate::position::{Continuity, Position, Return};
use crate::protocol::timestamp::Moment;
use crate::transport::Transport;

/// The state of a connection that has begun and not ended.
pub(super) struct Life {
    pub(super) core: ConnectionCore,
    transports: Transports,
    /// The latest time at which the connection was opened or opened again, or at which a transport
    /// of it ended.
    quiet_since: Instant,
    /// The timer that runs while a lost socket does not yet count as absence.
    grace: Option<SpawnHandle>,
    /// The time before which the connection does not end although its client is away. The client
    /// may not know yet that the server is back.
    ends_not_before: Option<Instant>,
    /// True once the server stops and the client is to come back to the next process.
    is_suspended: bool,
}

/// The transports of a connection.
enum Transports {
    /// No transport listens.
    None(LastEnd),
    /// One transport listens.
    One(Listening),
    /// One transport listens and was told to end. The next transport is attached when that one has
    /// reported.
    Two {
        ending: Listening,
        next: NewTransport,
    },
}

/// A transport that listens.
struct Listening {
    generation: Generation,
    outlet: Arc<Outlet>,
}

/// A transport that is to be attached.
pub(super) struct NewTransport {
    pub(super) generation: Generation,
    pub(super) outlet: Arc<Outlet>,
    pub(super) returning: Return,
    pub(super) attachment: Attachment,
    /// The sender for the attachment. If nobody waits for it any more, the attachment is dropped,
    /// and this detaches the transport.
    pub(super) reply: oneshot::Sender<Attachment>,
}

/// The end of the latest transport.
#[derive(Default)]
pub(super) struct LastEnd {
    /// Whether the client is expected back at once, as after a long-poll.
    returns: bool,
    /// The positions up to which the client has read if it polls again.
    pub(super) presumed: Option<Presumed>,
    /// The trail of the transport.
    pub(super) trail: Trail,
}

/// The next step for a new transport.
pub(super) enum AttachStep {
    /// The transport is attached now.
    Attach(NewTransport),
    /// The transport waits until the transport of this generation has reported.
    WaitFor(Generation),
    /// The transport waits in place of another one that was waiting.
    Waits,
}

/// The next step after a transport has ended.
pub(super) enum AfterEnd {
    /// The next transport is attached.
    Next(NewTransport),
    /// The client is expected back at once.
    Returns,
    /// The socket is lost.
    Lost,
}

/// The present activity of a connection.
#[derive(Debug, Default, MessageResponse)]
pub(crate) struct Activity {
    /// The channels that the connection is in.
    pub(crate) channels: Vec<ChannelName>,
    /// The transport that listens for the connection.
    pub(crate) transport: Option<Transport>,
    /// The time since the client was last heard from.
    pub(crate) silent: Duration,
}

impl NewTransport {
    /// Tells the transport to end before it begins. The transport handles this as soon as it
    /// listens.
    fn refuse(self, reason: CloseReason, grace: Duration) {
        self.outlet.shut(reason, grace);
        self.reply.send(self.attachment).ok();
    }
}

impl Life {
    pub(super) fn new(user: UserName) -> Self {
        Self {
            core: ConnectionCore::new(user, Continuity::random()),
            transports: Transports::None(LastEnd::default()),
            quiet_since: Instant::now(),
            grace: None,
            ends_not_before: None,
            is_suspended: false,
        }
    }

    /// Creates a life that goes on after a restart. Its client is away, and the connection waits
    /// for it at least until `ends_not_before`.
    pub(super) fn restore(
        core: ConnectionCore,
        presumed: Vec<Position>,
        ends_not_before: Instant,
    ) -> Self {
        let presumed = (!presumed.is_empty()).then(|| Presumed {
            report: presumed.into(),
            socket: Arc::new(FormerSocket),
        });
        Self {
            core,
            transports: Transports::None(LastEnd {
                presumed,
                ..LastEnd::default()
            }),
            quiet_since: Instant::now(),
            grace: None,
            ends_not_before: Some(ends_not_before),
            is_suspended: false,
        }
    }

    /// Returns the record that the store is to keep. `returns_by` is given when the server stops in
    /// order. Then a client that lost the answer to its poll has had the time to reset its socket,
    /// so the positions that it is presumed to have read are kept too. Otherwise only positions
    /// that are certain are kept.
    pub(super) fn record(&self, returns_by: Option<Moment>) -> ConnectionRecord {
        let presumed = match &self.transports {
            Transports::None(LastEnd {
                presumed: Some(presumed),
                ..
            }) if returns_by.is_some() && !presumed.socket.was_reset() => presumed.report.to_vec(),
            _ => Vec::new(),
        };
        let last_heard = Moment::now().minus(self.last_heard().elapsed());
        self.core.record(last_heard, presumed, returns_by)
    }

    /// Returns the time at which the connection ends if its client is not heard from. The client
    /// may be silent for `idle`.
    pub(super) fn deadline(&self, idle: Duration) -> Instant {
        let deadline = self.last_heard() + idle;
        self.ends_not_before
            .map_or(deadline, |until| until.max(deadline))
    }

    /// Returns whether the client is to come back to the next process.
    pub(super) fn is_suspended(&self) -> bool {
        self.is_suspended
    }

    /// Tells the transports to end. Returns the generation of the one that will report, if there is
    /// one.
    pub(super) fn suspend(&mut self, reason: CloseReason, grace: Duration) -> Option<Generation> {
        self.is_suspended = true;
        let transports = Transports::None(LastEnd::default());
        self.transports = match std::mem::replace(&mut self.transports, transports) {
            Transports::Two { ending, next } => {
                next.refuse(reason, grace);
                Transports::One(ending)
            }
            transports => transports,
        };
        let (generation, outlet) = self.outlet()?;
        outlet.shut(reason, grace);
        Some(generation)
    }

    /// Notes that the client was heard from through its application. Returns the channels of the
    /// connection if the client did not count as present before.
    pub(super) fn mark_present<A>(&mut self, context: &mut Context<A>) -> Vec<ChannelName>
    where
        A: Actor<Context = Context<A>>,
    {
        self.cancel_grace(context);
        self.quiet_since = Instant::now();
        if self.core.set_present(true) {
            self.core.channel_list()
        } else {
            Vec::new()
        }
    }

    fn listening(&self) -> Option<&Listening> {
        match &self.transports {
            Transports::None(_) => None,
            Transports::One(listening)
            | Transports::Two {
                ending: listening, ..
            } => Some(listening),
        }
    }

    /// Returns the outlet that listens, and its generation.
    pub(super) fn outlet(&self) -> Option<(Generation, &Arc<Outlet>)> {
        self.listening()
            .map(|listening| (listening.generation, &listening.outlet))
    }

    /// Returns the time at which the client was last heard from.
    pub(super) fn last_heard(&self) -> Instant {
        let heard = self.outlet().map(|(_, outlet)| outlet.last_heard.get());
        self.quiet_since.max(heard.unwrap_or(self.quiet_since))
    }

    pub(super) fn activity(&self) -> Activity {
        Activity {
            channels: self.core.channel_list(),
            transport: self.outlet().map(|(_, outlet)| outlet.transport),
            silent: self.last_heard().elapsed(),
        }
    }

    /// Tells the transports to end.
    pub(super) fn shut(self, reason: CloseReason, grace: Duration) {
        match self.transports {
            Transports::None(_) => {}
            Transports::One(listening) => listening.outlet.shut(reason, grace),
            Transports::Two { ending, next } => {
                ending.outlet.shut(reason, grace);
                next.refuse(reason, grace);
            }
        }
    }

    /// Returns what must still be sent before the connection may be closed for a restart.
    pub(super) fn unserved(&self, close_grace: Duration) -> Unserved {
        match &self.transports {
            Transports::Two { .. } => Unserved::NextTransport,
            Transports::One(listening) => Unserved::Entries(Some(listening.outlet.queue.clone())),
            // A client that polls is between two polls, and is waited for. A client that is away is
            // not.
            Transports::None(LastEnd { returns: true, .. })
                if self.quiet_since.elapsed() < close_grace =>
            {
                Unserved::Entries(None)
            }
            Transports::None(_) => Unserved::Nothing,
        }
    }

    /// Notes that a transport has arrived. If another transport listens, that one is told to end
    /// first.
    pub(super) fn add_transport(
        &mut self,
        transport: NewTransport,
        close_grace: Duration,
    ) -> AttachStep {
        match std::mem::replace(&mut self.transports, Transports::None(LastEnd::default())) {
            Transports::None(last_end) => {
                self.transports = Transports::None(last_end);
                AttachStep::Attach(transport)
            }
            Transports::One(ending) => {
                ending.outlet.shut(CloseReason::Replaced, close_grace);
                let generation = ending.generation;
                self.transports = Transports::Two {
                    ending,
                    next: transport,
                };
                AttachStep::WaitFor(generation)
            }
            Transports::Two { ending, next } => {
                next.refuse(CloseReason::Replaced, close_grace);
                self.transports = Transports::Two {
                    ending,
                    next: transport,
                };
                AttachStep::Waits
            }
        }
    }

    /// Lets a transport listen. Returns the end of the transport before it.
    pub(super) fn listen<A>(
        &mut self,
        generation: Generation,
        outlet: Arc<Outlet>,
        context: &mut Context<A>,
    ) -> LastEnd
    where
        A: Actor<Context = Context<A>>,
    {
        self.cancel_grace(context);
        self.core.listen();
        let listening = Transports::One(Listening { generation, outlet });
        match std::mem::replace(&mut self.transports, listening) {
            Transports::None(last_end) => last_end,
            Transports::One(_) | Transports::Two { .. } => LastEnd::default(),
        }
    }

    /// Notes that the transport of this generation has ended. Returns the next step; `None` if that
    /// transport does not listen any more.
    pub(super) fn end_transport(&mut self, generation: Generation, end: End) -> Option<AfterEnd> {
        let listening = self.listening()?;
        if listening.generation != generation {
            return None;
        }
        self.quiet_since = Instant::now();
        let last_end = LastEnd {
            returns: end.returns,
            presumed: end.presumed,
            trail: end.trail,
        };
        let before = std::mem::replace(&mut self.transports, Transports::None(last_end));
        Some(match before {
            Transports::Two { next, .. } => AfterEnd::Next(next),
            Transports::One(_) | Transports::None(_) if end.returns => AfterEnd::Returns,
            Transports::One(_) | Transports::None(_) => AfterEnd::Lost,
        })
    }

    /// Keeps the timer after which a lost socket counts as absence.
    pub(super) fn set_grace<A>(&mut self, grace: SpawnHandle, context: &mut Context<A>)
    where
        A: Actor<Context = Context<A>>,
    {
        self.cancel_grace(context);
        self.grace = Some(grace);
    }

    fn cancel_grace<A>(&mut self, context: &mut Context<A>)
    where
        A: Actor<Context = Context<A>>,
    {
        if let Some(grace) = self.grace.take() {
            context.cancel_future(grace);
        }
    }
}

/// The data that a client was not sent yet.
pub(super) enum Unserved {
    /// Nothing, or the client is away.
    Nothing,
    /// A transport that waits for the older one to report.
    NextTransport,
    /// The entries after the connection's cursors, and the bytes in the queue of its outlet.
    Entries(Option<Queue>),
}
