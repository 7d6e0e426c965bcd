//! Lists of entries, encoded once for all subscribers that are at the same place and may see the
//! same.
//!
//! The lists of the last positions are kept, so that a crowd that returns, and slow clients behind
//! one another, share the bytes too.

use std::collections::VecDeque;

use crate::core::log::{Entry, Log};
use crate::core::route::Route;
use crate::error::Lost;
use crate::list::List;
use crate::name::UserName;
use crate::outlet::Frames;

/// A list is closed at this size if there is more to send.
const LIST_BYTES: usize = 16 << 10;

/// All kept lists of a log together are at most this large, but one list is always kept.
const KEPT_BYTES: usize = 512 << 10;

/// At most this many lists are kept: they are looked through one by one.
const KEPT_LISTS: usize = 8;

/// The lists that were encoded last, the latest first.
#[derive(Default)]
pub(super) struct Lists {
    kept: VecDeque<Shared>,
    bytes: usize,
    /// Of the log when the lists were encoded: an edit or a deletion makes them wrong.
    revision: u64,
}

/// A list for everyone whom none of its routes names.
struct Shared {
    missed_up_to: u64,
    frames: Frames,
    /// The routes of its entries, those left out too, that are not open to all.
    routes: Vec<Route>,
}

impl Shared {
    fn is_for(&self, after: u64, missed_up_to: u64, user: &UserName) -> bool {
        // The mark is the same for the whole list, or changes at the same entry.
        let whole = |up_to: u64| up_to >= self.frames.last;
        let is_marked_alike =
            self.missed_up_to == missed_up_to || (whole(self.missed_up_to) && whole(missed_up_to));
        self.frames.after == after
            && is_marked_alike
            && !self.routes.iter().any(|route| route.names(user))
    }
}

impl Lists {
    /// Returns the entries after a position, as far as one list holds them, as this user may see
    /// them. `missed_up_to`: the entries up to this offset are marked as caught up.
    ///
    /// # Errors
    /// [`Lost`] when entries after the position have left the log.
    pub(super) fn frames(
        &mut self,
        log: &Log,
        after: u64,
        missed_up_to: u64,
        user: &UserName,
    ) -> Result<Frames, Lost> {
        if self.revision != log.revision() {
            self.clear();
            self.revision = log.revision();
        }
        if let Some(shared) = self
            .kept
            .iter()
            .find(|shared| shared.is_for(after, missed_up_to, user))
        {
            return Ok(shared.frames.clone());
        }
        let (frames, routes) = encode(log, after, missed_up_to, user)?;
        if !routes.iter().any(|route| route.names(user)) {
            self.keep(Shared {
                missed_up_to,
                frames: frames.clone(),
                routes,
            });
        }
        Ok(frames)
    }

    fn keep(&mut self, shared: Shared) {
        self.bytes += shared.frames.list.size();
        self.kept.push_front(shared);
        while self.kept.len() > 1 && (self.kept.len() > KEPT_LISTS || self.bytes > KEPT_BYTES) {
            self.bytes -= self
                .kept
                .pop_back()
                .map_or(0, |oldest| oldest.frames.list.size());
        }
    }

    /// Forgets all lists.
    pub(super) fn clear(&mut self) {
        *self = Self {
            revision: self.revision,
            ..Self::default()
        };
    }
}

/// Encodes the entries after a position, and says which of them were not open to all.
fn encode(
    log: &Log,
    after: u64,
    missed_up_to: u64,
    user: &UserName,
) -> Result<(Frames, Vec<Route>), Lost> {
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
                if list.len() + body.len() > LIST_BYTES {
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
        Frames {
            epoch: log.epoch(),
            after,
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
    use crate::core::log::{Epoch, Record, Retention};
    use crate::name::MessageId;
    use crate::protocol::event;
    use crate::protocol::message::{Address, Message};
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
            };
            let body = event::message(&message);
            log.push(
                Record {
                    id,
                    route,
                    kept: number % 7 > 0,
                    body,
                    message: Some(Arc::new(message)),
                },
                now,
            );
        }
        (log, id)
    }

    #[test]
    fn a_shared_list_is_what_each_user_would_get_alone() {
        let (log, _) = log();
        let mut lists = Lists::default();
        for after in [0, 3, 17] {
            for missed_up_to in [0, 10, LENGTH, LENGTH + 5] {
                for name in ["dave", "alice", "eve", "bob", "dave", "carol"] {
                    let shared = lists
                        .frames(&log, after, missed_up_to, &user(name))
                        .unwrap();
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
        let mut lists = Lists::default();
        let bytes = |frames: Frames| frames.list.frame().as_ptr();
        let dave = bytes(lists.frames(&log, 0, LENGTH, &user("dave")).unwrap());
        let alice = bytes(lists.frames(&log, 0, LENGTH, &user("alice")).unwrap());
        let eve = bytes(lists.frames(&log, 0, LENGTH + 1, &user("eve")).unwrap());
        assert!(dave == eve && dave != alice);
    }

    #[test]
    fn a_deleted_message_is_in_no_list_that_was_kept() {
        let (mut log, last) = log();
        let mut lists = Lists::default();
        let before = lists.frames(&log, LENGTH - 1, 0, &user("dave")).unwrap();
        log.erase(last);
        let after = lists.frames(&log, LENGTH - 1, 0, &user("dave")).unwrap();
        assert_eq!((before.count, after.count), (1, 0));
    }
}
