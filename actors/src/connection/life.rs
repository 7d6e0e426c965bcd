//! What a connection is between its beginning and its end: which transport listens for it, and when
//! its client was last heard from.

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
use crate::outlet::{Attachment, End, FormerSocket, Outlet, Presumed, Queue};
use crate::position::{Position, Report};
use crate::protocol::timestamp::Moment;
use crate::transport::Transport;

/// A connection that has begun and not ended.
pub(super) struct Life {
    pub(super) core: ConnectionCore,
    transports: Transports,
    /// When it was opened, or its latest transport ended.
    quiet_since: Instant,
    /// The timer that runs while a lost socket does not yet count as absence.
    grace: Option<SpawnHandle>,
    /// Before this time it does not end for want of its client, which may not have heard yet that
    /// the server is back.
    spared_until: Option<Instant>,
    /// True once the server stops, and its client is to come back to the next one.
    is_suspended: bool,
}

/// The transports of a connection.
enum Transports {
    /// None listens.
    None(Departure),
    /// One listens.
    One(Listening),
    /// One listens and was told to end. The next is attached when that one has reported.
    Two { ending: Listening, next: Arrival },
}

/// A transport that listens.
struct Listening {
    generation: Generation,
    outlet: Arc<Outlet>,
}

/// A transport that is to be attached.
pub(super) struct Arrival {
    pub(super) generation: Generation,
    pub(super) outlet: Arc<Outlet>,
    /// How far its client says that it has read.
    pub(super) read: Report,
    pub(super) attachment: Attachment,
    /// Where the attachment goes. If nobody waits for it any more it is dropped, and so the
    /// transport is detached.
    pub(super) reply: oneshot::Sender<Attachment>,
}

/// How the latest transport ended.
#[derive(Default)]
pub(super) struct Departure {
    /// Whether the client is expected back at once, as after a long-poll.
    returns: bool,
    /// What the client has read of the answer of its last poll, if it polls again.
    presumed: Option<Presumed>,
}

/// What becomes of a transport that arrives.
pub(super) enum Arrived {
    /// It is attached now.
    Attach(Arrival),
    /// It waits until the transport of this generation has reported.
    WaitFor(Generation),
    /// It has taken the place of another that waits.
    Waits,
}

/// What follows when a transport has ended.
pub(super) enum Departed {
    /// The next transport is attached.
    Next(Arrival),
    /// The client is expected back at once.
    Returns,
    /// The socket is lost.
    Lost,
}

/// What a connection does just now.
#[derive(Debug, Default, MessageResponse)]
pub(crate) struct Activity {
    /// The channels that it is in.
    pub(crate) channels: Vec<ChannelName>,
    /// The transport that listens for it.
    pub(crate) transport: Option<Transport>,
    /// How long ago its client was last heard from.
    pub(crate) silent: Duration,
}

impl Arrival {
    /// Tells the transport to end before it begins. It learns so as soon as it listens.
    fn turn_away(self, reason: CloseReason, grace: Duration) {
        self.outlet.shut(reason, grace);
        self.reply.send(self.attachment).ok();
    }
}

impl Life {
    pub(super) fn new(user: UserName) -> Self {
        Self {
            core: ConnectionCore::new(user),
            transports: Transports::None(Departure::default()),
            quiet_since: Instant::now(),
            grace: None,
            spared_until: None,
            is_suspended: false,
        }
    }

    /// Creates a life that goes on after a restart. Its client is away, and is waited for at least
    /// until `spared_until`.
    pub(super) fn restore(
        core: ConnectionCore,
        presumed: Vec<Position>,
        spared_until: Instant,
    ) -> Self {
        let presumed = (!presumed.is_empty()).then(|| Presumed {
            report: presumed.into(),
            socket: Arc::new(FormerSocket),
        });
        Self {
            core,
            transports: Transports::None(Departure {
                returns: false,
                presumed,
            }),
            quiet_since: Instant::now(),
            grace: None,
            spared_until: Some(spared_until),
            is_suspended: false,
        }
    }

    /// Returns what is to be kept of it. If the client was told to come back by a time, the server
    /// stops in order, and a client that lost the answer of its poll has had the time to show it.
    /// Otherwise that is not known, and only what is certain is kept.
    pub(super) fn record(&self, returns_by: Option<Moment>) -> ConnectionRecord {
        let presumed = match &self.transports {
            Transports::None(Departure {
                presumed: Some(presumed),
                ..
            }) if returns_by.is_some() && !presumed.socket.was_reset() => presumed.report.to_vec(),
            _ => Vec::new(),
        };
        let last_heard = Moment::now().minus(self.last_heard().elapsed());
        self.core.record(last_heard, presumed, returns_by)
    }

    /// Returns when it ends if its client is not heard from, which may be silent for `idle`.
    pub(super) fn deadline(&self, idle: Duration) -> Instant {
        let deadline = self.last_heard() + idle;
        self.spared_until
            .map_or(deadline, |until| until.max(deadline))
    }

    /// Returns whether its client is to come back to the next process.
    pub(super) fn is_suspended(&self) -> bool {
        self.is_suspended
    }

    /// Tells its transports to end. Returns which one will report, if there is one.
    pub(super) fn suspend(&mut self, reason: CloseReason, grace: Duration) -> Option<Generation> {
        self.is_suspended = true;
        let transports = Transports::None(Departure::default());
        self.transports = match std::mem::replace(&mut self.transports, transports) {
            Transports::Two { ending, next } => {
                next.turn_away(reason, grace);
                Transports::One(ending)
            }
            transports => transports,
        };
        let (generation, outlet) = self.outlet()?;
        outlet.shut(reason, grace);
        Some(generation)
    }

    /// Notes that the client was heard from through its application. Returns the channels that it
    /// is in if it did not count as present before.
    pub(super) fn come_back<A>(&mut self, context: &mut Context<A>) -> Vec<ChannelName>
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

    /// Returns when the client was last heard from.
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

    /// Tells its transports to end.
    pub(super) fn shut(self, reason: CloseReason, grace: Duration) {
        match self.transports {
            Transports::None(_) => {}
            Transports::One(listening) => listening.outlet.shut(reason, grace),
            Transports::Two { ending, next } => {
                ending.outlet.shut(reason, grace);
                next.turn_away(reason, grace);
            }
        }
    }

    /// Returns what must have been sent before the connection may be closed for a restart.
    pub(super) fn unserved(&self, close_grace: Duration) -> Unserved {
        match &self.transports {
            Transports::Two { .. } => Unserved::NextTransport,
            Transports::One(listening) => Unserved::Entries(Some(listening.outlet.queue.clone())),
            // A client that polls is between two polls; one that is away is not waited for.
            Transports::None(Departure { returns: true, .. })
                if self.quiet_since.elapsed() < close_grace =>
            {
                Unserved::Entries(None)
            }
            Transports::None(_) => Unserved::Nothing,
        }
    }

    /// A transport has come. If another listens, that one is told to end first.
    pub(super) fn arrive(&mut self, arrival: Arrival, close_grace: Duration) -> Arrived {
        match std::mem::replace(&mut self.transports, Transports::None(Departure::default())) {
            Transports::None(departure) => {
                self.transports = Transports::None(departure);
                Arrived::Attach(arrival)
            }
            Transports::One(ending) => {
                ending.outlet.shut(CloseReason::Replaced, close_grace);
                let generation = ending.generation;
                self.transports = Transports::Two {
                    ending,
                    next: arrival,
                };
                Arrived::WaitFor(generation)
            }
            Transports::Two { ending, next } => {
                next.turn_away(CloseReason::Replaced, close_grace);
                self.transports = Transports::Two {
                    ending,
                    next: arrival,
                };
                Arrived::Waits
            }
        }
    }

    /// Lets a transport listen. Returns what the client has read of the answer of its last poll, if
    /// it polls again.
    pub(super) fn listen<A>(
        &mut self,
        generation: Generation,
        outlet: Arc<Outlet>,
        context: &mut Context<A>,
    ) -> Option<Presumed>
    where
        A: Actor<Context = Context<A>>,
    {
        self.cancel_grace(context);
        self.core.listen();
        let listening = Transports::One(Listening { generation, outlet });
        match std::mem::replace(&mut self.transports, listening) {
            Transports::None(departure) => departure.presumed,
            Transports::One(_) | Transports::Two { .. } => None,
        }
    }

    /// The transport of this generation has ended. Returns what follows; `None` if that transport
    /// does not listen any more.
    pub(super) fn depart(&mut self, generation: Generation, end: End) -> Option<Departed> {
        let listening = self.listening()?;
        if listening.generation != generation {
            return None;
        }
        self.quiet_since = Instant::now();
        let departure = Departure {
            returns: end.returns,
            presumed: end.presumed,
        };
        let before = std::mem::replace(&mut self.transports, Transports::None(departure));
        Some(match before {
            Transports::Two { next, .. } => Departed::Next(next),
            Transports::One(_) | Transports::None(_) if end.returns => Departed::Returns,
            Transports::One(_) | Transports::None(_) => Departed::Lost,
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

/// What a client was not sent yet.
pub(super) enum Unserved {
    /// Nothing, or the client is away.
    Nothing,
    /// A transport that waits for the older one to report.
    NextTransport,
    /// The entries that its cursors do not stand behind, and what is in the queue of its outlet.
    Entries(Option<Queue>),
}
