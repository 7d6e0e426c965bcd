//! The transports of virtual clients. They do what a real transport does, without a socket.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::ready;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use actix::prelude::*;
use channelstream_actors::error::CloseReason;
use channelstream_actors::outlet::{
    Attachment, AwaitCapacity, Batch, End, Presumed, Queue, Shut, Socket,
};
use channelstream_actors::position::{Epoch, Report};
use tokio::sync::oneshot;

use crate::client::{Known, is_gap};
use crate::operation::{Ending, Kind};

/// The number of bytes that a narrow queue takes.
const NARROW: usize = 300;

/// The number of bytes that any other queue takes.
const WIDE: usize = 1 << 20;

/// The socket of a client.
#[derive(Debug, Default)]
pub(crate) struct VirtualSocket {
    was_reset: AtomicBool,
}

impl VirtualSocket {
    /// Resets the connection before its answer is read.
    pub(crate) fn reset(&self) {
        self.was_reset.store(true, Relaxed);
    }
}

impl Socket for VirtualSocket {
    fn cut(&self) {}

    fn was_reset(&self) -> bool {
        self.was_reset.load(Relaxed)
    }

    fn written(&self) -> u64 {
        0
    }
}

/// A transport, as both its outlet and its client see it.
pub(crate) struct Transport {
    pub(crate) kind: Kind,
    pub(crate) is_narrow: bool,
    pub(crate) queue: Queue,
    socket: Arc<VirtualSocket>,
    known: Rc<RefCell<Known>>,
    /// The batches that have arrived since the last check.
    pub(crate) arrived: Vec<Batch>,
    /// The batches that have arrived and that the client has not read.
    pub(crate) unread: VecDeque<Batch>,
    /// The number of bytes in a narrow queue.
    waiting_bytes: usize,
    /// The batches that the client has read since the last check.
    pub(crate) read: Vec<Batch>,
    progress: Vec<LogProgress>,
    /// The last report while the transport was attached.
    pub(crate) reported: Report,
    pub(crate) attachment: Option<Attachment>,
    /// The callers that wait until the queue takes more.
    waiting: Vec<oneshot::Sender<()>>,
    /// The reason to end, if it came before the attachment.
    shut: Option<CloseReason>,
    has_ended: bool,
    ends: Rc<RefCell<Vec<Ended>>>,
}

/// The end of a transport.
#[derive(Clone, Debug)]
pub(crate) struct Ended {
    /// The report of the transport about its client.
    pub(crate) report: Option<Report>,
    /// The position that the client is presumed to have read.
    pub(crate) presumed: Option<Report>,
    /// Whether the transport was lost, rather than replaced or answered.
    pub(crate) is_lost: bool,
    /// The reason why the transport was told to end, if it was.
    pub(crate) reason: Option<CloseReason>,
}

/// The offsets that a transport keeps of one log.
struct LogProgress {
    epoch: Epoch,
    sent: u64,
    confirmed: Option<u64>,
}

/// The outlet of a transport.
pub(crate) struct VirtualOutlet(pub(crate) Rc<RefCell<Transport>>);

impl Actor for VirtualOutlet {
    type Context = Context<Self>;
}

impl Handler<Batch> for VirtualOutlet {
    type Result = ();

    fn handle(&mut self, batch: Batch, _: &mut Context<Self>) {
        self.0.borrow_mut().take(batch);
    }
}

impl Handler<AwaitCapacity> for VirtualOutlet {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, _: AwaitCapacity, _: &mut Context<Self>) -> Self::Result {
        let mut transport = self.0.borrow_mut();
        if transport.waiting_bytes == 0 {
            return Box::pin(ready(()));
        }
        let (has_capacity, waited) = oneshot::channel();
        transport.waiting.push(has_capacity);
        Box::pin(async move { waited.await.unwrap_or_default() })
    }
}

impl Handler<Shut> for VirtualOutlet {
    type Result = ();

    fn handle(&mut self, Shut(reason): Shut, context: &mut Context<Self>) {
        self.0.borrow_mut().shut(reason);
        context.stop();
    }
}

impl Transport {
    pub(crate) fn new(
        (kind, is_narrow): (Kind, bool),
        socket: Arc<VirtualSocket>,
        known: Rc<RefCell<Known>>,
        ends: Rc<RefCell<Vec<Ended>>>,
    ) -> Self {
        Self {
            kind,
            is_narrow,
            queue: Queue::of_gatherer(WIDE),
            socket,
            known,
            arrived: Vec::new(),
            unread: VecDeque::new(),
            waiting_bytes: 0,
            read: Vec::new(),
            progress: Vec::new(),
            reported: Report::default(),
            attachment: None,
            waiting: Vec::new(),
            shut: None,
            has_ended: false,
            ends,
        }
    }

    pub(crate) fn attached(&mut self, attachment: Attachment) {
        self.attachment = Some(attachment);
        if self.is_narrow {
            self.queue.add(WIDE - NARROW);
        }
        if let Some(reason) = self.shut.take() {
            self.shut(reason);
        }
    }

    fn take(&mut self, batch: Batch) {
        if self.has_ended {
            return;
        }
        // What a client has missed takes no room. Brokers may divide it into batches differently,
        // and one of them may send a gap that the other does not send.
        if self.is_narrow && self.attachment.is_some() {
            self.waiting_bytes += batch.list.size();
        } else {
            self.queue.remove(batch.list.size());
        }
        let log = self
            .progress
            .iter_mut()
            .find(|log| log.epoch == batch.epoch);
        match log {
            Some(log) => log.sent = batch.last,
            None => self.progress.push(LogProgress {
                epoch: batch.epoch,
                sent: batch.last,
                confirmed: batch.after,
            }),
        }
        self.arrived.push(batch.clone());
        self.unread.push_back(batch);
    }

    pub(crate) fn read(&mut self, events: usize, is_confirmed: bool) {
        let mut left = events;
        while let Some(batch) = self.unread.front() {
            if !is_gap(batch) {
                let Some(rest) = left.checked_sub(batch.count as usize) else {
                    break;
                };
                left = rest;
            }
            let Some(batch) = self.unread.pop_front() else {
                break;
            };
            self.has_read(batch, is_confirmed);
        }
        self.make_room();
    }

    /// Reads the batches that the client may read. In each log it reads none after one that it may
    /// not read.
    pub(crate) fn read_if(&mut self, may_read: impl Fn(&Batch) -> bool, is_confirmed: bool) {
        let mut ended = Vec::new();
        for batch in std::mem::take(&mut self.unread) {
            if !ended.contains(&batch.epoch) && may_read(&batch) {
                self.has_read(batch, is_confirmed);
            } else {
                ended.push(batch.epoch);
                self.unread.push_back(batch);
            }
        }
        self.make_room();
    }

    /// Notes that the client has read a batch.
    fn has_read(&mut self, batch: Batch, is_confirmed: bool) {
        if is_confirmed
            && self.kind == Kind::Socket
            && let Some(log) = self
                .progress
                .iter_mut()
                .find(|log| log.epoch == batch.epoch)
        {
            log.confirmed = Some(batch.last);
        }
        let mut known = self.known.borrow_mut();
        let known = known.entry(batch.epoch).or_default();
        // A gap that is sent again moves nothing back, since the other broker's client gets no
        // gap.
        *known = if is_gap(&batch) {
            batch.last.max(*known)
        } else {
            batch.last
        };
        self.read.push(batch);
    }

    fn make_room(&mut self) {
        // A client that reads takes everything that waits in the queue.
        if !self.read.is_empty() {
            self.queue.remove(std::mem::take(&mut self.waiting_bytes));
            for waiting in self.waiting.drain(..) {
                let _ = waiting.send(());
            }
        }
    }

    pub(crate) fn confirmed(&self) -> Report {
        let confirmed = |log: &LogProgress| Some((log.epoch, log.confirmed?));
        self.progress.iter().filter_map(confirmed).collect()
    }

    pub(crate) fn report(&mut self) {
        if self.kind == Kind::Socket
            && let Some(attachment) = &self.attachment
        {
            self.reported = self.confirmed();
            attachment.report(self.reported.clone());
        }
    }

    fn shut(&mut self, reason: CloseReason) {
        if self.attachment.is_none() && !self.has_ended {
            self.shut = Some(reason);
            return;
        }
        if reason == CloseReason::Replaced && self.kind == Kind::Poll {
            // The newer poll gets what was gathered here.
            self.progress.clear();
        }
        self.end(Ending::Reported, Some(reason), false);
    }

    /// Ends the transport. `goes_on` says that the connection stays, as if the client was expected
    /// back.
    pub(crate) fn end(&mut self, ending: Ending, reason: Option<CloseReason>, goes_on: bool) {
        let Some(attachment) = self.attachment.take() else {
            return;
        };
        let is_replaced = reason == Some(CloseReason::Replaced);
        let is_answered = self.kind == Kind::Poll && !is_replaced && ending != Ending::Dropped;
        match ending {
            Ending::Reset if is_answered => self.socket.reset(),
            Ending::Reported if is_answered => self.read(usize::MAX, false),
            _ => {}
        }
        let sent = self.progress.iter().map(|log| (log.epoch, log.sent));
        let presumed: Option<Report> = is_answered.then(|| sent.collect());
        // A transport that has reported before also reports at its end.
        let is_reported = ending == Ending::Reported || is_answered || !self.reported.is_empty();
        let end = End {
            report: is_reported.then(|| self.confirmed()),
            returns: goes_on || is_answered,
            presumed: presumed.clone().map(|report| Presumed {
                report,
                socket: self.socket.clone(),
            }),
            ..End::default()
        };
        self.unread.clear();
        self.waiting.clear();
        self.has_ended = true;
        self.ends.borrow_mut().push(Ended {
            report: end.report.clone(),
            presumed: presumed.filter(|_| ending != Ending::Reset),
            is_lost: !is_replaced
                && !end.returns
                && !matches!(reason, Some(CloseReason::Restart { .. })),
            reason,
        });
        attachment.end(end);
    }
}
