//! The position up to which a client has read: the epoch of a log, and an offset in it.

use std::sync::Arc;

/// The life of a log's numbering. The first epoch is random and is created with the log. The next
/// one begins when the log may have lost entries that clients have read. The offsets of these
/// entries are then given again. An offset means nothing in another epoch.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Epoch(u64);

impl Epoch {
    /// Creates the epoch of a new log.
    pub fn random() -> Self {
        Self(uuid::Uuid::new_v4().as_u64_pair().0)
    }

    /// Returns the epoch that comes `count` after this one.
    #[must_use]
    pub fn plus(self, count: u64) -> Self {
        Self(self.0.wrapping_add(count))
    }

    /// Returns the number of epochs by which this one comes after `earlier`.
    pub fn since(self, earlier: Self) -> u64 {
        self.0.wrapping_sub(earlier.0)
    }
}

impl From<u64> for Epoch {
    /// Creates the epoch from the number that a client was told.
    fn from(number: u64) -> Self {
        Self(number)
    }
}

impl From<Epoch> for u64 {
    fn from(Epoch(number): Epoch) -> Self {
        number
    }
}

/// The positions up to which a client has read: for each log from which it was sent entries, the
/// offset of the last entry that it has. A log that is not named has sent nothing.
pub type Report = Arc<[Position]>;

/// A place in a log: its epoch, and the offset of the last entry before the place.
pub type Position = (Epoch, u64);

/// Identifies the transports of a client, one after the other, between which it has missed nothing.
/// A client that brings it and is given the same one again knows that it has missed nothing. The
/// first one of a connection is random.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Continuity(u64);

impl Continuity {
    /// Creates the continuity of a new connection.
    pub fn random() -> Self {
        Self(uuid::Uuid::new_v4().as_u64_pair().1)
    }

    /// Returns the continuity that begins after this one was broken.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.wrapping_add(1))
    }
}

impl From<u64> for Continuity {
    /// Creates the continuity from the number that a client was told.
    fn from(number: u64) -> Self {
        Self(number)
    }
}

impl From<Continuity> for u64 {
    fn from(Continuity(number): Continuity) -> Self {
        number
    }
}

/// What a client tells of its former transports when it begins to listen.
#[derive(Clone, Debug, Default)]
pub struct Return {
    /// The positions up to which the client has read; `None` if it does not tell them. A client
    /// that tells them, but has not read anything yet, brings an empty list.
    pub read: Option<Report>,
    /// The position behind the last batch that the client has received, if it does not tell `read`.
    /// It has then received all batches before that one too.
    pub last: Option<Position>,
    /// The continuity that the client was given.
    pub continuity: Option<Continuity>,
    /// The session that goes on, if nodes share it. The transport is then not attached if another
    /// one has listened since.
    pub session: Option<Box<GoingOn>>,
}

/// A session of a Socket.IO client that goes on at any node.
#[derive(Clone, Debug)]
pub struct GoingOn {
    /// The name of the session.
    pub name: String,
    /// Whether the client has read the answer to its last poll.
    pub has_read: bool,
}

impl From<Option<Report>> for Return {
    fn from(read: Option<Report>) -> Self {
        Self {
            read,
            ..Self::default()
        }
    }
}

/// Returns the positions up to which a client has read that has received everything up to the batch
/// before the position `last`. If the trail does not contain that batch, the position holds for its
/// own log.
pub fn read_with(last: Position, trail: &[Position]) -> Report {
    let alone = [last];
    let found = trail.iter().position(|sent| *sent == last);
    let received = found.and_then(|index| trail.get(..=index));
    let received = received.unwrap_or(&alone);
    let mut read: Vec<Position> = Vec::new();
    // The latest position in each log counts.
    for position in received.iter().rev() {
        if read.iter().all(|(epoch, _)| *epoch != position.0) {
            read.push(*position);
        }
    }
    read.into()
}
