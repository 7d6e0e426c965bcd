//! Batches of entries, encoded once for all subscribers that stand at the same position and may see
//! the same entries.
//!
//! The latest batches are kept, so that clients that return at the same time, and slow clients that
//! follow one another, share the bytes too.

use std::collections::VecDeque;

use crate::core::entry::Entry;
use crate::core::log::Log;
use crate::core::route::Route;
use crate::error::Lost;
use crate::list::List;
use crate::name::UserName;
use crate::outlet::Batch;

/// The size in bytes at which a batch ends although more entries follow.
const BATCH_BYTES: usize = 16 << 10;

/// The largest number of bytes in the kept batches of a log. One batch is always kept.
const KEPT_BYTES: usize = 512 << 10;

/// The largest number of kept batches. It is small, because they are searched one by one.
const KEPT_BATCHES: usize = 8;

/// The batches that were encoded last, the latest first.
#[derive(Default)]
pub(super) struct BatchCache {
    kept: VecDeque<KeptBatch>,
    /// The number of bytes in the kept batches.
    bytes: usize,
    /// The revision of the log that the batches show. An edit or a deletion makes them wrong.
    revision: u64,
}

/// A batch that is right for every user whom none of its routes names.
struct KeptBatch {
    missed_up_to: u64,
    batch: Batch,
    /// The routes that are not open to all: those of its entries, and those of the entries that it
    /// leaves out.
    routes: Vec<Route>,
}

impl KeptBatch {
    fn is_for(&self, after: u64, missed_up_to: u64, user: &UserName) -> bool {
        // The `catchup` mark is the same for the whole batch, or changes at the same entry.
        let whole = |up_to: u64| up_to >= self.batch.last;
        let is_marked_alike =
            self.missed_up_to == missed_up_to || (whole(self.missed_up_to) && whole(missed_up_to));
        self.batch.after == Some(after)
            && is_marked_alike
            && !self.routes.iter().any(|route| route.names(user))
    }
}

impl BatchCache {
    /// Returns the entries after a position that one batch holds and this user may see. The entries
    /// up to `missed_up_to` are marked as caught up.
    ///
    /// # Errors
    /// Returns [`Lost`] when entries after the position have left the log.
    pub(super) fn get(
        &mut self,
        log: &Log,
        after: u64,
        missed_up_to: u64,
        user: &UserName,
    ) -> Result<Batch, Lost> {
        if self.revision != log.revision() {
            self.clear();
            self.revision = log.revision();
        }
        if let Some(kept) = self
            .kept
            .iter()
            .find(|kept| kept.is_for(after, missed_up_to, user))
        {
            return Ok(kept.batch.clone());
        }
        let (batch, routes) = encode(log, after, missed_up_to, user)?;
        if !routes.iter().any(|route| route.names(user)) {
            self.keep(KeptBatch {
                missed_up_to,
                batch: batch.clone(),
                routes,
            });
        }
        Ok(batch)
    }

    fn keep(&mut self, kept: KeptBatch) {
        self.bytes += kept.batch.list.size();
        self.kept.push_front(kept);
        while self.kept.len() > 1 && (self.kept.len() > KEPT_BATCHES || self.bytes > KEPT_BYTES) {
            let oldest = self.kept.pop_back();
            self.bytes -= oldest.map_or(0, |oldest| oldest.batch.list.size());
        }
    }

    /// Forgets all batches.
    pub(super) fn clear(&mut self) {
        *self = Self {
            revision: self.revision,
            ..Self::default()
        };
    }
}

/// Encodes the entries after a position. Also returns the routes that are not open to all.
fn encode(
    log: &Log,
    after: u64,
    missed_up_to: u64,
    user: &UserName,
) -> Result<(Batch, Vec<Route>), Lost> {
    let (mut last, mut count, mut messages, mut routes) = (after, 0, 0, Vec::new());
    let mut list = String::from("[");
    for entry in log.after(after)? {
        let is_missed = entry.offset <= missed_up_to;
        let body = entry
            .body
            .as_ref()
            .filter(|_| is_for(entry, is_missed, user));
        if let Some(body) = body {
            if count > 0 {
                if list.len() + body.len() > BATCH_BYTES {
                    break;
                }
                list.push(',');
            }
            if is_missed {
                body.write_caught_up(&mut list);
            } else {
                list.push_str(body.live());
            }
            count += 1;
            messages += u64::from(entry.is_message());
        }
        if !entry.route.is_open() {
            routes.push(entry.route.clone());
        }
        last = entry.offset;
    }
    list.push(']');
    Ok((
        Batch {
            epoch: log.epoch(),
            after: Some(after),
            last,
            count,
            messages,
            list: List::new(&list),
        },
        routes,
    ))
}

fn is_for(entry: &Entry, is_missed: bool, user: &UserName) -> bool {
    (entry.kept || !is_missed) && entry.route.allows(user)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::core::entry::Record;
    use crate::limits::Retention;
    use crate::name::MessageId;
    use crate::position::Epoch;
    use crate::protocol::event;
    use crate::protocol::message::{Address, Message, MessageMemory};
    use crate::protocol::timestamp::Moment;

    const LENGTH: u64 = 30;

    fn user(name: &str) -> UserName {
        UserName::new(name)
    }

    /// A log whose entries are for all, for all but one, or for some.
    fn log() -> (Log, MessageId) {
        let retention = Retention {
            frames: 100,
            age: Duration::MAX,
            length: 100,
            bytes: usize::MAX,
        };
        let (mut log, now, mut id) = (
            Log::new(Epoch::random(), retention),
            Moment::from_micros(1),
            MessageId::random(),
        );
        for number in 0..LENGTH {
            let only = |users: &[&str]| Address {
                pm_users: users.iter().map(|name| user(name)).collect(),
                ..Address::default()
            };
            let route = match number % 5 {
                0 => Route::all_but(user("alice")),
                1 => Route::of(&only(&["bob", "carol"])),
                _ => Route::open(),
            };
            id = MessageId::random();
            let address = Address::default();
            let message = Message {
                address,
                uuid: id,
                timestamp: now.into(),
                user: user("x"),
                message: None,
                edited: None,
                held: MessageMemory::default(),
            };
            let body = event::message(&message);
            log.push(
                Record {
                    id,
                    route,
                    kept: number % 7 > 0,
                    is_in_history: false,
                    body,
                    message: Some(Arc::new(message)),
                },
                now,
            );
        }
        (log, id)
    }

    #[test]
    fn a_shared_batch_equals_the_batch_for_each_user_alone() {
        let (log, _) = log();
        let mut batches = BatchCache::default();
        for after in [0, 3, 17] {
            for missed_up_to in [0, 10, LENGTH, LENGTH + 5] {
                for name in ["dave", "alice", "eve", "bob", "dave", "carol"] {
                    let shared = batches.get(&log, after, missed_up_to, &user(name)).unwrap();
                    let (alone, _) = encode(&log, after, missed_up_to, &user(name)).unwrap();
                    assert_eq!(
                        shared.list.text(),
                        alone.list.text(),
                        "{name} after {after}, missed up to {missed_up_to}"
                    );
                    assert_eq!(
                        (shared.last, shared.count, shared.messages),
                        (alone.last, alone.count, alone.messages)
                    );
                }
            }
        }
    }

    #[test]
    fn users_whom_no_route_names_share_the_bytes() {
        let (log, _) = log();
        let mut batches = BatchCache::default();
        let bytes = |batch: Batch| batch.list.frame().as_ptr();
        let dave = bytes(batches.get(&log, 0, LENGTH, &user("dave")).unwrap());
        let alice = bytes(batches.get(&log, 0, LENGTH, &user("alice")).unwrap());
        let eve = bytes(batches.get(&log, 0, LENGTH + 1, &user("eve")).unwrap());
        assert!(dave == eve && dave != alice);
    }

    #[test]
    fn a_deleted_message_is_in_no_batch_that_was_kept() {
        let (mut log, last) = log();
        let mut batches = BatchCache::default();
        let before = batches.get(&log, LENGTH - 1, 0, &user("dave")).unwrap();
        log.erase(last);
        let after = batches.get(&log, LENGTH - 1, 0, &user("dave")).unwrap();
        assert_eq!((before.count, after.count), (1, 0));
    }
}
