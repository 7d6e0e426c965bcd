//! Which clients are to be told that entries may be gone, by the rules alone.

use std::collections::{BTreeMap, BTreeSet};

use channelstream_actors::position::{Position, Report};

/// A client's place in a log: the number of the connection, and the name of the log.
type PlaceOf = (usize, String);

/// What clients of the file store's broker are to be told beyond what those of the other are told.
#[derive(Default)]
pub(crate) struct Gaps {
    /// The places that were there at a crash, each with the gap that its client was sent and is not
    /// known to have read.
    owed: BTreeMap<PlaceOf, Option<Position>>,
    /// The logs of which a client knows entries that are lost, and nothing later: each with the
    /// offset that it knows.
    beyond: BTreeMap<PlaceOf, u64>,
}

impl Gaps {
    /// A process has died that may have lost entries of these places.
    pub(crate) fn owe(&mut self, places: impl IntoIterator<Item = PlaceOf>) {
        self.owed = places.into_iter().map(|place| (place, None)).collect();
    }

    /// A client knows entries that are lost, up to this offset.
    pub(crate) fn set_beyond(&mut self, connection: usize, log: &str, offset: u64) {
        self.beyond.insert((connection, log.to_owned()), offset);
    }

    /// A client has read something of a log in its present epoch.
    pub(crate) fn clear_beyond(&mut self, connection: usize, log: &str) {
        self.beyond.remove(&(connection, log.to_owned()));
    }

    /// Returns the offset up to which a client knows entries that are lost.
    pub(crate) fn beyond(&self, connection: usize, log: &str) -> Option<u64> {
        self.beyond.get(&(connection, log.to_owned())).copied()
    }

    pub(crate) fn is_owed(&self, connection: usize, log: &str) -> bool {
        self.owed.contains_key(&(connection, log.to_owned()))
    }

    /// Returns the logs that a client is to be told about.
    pub(crate) fn owed(&self, connection: usize) -> Vec<String> {
        let is_its = |(place, _): &(&PlaceOf, &Option<Position>)| place.0 == connection;
        let owed = self.owed.iter().filter(is_its);
        owed.map(|((_, log), _)| log.clone()).collect()
    }

    /// A client was sent a gap.
    pub(crate) fn sent(&mut self, connection: usize, log: &str, position: Position) {
        if let Some(gap) = self.owed.get_mut(&(connection, log.to_owned())) {
            *gap = Some(position);
        }
    }

    /// A client is known to have read this far. Returns how many gaps it has read by that.
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

    /// Only these places are left.
    pub(crate) fn keep(&mut self, places: &BTreeSet<PlaceOf>) {
        self.owed.retain(|place, _| places.contains(place));
    }

    /// A client has forgotten everything.
    pub(crate) fn forget(&mut self, connection: usize) {
        self.beyond.retain(|place, _| place.0 != connection);
    }
}
