//! How far a client has read: the epoch of a log, and an offset in it.

use std::sync::Arc;

/// The life of a log's numbering. It is random and made with the log; an offset means nothing in
/// another epoch.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Epoch(u64);

impl Epoch {
    /// Creates the epoch of a new log.
    pub fn random() -> Self {
        Self(uuid::Uuid::new_v4().as_u64_pair().0)
    }
}

impl From<u64> for Epoch {
    /// Takes the number that a client was told.
    fn from(number: u64) -> Self {
        Self(number)
    }
}

impl From<Epoch> for u64 {
    fn from(Epoch(number): Epoch) -> Self {
        number
    }
}

/// How far a client has read: for each log it was sent from, the offset of the last entry it has.
/// A log that is not named sent nothing.
pub type Report = Arc<[(Epoch, u64)]>;
