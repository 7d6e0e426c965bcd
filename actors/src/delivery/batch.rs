//! One pass over the subscribers of a log: what each is sent, encoded once for all who are at the same place.

use std::time::Duration;

use actix::prelude::*;

use super::{Aftermath, Subscriber};
use crate::core::log::{Entry, Epoch, Log};
use crate::counters::Counters;
use crate::error::{CloseReason, Lost};
use crate::list::List;
use crate::name::{ConnId, UserName};
use crate::outlet::{Frames, Room};
use crate::protocol::event;
use crate::transport::ByTransport;

/// So much is put into one list when there is much to send.
const LIST_BYTES: usize = 16 << 10;

/// What it had not read is gone. An outlet that is stuck cannot say so; its socket is cut then.
fn too_slow(subscriber: &mut Subscriber, grace: Duration) {
    if let Some(listening) = subscriber.listening.take() {
        listening.outlet.shut(CloseReason::TooSlow, grace);
    }
}

/// Why a subscriber is not up to date.
enum Behind {
    /// Its queue is full; this is whom to ask for room.
    Full(Recipient<Room>),
    /// It has asked for room already.
    Waiting,
    /// What follows its position is gone.
    Lost,
}

/// One pass over subscribers. Most are at the same place and may see the same: the list is encoded once and kept for the next.
pub(super) struct Batch<'a> {
    log: &'a Log,
    counters: &'a Counters,
    last: Option<Prepared>,
    /// How many events were sent.
    pub(super) sent: ByTransport<u64>,
}

struct Prepared {
    after: u64,
    missed_up_to: u64,
    frames: Frames,
}

impl<'a> Batch<'a> {
    pub(super) fn new(log: &'a Log, counters: &'a Counters) -> Self {
        Self { log, counters, last: None, sent: ByTransport::default() }
    }

    /// Sends a subscriber what lies after its position and sees to it if it cannot take all.
    pub(super) fn pass(&mut self, conn_id: ConnId, subscriber: &mut Subscriber, grace: Duration, aftermath: &mut Aftermath) {
        match self.send(subscriber) {
            Ok(()) | Err(Behind::Waiting) => {}
            Err(Behind::Full(room)) => {
                self.counters.count_full_queue();
                aftermath.full.push((conn_id, subscriber.generation, room));
            }
            Err(Behind::Lost) => {
                self.counters.count_too_slow();
                too_slow(subscriber, grace);
            }
        }
    }

    /// List by list, until it is up to date.
    fn send(&mut self, subscriber: &mut Subscriber) -> Result<(), Behind> {
        while subscriber.position < self.log.end() {
            let Some(listening) = &mut subscriber.listening else { break };
            if listening.is_waiting {
                // It finds these entries later, unless the log loses them first.
                return Err(if subscriber.position < self.log.oldest_position() { Behind::Lost } else { Behind::Waiting });
            }
            let frames = self.frames_for(subscriber.position, subscriber.missed_up_to, &subscriber.user);
            let frames = frames.map_err(|Lost| Behind::Lost)?;
            let (last, count, transport) = (frames.last, frames.count, listening.outlet.transport);
            if count > 0 {
                if !listening.outlet.try_send(frames) {
                    listening.is_waiting = true;
                    return Err(Behind::Full(listening.outlet.room.clone()));
                }
                subscriber.sent = Some(last);
            }
            subscriber.position = last;
            *self.sent.of(transport) += count;
        }
        Ok(())
    }

    fn frames_for(&mut self, after: u64, missed_up_to: u64, user: &UserName) -> Result<Frames, Lost> {
        // Beyond the end of what it missed the mark makes no difference.
        let missed_up_to = if missed_up_to > after { missed_up_to } else { 0 };
        if let Some(prepared) = &self.last
            && prepared.after == after
            && prepared.missed_up_to == missed_up_to
        {
            return Ok(prepared.frames.clone());
        }
        let (frames, is_shared) = list(self.log, after, missed_up_to, user)?;
        if is_shared {
            self.last = Some(Prepared { after, missed_up_to, frames: frames.clone() });
        }
        Ok(frames)
    }
}

/// The entries after a position as a list, for `user`; and whether it is the same for everyone.
fn list(log: &Log, after: u64, missed_up_to: u64, user: &UserName) -> Result<(Frames, bool), Lost> {
    let epoch: Epoch = log.epoch();
    let (mut last, mut count, mut is_shared) = (after, 0, true);
    let mut list = String::from("[");
    for entry in log.after(after)? {
        let missed = entry.offset <= missed_up_to;
        if let Some(body) = readable(entry, missed, user, &mut is_shared) {
            if count > 0 {
                if list.len() + body.len() > LIST_BYTES {
                    break;
                }
                list.push(',');
            }
            if missed {
                body.write_caught_up(&mut list);
            } else {
                list.push_str(body.live());
            }
            count += 1;
        }
        last = entry.offset;
    }
    list.push(']');
    Ok((Frames { epoch, after, last, count, list: List::new(&list) }, is_shared))
}

fn readable<'a>(entry: &'a Entry, missed: bool, user: &UserName, is_shared: &mut bool) -> Option<&'a event::Body> {
    if missed && !entry.kept {
        return None;
    }
    if !entry.route.is_open() {
        *is_shared = false;
        if !entry.route.allows(user) {
            return None;
        }
    }
    entry.body.as_ref()
}
