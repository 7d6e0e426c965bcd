//! One pass over the subscribers of a log. Each is sent the entries after its cursor, until its
//! outlet is full.

use crate::common::Common;
use crate::core::cursor::Next;
use crate::core::log::Log;
use crate::delivery::batches::BatchCache;
use crate::delivery::subscriber::{FullOutlet, Subscriber};
use crate::error::{CloseReason, Lost};
use crate::list::List;
use crate::name::{ChannelName, ConnId, MessageId};
use crate::outlet::Batch;
use crate::protocol::event;
use crate::protocol::timestamp::Moment;
use crate::transport::ByTransport;

/// A pass over subscribers, and its totals.
pub(super) struct Pass<'a> {
    pub(super) log: &'a Log,
    pub(super) channel: Option<&'a ChannelName>,
    pub(super) common: &'a Common,
    pub(super) batches: &'a mut BatchCache,
    /// The outlets that are full now, and must be asked for capacity.
    pub(super) full: &'a mut Vec<FullOutlet>,
    pub(super) totals: PassTotals,
}

/// The totals of a pass.
#[derive(Default)]
pub(super) struct PassTotals {
    /// The number of events that were sent.
    pub(super) sent: ByTransport<u64>,
    /// The number of these events that are messages.
    pub(super) messages: u64,
    /// The number of these events that say that entries are gone.
    pub(super) gaps: u64,
    /// The number of subscribers that lost their outlet.
    pub(super) removed_outlets: usize,
}

impl Pass<'_> {
    /// Sends a subscriber batch after batch, until it is up to date or its outlet is full.
    pub(super) fn serve(&mut self, conn_id: ConnId, subscriber: &mut Subscriber) {
        while let Some(attached) = &mut subscriber.outlet {
            let next = subscriber.cursor.next(self.log);
            let is_gap = matches!(next, Next::Gap { .. });
            let batch = match next {
                Next::UpToDate => return,
                Next::Lost => Err(Lost),
                // A subscriber whose outlet is full is sent the new entries later, unless they
                // leave the log first.
                _ if attached.is_full => return,
                // Checked before the batch is made, because a batch that cannot be sent need not be
                // encoded.
                _ if !attached.outlet.has_capacity() => {
                    self.note_full(conn_id, subscriber);
                    return;
                }
                Next::Gap { after, last } => Ok(self.gap(after, last)),
                Next::Entries {
                    after,
                    missed_up_to,
                } => self
                    .batches
                    .get(self.log, after, missed_up_to, &subscriber.user),
            };
            let Ok(batch) = batch else {
                self.remove_outlet(subscriber);
                return;
            };
            let (last, count, messages) = (batch.last, batch.count, batch.messages);
            let transport = attached.outlet.transport;
            if count == 0 {
                subscriber.cursor.passed(last);
            } else if attached.outlet.try_send(batch) {
                subscriber.cursor.sent(last);
                *self.totals.sent.of(transport) += count;
                self.totals.messages += messages;
                self.totals.gaps += u64::from(is_gap);
            } else {
                self.note_full(conn_id, subscriber);
                return;
            }
        }
    }

    fn note_full(&mut self, conn_id: ConnId, subscriber: &mut Subscriber) {
        if let Some(attached) = &mut subscriber.outlet {
            attached.is_full = true;
            self.common.counters().count_full_queue();
            self.full.push(FullOutlet {
                conn_id,
                generation: subscriber.cursor.generation(),
                capacity: attached.outlet.capacity.clone(),
            });
        }
    }

    /// Encodes the event that says that entries are gone (`protocol.md` §13).
    fn gap(&self, after: Option<u64>, last: u64) -> Batch {
        let gap = event::gap(MessageId::random(), self.channel, Moment::now().into());
        Batch {
            epoch: self.log.epoch(),
            after,
            last,
            count: 1,
            messages: 0,
            list: List::new(&format!("[{gap}]")),
        }
    }

    /// Removes the outlet of a subscriber whose unread entries have left the log. The outlet may be
    /// stuck and unable to tell its client; then its socket is cut.
    fn remove_outlet(&mut self, subscriber: &mut Subscriber) {
        if let Some(attached) = subscriber.outlet.take() {
            self.totals.removed_outlets += 1;
            self.common.counters().count_too_slow();
            attached
                .outlet
                .shut(CloseReason::TooSlow, self.common.limits().close_grace);
        }
    }
}
