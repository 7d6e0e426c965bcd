//! What a connection's actor keeps for one turn.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::oneshot;

use crate::common::Common;
use crate::core::cluster::call::Read;
use crate::core::cluster::session::Session;
use crate::core::cursor::Generation;
use crate::error::{CloseReason, NotAttached};
use crate::name::LogName;
use crate::outlet::{Attachment, Outlet, Socket, Trail};
use crate::position::{Epoch, Position, Report};

/// What the actor keeps for one turn that this node has taken, or for a connection that was made
/// here and for which no turn was taken yet.
pub(super) struct Serving {
    /// The number of this serving. The attachment of its transport has it too.
    pub(super) number: Generation,
    pub(super) session: Session,
    pub(super) transport: TransportOf,
    /// Whether a call of the session is on its way.
    pub(super) is_busy: bool,
    /// The reason that the transport is told when it ends.
    pub(super) reason: CloseReason,
    /// Whether the connection ends because its client was not heard from.
    pub(super) is_expiring: bool,
    /// Whether the client polls again, if another turn was taken.
    pub(super) polls_again: bool,
    /// Whether the socket was lost, so that the client counts as absent after a while.
    pub(super) was_lost: bool,
    /// The latest time at which the client was heard from otherwise than by the transport.
    pub(super) quiet_since: Instant,
    /// The trail of the transport that has ended.
    pub(super) trail: Trail,
    is_counted: bool,
}

/// The transport of a serving.
pub(super) enum TransportOf {
    /// There is none, or it has ended.
    None,
    /// It listens, or is about to.
    Listens(Box<Listening>),
    /// It was told to end, and what its client has read is being asked for.
    Ends,
    /// It was a long-poll that was answered.
    Answered(AnsweredPoll),
}

/// A transport that listens, or is about to.
pub(super) struct Listening {
    pub(super) outlet: Arc<Outlet>,
    /// The attachment, and who waits for it; `None` once the transport has begun.
    pub(super) beginning: Option<(Attachment, Waiter)>,
    /// The positions that the client has brought.
    pub(super) read: Report,
    /// Whether these positions name a log that is gone.
    pub(super) is_foreign: bool,
    /// The logs to which the transport is still to be attached, in their order.
    pub(super) to_attach: VecDeque<Step>,
    pub(super) is_attaching: bool,
    pub(super) attached: BTreeSet<LogName>,
    /// The log that has this epoch.
    pub(super) epochs: HashMap<Epoch, LogName>,
    pub(super) was_shut: bool,
}

/// The sender for the attachment of a transport.
pub(super) type Waiter = oneshot::Sender<Result<Attachment, NotAttached>>;

/// A log to which a transport is to be attached.
pub(super) struct Step {
    pub(super) log: LogName,
    pub(super) position: Position,
    pub(super) missed_up_to: u64,
    pub(super) is_new: bool,
}

/// A long-poll that was answered. Its client has read the answer if it polls again.
pub(super) struct AnsweredPoll {
    /// Up to where the client has then read.
    pub(super) presumed: Read,
    /// The socket of the answer.
    pub(super) socket: Arc<dyn Socket>,
    /// Whether the next transport comes on the same socket, so the answer was read.
    pub(super) is_same_socket: bool,
}

impl Serving {
    pub(super) fn new(number: Generation, session: Session) -> Self {
        Self {
            number,
            session,
            transport: TransportOf::None,
            is_busy: false,
            reason: CloseReason::UnknownConnection,
            is_expiring: false,
            polls_again: false,
            was_lost: false,
            quiet_since: Instant::now(),
            trail: Trail::default(),
            is_counted: false,
        }
    }

    pub(super) fn listening(&mut self) -> Option<&mut Listening> {
        match &mut self.transport {
            TransportOf::Listens(listening) => Some(listening),
            TransportOf::None | TransportOf::Ends | TransportOf::Answered(_) => None,
        }
    }

    pub(super) fn outlet(&self) -> Option<&Arc<Outlet>> {
        match &self.transport {
            TransportOf::Listens(listening) => Some(&listening.outlet),
            TransportOf::None | TransportOf::Ends | TransportOf::Answered(_) => None,
        }
    }

    /// Returns the time at which the client was last heard from.
    pub(super) fn last_heard(&self) -> Instant {
        let heard = self.outlet().map(|outlet| outlet.last_heard.get());
        self.quiet_since.max(heard.unwrap_or(self.quiet_since))
    }

    /// Returns whether nothing is left to do for this turn.
    pub(super) fn is_over(&self) -> bool {
        let is_without = matches!(self.transport, TransportOf::None);
        self.session.is_over() && is_without && !self.is_busy
    }

    /// Returns whether everything is reported, for a server that stops.
    pub(super) fn is_settled(&self) -> bool {
        let is_without = matches!(self.transport, TransportOf::None);
        is_without && !self.is_busy && !self.session.has_report()
    }

    /// Counts that the connection has ended.
    pub(super) fn count_end(&mut self, common: &Common) {
        if !std::mem::replace(&mut self.is_counted, true) {
            let reason = if self.is_expiring {
                CloseReason::Idle
            } else {
                self.reason
            };
            common.counters().count_connection_end(reason);
        }
    }
}
