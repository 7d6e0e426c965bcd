//! The counters of events since the start, and of things that exist now. The actors and their
//! outlets write them, and any code may read them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::error::CloseReason;
use crate::faults::ActorKind;
use crate::limits::{LimitKind, LimitRefusals};
use crate::transport::{ByTransport, Transport};

/// The counters of a broker. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Counters(Arc<CounterValues>);

#[derive(Debug, Default)]
struct CounterValues {
    messages: AtomicU64,
    deliveries: ByTransport<AtomicU64>,
    delivered_messages: AtomicU64,
    full_queues: AtomicU64,
    too_slow: AtomicU64,
    gaps: AtomicU64,
    takeovers: AtomicU64,
    connections: ByEnd<AtomicU64>,
    faults: ByActor<AtomicU64>,
    listening: ByTransport<AtomicU64>,
    users_online: AtomicU64,
    pending: AtomicU64,
    limit_refusals: LimitRefusals,
}

/// A value for the connections that have begun, and one for each reason why connections have ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ByEnd<T> {
    /// The connections that have begun in this process.
    pub opened: T,
    /// The connections that were disconnected by a call.
    pub disconnected: T,
    /// The connections whose client was not heard from for too long.
    pub idle: T,
    /// The connections that were closed because the server stops.
    pub restart: T,
    /// The connections that a fault of the server has ended.
    pub fault: T,
}

/// A value for each kind of actor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ByActor<T> {
    /// The value for channels.
    pub channels: T,
    /// The value for users.
    pub users: T,
    /// The value for connections.
    pub connections: T,
}

impl ByTransport<AtomicU64> {
    fn load(&self) -> ByTransport<u64> {
        self.zip(self, |count, _| count.load(Relaxed))
    }
}

impl Counters {
    /// Returns the number of messages that were published.
    pub fn messages(&self) -> u64 {
        self.0.messages.load(Relaxed)
    }

    /// Returns the number of entries of any kind that were sent to outlets. An entry that is sent
    /// to three connections counts as three.
    pub fn deliveries(&self) -> ByTransport<u64> {
        self.0.deliveries.load()
    }

    /// Returns the number of messages that were sent to outlets. A message that is sent to three
    /// connections counts as three.
    pub fn delivered_messages(&self) -> u64 {
        self.0.delivered_messages.load(Relaxed)
    }

    /// Returns the number of times that an entry for a client had to wait because its queue was
    /// full.
    pub fn full_queues(&self) -> u64 {
        self.0.full_queues.load(Relaxed)
    }

    /// Returns the number of transports that were closed because entries that their client had not
    /// read have left a log.
    pub fn too_slow(&self) -> u64 {
        self.0.too_slow.load(Relaxed)
    }

    /// Returns the number of gaps of which clients were told: entries that a client has not read
    /// are gone.
    pub fn gaps(&self) -> u64 {
        self.0.gaps.load(Relaxed)
    }

    /// Returns the number of times that a newer transport took over a connection from one that was
    /// still open.
    pub fn takeovers(&self) -> u64 {
        self.0.takeovers.load(Relaxed)
    }

    /// Returns the numbers of connections that have begun and that have ended.
    pub fn connections(&self) -> ByEnd<u64> {
        let connections = &self.0.connections;
        ByEnd {
            opened: connections.opened.load(Relaxed),
            disconnected: connections.disconnected.load(Relaxed),
            idle: connections.idle.load(Relaxed),
            restart: connections.restart.load(Relaxed),
            fault: connections.fault.load(Relaxed),
        }
    }

    /// Returns the number of actors of each kind that a panic has ended.
    pub fn faults(&self) -> ByActor<u64> {
        let faults = &self.0.faults;
        ByActor {
            channels: faults.channels.load(Relaxed),
            users: faults.users.load(Relaxed),
            connections: faults.connections.load(Relaxed),
        }
    }

    /// Returns the number of outlets that are open now.
    pub fn listening(&self) -> ByTransport<u64> {
        self.0.listening.load()
    }

    /// Returns the number of users that have a connection now.
    pub fn users_online(&self) -> u64 {
        self.0.users_online.load(Relaxed)
    }

    /// Returns the number of refusals by each limit.
    pub fn limit_refusals(&self) -> impl Iterator<Item = (LimitKind, u64)> {
        self.0.limit_refusals.all()
    }

    /// Counts a call or a client that was refused because of a limit.
    pub fn count_limit_refusal(&self, kind: LimitKind) {
        self.0.limit_refusals.count(kind);
    }

    pub(crate) fn count_messages(&self, count: usize) {
        self.0.messages.fetch_add(count as u64, Relaxed);
    }

    /// Counts deliveries. `messages` of them are messages.
    pub(crate) fn count_deliveries(&self, counts: &ByTransport<u64>, messages: u64) {
        self.0.deliveries.zip(counts, |total, count| {
            // Most deliveries that are counted together use one transport only.
            if *count > 0 {
                total.fetch_add(*count, Relaxed);
            }
        });
        if messages > 0 {
            self.0.delivered_messages.fetch_add(messages, Relaxed);
        }
    }

    pub(crate) fn count_full_queue(&self) {
        self.0.full_queues.fetch_add(1, Relaxed);
    }

    pub(crate) fn count_too_slow(&self) {
        self.0.too_slow.fetch_add(1, Relaxed);
    }

    pub(crate) fn count_gaps(&self, gaps: u64) {
        if gaps > 0 {
            self.0.gaps.fetch_add(gaps, Relaxed);
        }
    }

    pub(crate) fn count_takeover(&self) {
        self.0.takeovers.fetch_add(1, Relaxed);
    }

    pub(crate) fn count_connection(&self) {
        self.0.connections.opened.fetch_add(1, Relaxed);
    }

    /// Counts a connection that has ended for good. Reasons that end only a transport are not
    /// counted.
    pub(crate) fn count_connection_end(&self, reason: CloseReason) {
        let connections = &self.0.connections;
        let ended = match reason {
            CloseReason::Disconnected => &connections.disconnected,
            CloseReason::Idle => &connections.idle,
            CloseReason::Restart { .. } => &connections.restart,
            CloseReason::Fault => &connections.fault,
            CloseReason::Replaced
            | CloseReason::TooSlow
            | CloseReason::UnknownConnection
            | CloseReason::Full(_) => return,
        };
        ended.fetch_add(1, Relaxed);
    }

    /// Counts an actor that a panic has ended.
    pub(crate) fn count_fault(&self, kind: ActorKind) {
        let faults = &self.0.faults;
        let ended = match kind {
            ActorKind::Channel => &faults.channels,
            ActorKind::User => &faults.users,
            ActorKind::Connection => &faults.connections,
        };
        ended.fetch_add(1, Relaxed);
    }

    /// Counts an outlet as open until the result is dropped.
    pub fn listen(&self, transport: Transport) -> Counted {
        self.counted(match transport {
            Transport::Websocket => |totals| &totals.listening.websocket,
            Transport::EventStream => |totals| &totals.listening.event_stream,
            Transport::LongPoll => |totals| &totals.listening.long_poll,
            Transport::SocketIo => |totals| &totals.listening.socket_io,
            Transport::SocketIoPolling => |totals| &totals.listening.socket_io_polling,
        })
    }

    /// Counts a user as online until the result is dropped.
    pub(crate) fn online(&self) -> Counted {
        self.counted(|totals| &totals.users_online)
    }

    /// Returns the number of operations that are pending now.
    pub fn pending(&self) -> u64 {
        self.0.pending.load(Relaxed)
    }

    /// Counts an operation as pending until the result is dropped. Returns `None` when `limit`
    /// operations are already pending.
    pub(crate) fn begin(&self, limit: u64) -> Option<Counted> {
        let pending = self.counted(|totals| &totals.pending);
        (self.0.pending.load(Relaxed) <= limit).then_some(pending)
    }

    fn counted(&self, what: fn(&CounterValues) -> &AtomicU64) -> Counted {
        what(&self.0).fetch_add(1, Relaxed);
        Counted {
            totals: self.0.clone(),
            what,
        }
    }
}

/// An item that counts until this value is dropped.
#[derive(Debug)]
pub struct Counted {
    totals: Arc<CounterValues>,
    what: fn(&CounterValues) -> &AtomicU64,
}

impl Drop for Counted {
    fn drop(&mut self) {
        (self.what)(&self.totals).fetch_sub(1, Relaxed);
    }
}
