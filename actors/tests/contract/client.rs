//! The virtual client of a connection, whose transports follow one another.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use actix::prelude::*;
use channelstream_actors::error::CloseReason;
use channelstream_actors::outlet::{Attachment, Batch, End, LastHeard, Outlet, Socket};
use channelstream_actors::position::{Epoch, Report};
use channelstream_actors::transport::Transport as TransportKind;

use crate::operation::{Ending, Kind};
use crate::transport::{Ended, Transport, VirtualOutlet, VirtualSocket};

/// How far a client has read, by what it was told.
pub(crate) type Known = BTreeMap<Epoch, u64>;

/// A client, whose transports follow one another.
#[derive(Default)]
pub(crate) struct Client {
    /// What the client can say of itself: the last batch that it has read of each log.
    pub(crate) known: Rc<RefCell<Known>>,
    /// How transports have ended since the last look.
    ends: Rc<RefCell<Vec<Ended>>>,
    /// The latest transport.
    transport: Option<Rc<RefCell<Transport>>>,
    socket: Arc<VirtualSocket>,
    /// Whether a store that keeps this connection keeps what the client is presumed to have read:
    /// it was noted last when the server stopped in order.
    keeps_presumed: bool,
}

impl Client {
    /// Returns an outlet for a new transport.
    pub(crate) fn open(&mut self, kind: Kind, is_narrow: bool) -> Outlet {
        if self.socket.was_reset() {
            self.socket = Arc::default();
        }
        let (known, ends) = (self.known.clone(), self.ends.clone());
        let socket = self.socket.clone();
        let transport = Transport::new((kind, is_narrow), socket, known, ends);
        let queue = transport.queue.clone();
        let transport = Rc::new(RefCell::new(transport));
        let address = VirtualOutlet(transport.clone()).start();
        // What the former transport was sent is looked at with what this one is sent.
        if let Some(former) = self.transport.replace(transport.clone()) {
            let arrived = std::mem::take(&mut former.borrow_mut().arrived);
            transport.borrow_mut().arrived = arrived;
        }
        Outlet {
            transport: match kind {
                Kind::Socket => TransportKind::Websocket,
                Kind::Stream => TransportKind::EventStream,
                Kind::Poll => TransportKind::LongPoll,
            },
            batches: address.clone().recipient(),
            capacity: address.clone().recipient(),
            shut: address.recipient(),
            queue,
            last_heard: LastHeard::default(),
            socket: self.socket.clone(),
        }
    }

    /// Notes that the connection is noted anew.
    pub(crate) fn touch(&mut self) {
        self.keeps_presumed = false;
    }

    /// Gives the latest transport its attachment; `None` where there is no such connection.
    pub(crate) fn attached(&mut self, attachment: Option<Attachment>) {
        match (attachment, &self.transport) {
            (Some(attachment), Some(transport)) => transport.borrow_mut().attached(attachment),
            _ => self.transport = None,
        }
    }

    /// Returns the kind of the transport that listens.
    pub(crate) fn listens(&self) -> Option<(Kind, bool)> {
        let transport = self.transport.as_ref()?.borrow();
        transport
            .attachment
            .as_ref()
            .map(|_| (transport.kind, transport.is_narrow))
    }

    /// Returns whether the latest transport was attached.
    pub(crate) fn has_begun(&self) -> bool {
        self.transport.is_some()
    }

    /// Returns whether a transport was lost since the last look.
    pub(crate) fn is_lost(&self) -> bool {
        self.ends.borrow().iter().any(|ended| ended.is_lost)
    }

    /// Returns how transports have ended since the last call.
    pub(crate) fn take_ends(&mut self) -> Vec<Ended> {
        self.ends.take()
    }

    /// Returns what has arrived since the last call.
    pub(crate) fn take_arrived(&mut self) -> Vec<Batch> {
        let transport = self.transport.as_ref();
        transport.map_or_else(Vec::new, |transport| {
            std::mem::take(&mut transport.borrow_mut().arrived)
        })
    }

    /// Returns what the client has read since the last call.
    pub(crate) fn take_read(&mut self) -> Vec<Batch> {
        let transport = self.transport.as_ref();
        transport.map_or_else(Vec::new, |transport| {
            std::mem::take(&mut transport.borrow_mut().read)
        })
    }

    /// Returns what the transport reports if another one takes over.
    pub(crate) fn confirmed(&self) -> Report {
        let transport = self.transport.as_ref().map(|transport| transport.borrow());
        let transport = transport
            .filter(|transport| transport.kind != Kind::Poll && transport.attachment.is_some());
        transport.map_or_else(Report::default, |transport| transport.confirmed())
    }

    /// Returns the number of unread events up to the end of each batch.
    pub(crate) fn unread(&self) -> Vec<usize> {
        let Some(transport) = &self.transport else {
            return Vec::new();
        };
        let transport = transport.borrow();
        let entries = transport.unread.iter().filter(|batch| !is_gap(batch));
        let end = |events: &mut usize, batch: &Batch| {
            *events += batch.count as usize;
            Some(*events)
        };
        entries.scan(0, end).collect()
    }

    /// The client reads batches with this many events, and what was told of gaps before them.
    pub(crate) fn read(&mut self, events: usize, is_confirmed: bool, is_reported: bool) {
        if let Some(transport) = &self.transport {
            let mut transport = transport.borrow_mut();
            transport.read(events, is_confirmed);
            if is_reported {
                transport.report();
            }
        }
    }

    /// Ends the transport that listens.
    pub(crate) fn end(&mut self, ending: Ending) {
        if let Some(transport) = &self.transport {
            transport.borrow_mut().end(ending, None, false);
        }
    }

    /// Ends the transport that listens as one that was told that the server stops, but so that the
    /// connection goes on in this process.
    pub(crate) fn end_at_restart(&mut self) {
        self.keeps_presumed = true;
        if let Some(transport) = &self.transport {
            let reason = CloseReason::Restart { wait: 1 };
            transport
                .borrow_mut()
                .end(Ending::Reported, Some(reason), true);
        }
    }

    /// Loses the transport together with the process that it was attached to.
    pub(crate) fn lose(&mut self) {
        self.transport = None;
        self.socket = Arc::default();
    }

    /// Ends the transport that listens with what it has reported before, which is what a store
    /// knows of it. Of a poll that was answered it knows only what is certain.
    pub(crate) fn end_at_crash(&mut self) {
        if !self.keeps_presumed {
            self.socket.reset();
        }
        if let Some(transport) = self.transport.take() {
            let mut transport = transport.borrow_mut();
            if let Some(attachment) = transport.attachment.take() {
                attachment.end(End {
                    report: Some(transport.reported.clone()),
                    returns: true,
                    presumed: None,
                });
            }
        }
    }
}

/// Returns whether a batch tells of a gap.
pub(crate) fn is_gap(batch: &Batch) -> bool {
    batch.list.text().contains("\"type\":\"catchup:gap\"")
}
