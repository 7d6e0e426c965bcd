//! The contract between the broker and a socket.
//!
//! An *outlet* is the actor of one open transport. It owns the socket and takes batches of entries.
//! Both sides may rely on these rules:
//!
//! - the entries of a log are sent in the order of their offsets, without holes, each once per
//!   attachment;
//! - the data that waits for a socket is bounded: in bytes by [`Queue`], in messages by the
//!   outlet's mailbox;
//! - when a batch does not fit, the cursor does not move. Delivery sends one [`AwaitCapacity`], and
//!   goes on when the outlet answers it;
//! - an outlet holds its [`Attachment`] while it takes batches. When the outlet ends, it gives the
//!   attachment back with a report of how far its client has read each log. An attachment that is
//!   dropped, wherever that happens, reports that nothing is known.
//!
//! The actors treat all transports in the same way, with one exception: a client that polls again
//! counts as having read the answer to its last poll ([`End::presumed`]).

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use actix::prelude::*;

use crate::core::cursor::Generation;
use crate::error::CloseReason;
use crate::list::List;
use crate::position::{Continuity, Epoch, Position, Report};
use crate::stepped_sleep::sleep_in_steps;
use crate::transport::Transport;

/// Delivers entries. They were encoded once, and many outlets share them.
#[derive(Message, Clone, Debug)]
#[rtype(result = "()")]
pub struct Batch {
    /// The epoch of the log that the entries come from.
    pub epoch: Epoch,
    /// The offset before the first entry; `None` if a client that has not read the batch has no
    /// position in the log.
    pub after: Option<u64>,
    /// The offset of the last entry. If entries that are not for the user follow it, the offset of
    /// the last of those.
    pub last: u64,
    /// The number of events.
    pub count: u64,
    /// The number of events that are messages.
    pub messages: u64,
    /// The events, encoded.
    pub list: List,
}

/// Asks the outlet to answer when it can take more.
#[derive(Message, Clone, Copy, Debug)]
#[rtype(result = "()")]
pub struct AwaitCapacity;

/// Tells an outlet to end. The outlet takes no more batches, tells its client the reason if the
/// transport can, and detaches.
#[derive(Message, Clone, Copy, Debug)]
#[rtype(result = "()")]
pub struct Shut(pub CloseReason);

/// The end of a transport, as the transport reports it.
#[derive(Clone, Debug, Default)]
pub struct End {
    /// The positions up to which the client has read for certain; `None` if they are not known.
    pub report: Option<Report>,
    /// Whether the client is expected to listen again at once, as after a long-poll. Otherwise the
    /// client counts as lost.
    pub returns: bool,
    /// The positions that also count as read if the next transport of the client is of the same
    /// kind.
    pub presumed: Option<Presumed>,
    /// The trail of a client that can say which batch it has received last.
    pub trail: Trail,
}

/// The positions behind the batches that a client was sent and has not confirmed, in the order in
/// which they were sent, whatever logs they came from.
pub type Trail = Arc<[Position]>;

/// The positions that count as read when a client polls again, because it has then read the answer
/// to its last poll.
#[derive(Clone, Debug)]
pub struct Presumed {
    /// The positions up to which the client has read.
    pub report: Report,
    /// The socket of the answer. If the client has reset it, the client may not have read the
    /// answer.
    pub socket: Arc<dyn Socket>,
}

/// Tells a connection about the progress of its transport. Sent by the transport's attachment.
#[derive(Message, Debug)]
#[rtype(result = "()")]
pub(crate) struct Progress {
    pub(crate) generation: Generation,
    pub(crate) stage: Stage,
}

/// The progress of a transport.
#[derive(Debug)]
pub(crate) enum Stage {
    /// The transport goes on, and its client has read up to these positions for certain.
    Read(Report),
    /// The transport has ended.
    Ended(End),
}

/// The attachment of a transport to its connection. While it exists the outlet is sent batches.
#[derive(Debug)]
pub struct Attachment {
    generation: Generation,
    connection: Recipient<Progress>,
    /// The continuity of the transport; `None` before the transport is attached.
    continuity: Option<Continuity>,
    /// The end that the transport has reported. By default nothing is known.
    end: End,
}

impl Attachment {
    pub(crate) fn new(generation: Generation, connection: Recipient<Progress>) -> Self {
        Self {
            generation,
            connection,
            continuity: None,
            end: End::default(),
        }
    }

    pub(crate) fn set_continuity(&mut self, continuity: Continuity) {
        self.continuity = Some(continuity);
    }

    /// Returns the continuity of the transport; `None` if the connection has ended before the
    /// transport was attached.
    pub fn continuity(&self) -> Option<Continuity> {
        self.continuity
    }

    /// Tells the connection what the client has read for certain, so that the store can keep it. A
    /// lost report does no harm, because the next report, or the end, says more.
    pub fn report(&self, read: Report) {
        let stage = Stage::Read(read);
        // A full mailbox does no harm, because a report may be lost.
        let _ = self.connection.try_send(Progress {
            generation: self.generation,
            stage,
        });
    }

    /// Gives the attachment back, and reports how the transport ended.
    pub fn end(mut self, end: End) {
        self.end = end;
    }
}

impl Drop for Attachment {
    fn drop(&mut self) {
        let ended = Progress {
            generation: self.generation,
            stage: Stage::Ended(std::mem::take(&mut self.end)),
        };
        #[expect(
            clippy::disallowed_methods,
            reason = "one message at the end of a transport's life, which must arrive"
        )]
        self.connection.do_send(ended);
    }
}

/// The access to a socket from outside its outlet, which does not run while the socket is stuck.
pub trait Socket: Send + Sync + std::fmt::Debug {
    /// Ends the socket at once.
    fn cut(&self);
    /// Returns whether the client reset the socket before it had read everything.
    fn was_reset(&self) -> bool;
    /// Returns whether the client may poll again after it has reset the socket. Otherwise its next
    /// poll shows that it has read the last answer.
    fn may_be_reset(&self) -> bool {
        true
    }
    /// Returns the number of bytes that the socket has taken since it was opened.
    fn written(&self) -> u64;
}

/// The socket of an answer that was sent before the server restarted.
#[derive(Debug)]
pub(crate) struct FormerSocket;

impl Socket for FormerSocket {
    fn cut(&self) {}

    fn was_reset(&self) -> bool {
        false
    }

    fn written(&self) -> u64 {
        0
    }
}

/// The bytes on their way to a client: they were sent to its outlet, and the socket has not taken
/// them yet. Bytes that the outlet has taken from its mailbox still count, because an actor takes
/// its whole mailbox before the socket takes anything.
#[derive(Clone, Debug)]
pub struct Queue(Arc<QueueState>);

#[derive(Debug)]
struct QueueState {
    sent: AtomicU64,
    gone: AtomicU64,
    /// The socket whose written bytes count as gone too; `None` if the outlet gathers events for
    /// later.
    socket: Option<Arc<dyn Socket>>,
    limit: u64,
}

impl Queue {
    /// Creates the queue of an outlet that writes to the socket at once. It is full at `limit`
    /// bytes.
    pub fn of_socket(limit: usize, socket: Arc<dyn Socket>) -> Self {
        let sent = AtomicU64::new(socket.written());
        Self(Arc::new(QueueState {
            sent,
            gone: AtomicU64::new(0),
            socket: Some(socket),
            limit: limit.max(1) as u64,
        }))
    }

    /// Creates the queue of an outlet that gathers events for later. It is full at `limit` bytes.
    pub fn of_gatherer(limit: usize) -> Self {
        Self(Arc::new(QueueState {
            sent: AtomicU64::new(0),
            gone: AtomicU64::new(0),
            socket: None,
            limit: limit.max(1) as u64,
        }))
    }

    /// Adds bytes that the outlet itself writes, outside of batches.
    pub fn add(&self, bytes: usize) {
        self.0.sent.fetch_add(bytes as u64, Relaxed);
    }

    /// Removes bytes that do not pass through the socket, such as those that the outlet has
    /// gathered.
    pub fn remove(&self, bytes: usize) {
        self.0.gone.fetch_add(bytes as u64, Relaxed);
    }

    /// Returns whether at most half of the limit is waiting.
    pub fn has_capacity(&self) -> bool {
        self.waiting() <= self.0.limit / 2
    }

    /// Returns whether nothing is waiting.
    pub(crate) fn is_empty(&self) -> bool {
        self.waiting() == 0
    }

    fn is_full(&self) -> bool {
        self.waiting() >= self.0.limit
    }

    fn waiting(&self) -> u64 {
        let written = self.0.socket.as_ref().map_or(0, |socket| socket.written());
        self.0
            .sent
            .load(Relaxed)
            .saturating_sub(written + self.0.gone.load(Relaxed))
    }
}

/// The time at which a client was last heard from. The outlet writes it, and the connection reads
/// it when a deadline comes. So hearing from a client costs no message and no timer.
#[derive(Clone, Debug)]
pub struct LastHeard(Arc<LastHeardState>);

#[derive(Debug)]
struct LastHeardState {
    start: Instant,
    millis: AtomicU64,
}

impl Default for LastHeard {
    fn default() -> Self {
        Self(Arc::new(LastHeardState {
            start: Instant::now(),
            millis: AtomicU64::new(0),
        }))
    }
}

impl LastHeard {
    /// Notes that the client was heard from now.
    pub fn note(&self) {
        self.0.millis.store(
            u64::try_from(self.0.start.elapsed().as_millis()).unwrap_or(u64::MAX),
            Relaxed,
        );
    }

    /// Returns the time at which the client was last heard from.
    pub(crate) fn get(&self) -> Instant {
        self.0.start + Duration::from_millis(self.0.millis.load(Relaxed))
    }
}

/// An outlet as the broker holds it: the recipients of its messages, and the state that both sides
/// share.
#[derive(Clone, Debug)]
pub struct Outlet {
    /// The kind of transport, by which it is counted and logged.
    pub transport: Transport,
    /// Takes batches of entries.
    pub batches: Recipient<Batch>,
    /// Answers when the outlet can take more.
    pub capacity: Recipient<AwaitCapacity>,
    /// Takes the order to end.
    pub shut: Recipient<Shut>,
    /// The bytes that wait for the client.
    pub queue: Queue,
    /// The time at which the client was last heard from.
    pub last_heard: LastHeard,
    /// The socket of the transport.
    pub socket: Arc<dyn Socket>,
}

impl Outlet {
    /// Returns whether the queue can take more.
    pub(crate) fn has_capacity(&self) -> bool {
        !self.queue.is_full()
    }

    /// Sends a batch unless the outlet's mailbox is full or the outlet is gone. Returns whether it
    /// was sent.
    pub(crate) fn try_send(&self, batch: Batch) -> bool {
        let bytes = batch.list.size();
        self.queue.add(bytes);
        let is_sent = self.batches.try_send(batch).is_ok();
        if !is_sent {
            self.queue.remove(bytes);
        }
        is_sent
    }

    /// Tells the outlet to end. If the outlet cannot end because its socket is stuck, the socket is
    /// cut after `grace`.
    pub(crate) fn shut(&self, reason: CloseReason, grace: Duration) {
        #[expect(
            clippy::disallowed_methods,
            reason = "one message in an outlet's life; a full queue must not keep it open"
        )]
        self.shut.do_send(Shut(reason));
        let (shut, socket) = (self.shut.clone(), self.socket.clone());
        actix::spawn(async move {
            sleep_in_steps(grace).await;
            // The socket may serve other requests once its poll has ended.
            if shut.connected() {
                socket.cut();
            }
        });
    }
}
