//! One pass over the subscribers of a log: each is sent what lies after its cursor, as far as its
//! outlet has room.

use super::lists::Lists;
use super::{Aftermath, Subscriber};
use crate::common::Common;
use crate::core::cursor::Next;
use crate::core::log::Log;
use crate::error::{CloseReason, Lost};
use crate::list::List;
use crate::name::{ChannelName, ConnId, MessageId};
use crate::outlet::Frames;
use crate::protocol::event;
use crate::protocol::timestamp::Moment;
use crate::transport::ByTransport;

/// A pass over subscribers.
pub(super) struct Batch<'a> {
    log: &'a Log,
    channel: Option<&'a ChannelName>,
    common: &'a Common,
    lists: &'a mut Lists,
    /// How many events were sent.
    pub(super) sent: ByTransport<u64>,
    /// How many of them are messages.
    pub(super) messages: u64,
    /// How many subscribers lost their outlet.
    pub(super) cut_off: usize,
}

impl<'a> Batch<'a> {
    pub(super) fn new(
        log: &'a Log,
        channel: Option<&'a ChannelName>,
        common: &'a Common,
        lists: &'a mut Lists,
    ) -> Self {
        Self {
            log,
            channel,
            common,
            lists,
            sent: ByTransport::default(),
            messages: 0,
            cut_off: 0,
        }
    }

    /// Sends a subscriber list after list, until it is up to date or its outlet is full.
    pub(super) fn pass(
        &mut self,
        conn_id: ConnId,
        subscriber: &mut Subscriber,
        aftermath: &mut Aftermath,
    ) {
        while let Some(listening) = &mut subscriber.listening {
            let frames = match subscriber.cursor.next(self.log) {
                Next::UpToDate => return,
                Next::Lost => Err(Lost),
                // A subscriber that waits for room finds what is new later, unless the log loses it
                // first.
                _ if listening.is_waiting => return,
                // Looked at first: what cannot be sent need not be encoded.
                _ if !listening.outlet.has_capacity() => {
                    self.ask_for_room(conn_id, subscriber, aftermath);
                    return;
                }
                Next::Gap { after, last } => Ok(self.gap(after, last)),
                Next::Entries {
                    after,
                    missed_up_to,
                } => self
                    .lists
                    .frames(self.log, after, missed_up_to, &subscriber.user),
            };
            let Ok(frames) = frames else {
                self.cut_off(subscriber);
                return;
            };
            let (last, count, messages) = (frames.last, frames.count, frames.messages);
            let transport = listening.outlet.transport;
            if count == 0 {
                subscriber.cursor.passed(last);
            } else if listening.outlet.try_send(frames) {
                subscriber.cursor.sent(last);
                *self.sent.of(transport) += count;
                self.messages += messages;
            } else {
                self.ask_for_room(conn_id, subscriber, aftermath);
                return;
            }
        }
    }

    fn ask_for_room(
        &self,
        conn_id: ConnId,
        subscriber: &mut Subscriber,
        aftermath: &mut Aftermath,
    ) {
        if let Some(listening) = &mut subscriber.listening {
            listening.is_waiting = true;
            self.common.counters().count_full_queue();
            aftermath.full.push((
                conn_id,
                subscriber.cursor.generation(),
                listening.outlet.room.clone(),
            ));
        }
    }

    /// Says that entries are gone (`protocol.md` §13).
    fn gap(&self, after: u64, last: u64) -> Frames {
        let gap = event::gap(MessageId::random(), self.channel, Moment::now().into());
        Frames {
            epoch: self.log.epoch(),
            after,
            last,
            count: 1,
            messages: 0,
            list: List::new(&format!("[{gap}]")),
        }
    }

    /// What the subscriber had not read is gone. Its outlet may be stuck and cannot say so; its
    /// socket is cut then.
    fn cut_off(&mut self, subscriber: &mut Subscriber) {
        if let Some(listening) = subscriber.listening.take() {
            self.cut_off += 1;
            self.common.counters().count_too_slow();
            listening
                .outlet
                .shut(CloseReason::TooSlow, self.common.limits().close_grace);
        }
    }
}
