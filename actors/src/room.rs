//! The number of actors of one kind, and the room for more.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

/// The counts of one kind of actor. Clones share them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Room(Arc<RoomState>);

#[derive(Debug, Default)]
struct RoomState {
    /// The number of actors that exist.
    present: AtomicUsize,
    /// The number of actors that the calls under way may create.
    reserved: AtomicUsize,
}

/// Room that is reserved for the actors that a call may create, until this value is dropped.
#[derive(Debug)]
pub(crate) struct Reserved {
    room: Room,
    count: usize,
}

impl Room {
    /// Counts an actor that was created.
    pub(crate) fn add(&self) {
        self.0.present.fetch_add(1, SeqCst);
    }

    /// Counts an actor that is gone.
    pub(crate) fn remove(&self) {
        self.0.present.fetch_sub(1, SeqCst);
    }

    /// Returns the number of actors.
    pub(crate) fn present(&self) -> usize {
        self.0.present.load(SeqCst)
    }

    /// Reserves room for this many more actors. Returns `None` when there would be more than
    /// `most`. A `most` of 0 means no limit.
    ///
    /// An actor counts twice from its creation until its call ends. So a call that comes during
    /// this time may be refused close to the limit although there is room, but there are never more
    /// than `most` actors.
    pub(crate) fn reserve(&self, count: usize, most: usize) -> Option<Reserved> {
        let before = self.0.reserved.fetch_add(count, SeqCst);
        let reserved = Reserved {
            room: self.clone(),
            count,
        };
        let all = before.saturating_add(count).saturating_add(self.present());
        (count == 0 || most == 0 || all <= most).then_some(reserved)
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        self.room.0.reserved.fetch_sub(self.count, SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reservation_takes_room_until_it_is_dropped() {
        let room = Room::default();
        room.add();
        let reserved = room.reserve(2, 3);
        assert!(reserved.is_some());
        assert!(room.reserve(1, 3).is_none());
        assert!(room.reserve(0, 3).is_some());
        drop(reserved);
        assert!(room.reserve(2, 3).is_some());
        assert!(room.reserve(3, 3).is_none());
        assert!(room.reserve(3, 0).is_some());
        room.remove();
        assert!(room.reserve(3, 3).is_some());
    }
}
