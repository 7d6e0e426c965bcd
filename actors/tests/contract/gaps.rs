//! The clients that must be told that entries may be missing, by the rules alone.

use std::collections::{BTreeMap, BTreeSet};

use channelstream_actors::position::{Position, Report};

/// A client's place in a log: the number of the connection, and the name of the log.
type PlaceOf = (usize, String);

/// The gaps that clients of the file store's broker must be sent, and those of the memory broker
/// not.
#[derive(Default)]
pub(crate) struct Gaps {
    /// The places that existed at a crash. The value is the gap that the client was sent and is not
    /// known to have read.
    owed: BTreeMap<PlaceOf, Option<Position>>,
    /// The logs of which a client knows lost entries, and nothing later. The value is the offset
    /// that the client knows.
    known_lost: BTreeMap<PlaceOf, u64>,
}

impl Gaps {
    /// Records that a process has died that may have lost entries of these places.
    pub(crate) fn owe(&mut self, places: impl IntoIterator<Item = PlaceOf>) {
        self.owed = places.into_iter().map(|place| (place, None)).collect();
    }

    /// Records that a client knows lost entries, up to this offset.
    pub(crate) fn set_known_lost(&mut self, connection: usize, log: &str, offset: u64) {
        self.known_lost.insert((connection, log.to_owned()), offset);
    }

    /// Records that a client has read a part of a log in its present epoch.
    pub(crate) fn clear_known_lost(&mut self, connection: usize, log: &str) {
        self.known_lost.remove(&(connection, log.to_owned()));
    }

    /// Returns the offset up to which a client knows entries that are lost.
    pub(crate) fn known_lost(&self, connection: usize, log: &str) -> Option<u64> {
        self.known_lost.get(&(connection, log.to_owned())).copied()
    }

    pub(crate) fn is_owed(&self, connection: usize, log: &str) -> bool {
        self.owed.contains_key(&(connection, log.to_owned()))
    }

    /// Returns the logs for which a client must be sent a gap.
    pub(crate) fn owed(&self, connection: usize) -> Vec<String> {
        let is_its = |(place, _): &(&PlaceOf, &Option<Position>)| place.0 == connection;
        let owed = self.owed.iter().filter(is_its);
        owed.map(|((_, log), _)| log.clone()).collect()
    }

    /// Records that a client was sent a gap.
    pub(crate) fn sent(&mut self, connection: usize, log: &str, position: Position) {
        if let Some(gap) = self.owed.get_mut(&(connection, log.to_owned())) {
            *gap = Some(position);
        }
    }

    /// Records that a client is known to have read up to this report. Returns the number of gaps
    /// that it has read.
    pub(crate) fn read(&mut self, connection: usize, report: &Report) -> usize {
        let before = self.owed.len();
        self.owed.retain(|place, gap| {
            let has_read = |gap: &mut Position| {
                let is_read = |position: &Position| position.0 == gap.0 && position.1 >= gap.1;
                report.iter().any(is_read)
            };
            place.0 != connection || !gap.as_mut().is_some_and(has_read)
        });
        before - self.owed.len()
    }

    /// Keeps only these places.
    pub(crate) fn keep(&mut self, places: &BTreeSet<PlaceOf>) {
        self.owed.retain(|place, _| places.contains(place));
    }

    /// Records that a client has forgotten everything.
    pub(crate) fn forget(&mut self, connection: usize) {
        self.known_lost.retain(|place, _| place.0 != connection);
    }
}
