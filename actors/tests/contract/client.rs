//! The virtual client of a connection. Its transports follow one another.

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

/// The offset up to which a client has read each log, as the server has told it.
pub(crate) type Known = BTreeMap<Epoch, u64>;

/// A client, whose transports follow one another.
#[derive(Default)]
pub(crate) struct Client {
    /// The position that the client can report: the end of the last batch that it has read of each
    /// log.
    pub(crate) known: Rc<RefCell<Known>>,
    /// The ends of transports since the last call of [`Client::take_ends`].
    ends: Rc<RefCell<Vec<Ended>>>,
    /// The latest transport.
    transport: Option<Rc<RefCell<Transport>>>,
    socket: Arc<VirtualSocket>,
    /// Whether the store keeps what the client is presumed to have read. This is so if the
    /// connection was last noted while the server stopped in order.
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
        // Batches that the former transport received and nobody has checked yet are checked with
        // those of the new one.
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

    /// Records that the store has noted the connection again.
    pub(crate) fn touch(&mut self) {
        self.keeps_presumed = false;
    }

    /// Gives the latest transport its attachment; `None` if the connection does not exist.
    pub(crate) fn attached(&mut self, attachment: Option<Attachment>) {
        match (attachment, &self.transport) {
            (Some(attachment), Some(transport)) => transport.borrow_mut().attached(attachment),
            _ => self.transport = None,
        }
    }

    /// Returns the kind of the attached transport, and whether its queue is narrow.
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

    /// Returns whether a transport was lost since the last call of [`Client::take_ends`].
    pub(crate) fn is_lost(&self) -> bool {
        self.ends.borrow().iter().any(|ended| ended.is_lost)
    }

    /// Returns the ends of transports since the last call.
    pub(crate) fn take_ends(&mut self) -> Vec<Ended> {
        self.ends.take()
    }

    /// Returns the batches that have arrived since the last call.
    pub(crate) fn take_arrived(&mut self) -> Vec<Batch> {
        let transport = self.transport.as_ref();
        transport.map_or_else(Vec::new, |transport| {
            std::mem::take(&mut transport.borrow_mut().arrived)
        })
    }

    /// Returns the batches that the client has read since the last call.
    pub(crate) fn take_read(&mut self) -> Vec<Batch> {
        let transport = self.transport.as_ref();
        transport.map_or_else(Vec::new, |transport| {
            std::mem::take(&mut transport.borrow_mut().read)
        })
    }

    /// Returns the report of the transport if another one takes over.
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

    /// Reads batches with this many events, and the gaps before them.
    pub(crate) fn read(&mut self, events: usize, is_confirmed: bool, is_reported: bool) {
        if let Some(transport) = &self.transport {
            let mut transport = transport.borrow_mut();
            transport.read(events, is_confirmed);
            if is_reported {
                transport.report();
            }
        }
    }

    /// Reads the batches that the client may read, in the order in which they came.
    pub(crate) fn read_if(
        &mut self,
        may_read: impl Fn(&Batch) -> bool,
        is_confirmed: bool,
        is_reported: bool,
    ) {
        if let Some(transport) = &self.transport {
            let mut transport = transport.borrow_mut();
            transport.read_if(may_read, is_confirmed);
            if is_reported {
                transport.report();
            }
        }
    }

    /// Ends the attached transport.
    pub(crate) fn end(&mut self, ending: Ending) {
        if let Some(transport) = &self.transport {
            transport.borrow_mut().end(ending, None, false);
        }
    }

    /// Ends the attached transport as after a notice that the server stops. The connection itself
    /// goes on in this process.
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

    /// Ends the attached transport with its last report, which is all that a store knows of it. Of
    /// an answered poll, the store knows only what is confirmed.
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
                    ..End::default()
                });
            }
        }
    }
}

/// Returns whether a batch holds a gap event.
pub(crate) fn is_gap(batch: &Batch) -> bool {
    batch.list.text().contains("\"type\":\"catchup:gap\"")
}
