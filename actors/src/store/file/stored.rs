//! The stored forms of values in the tables: JSON that people can read with `sqlite3`.
//!
//! An application's object and the numbers in a state keep their spelling, byte for byte.

pub(super) mod connection;
pub(super) mod entry;
pub(super) mod names;
pub(super) mod state;

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::position::{Epoch, Position};
use crate::protocol::timestamp::Moment;

/// The reason why a stored value cannot be read.
#[derive(Debug)]
pub(in crate::store::file) struct Unreadable(String);

impl Unreadable {
    pub(in crate::store::file) fn new(reason: impl Into<String>) -> Self {
        Self(reason.into())
    }
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Unreadable {}

impl From<serde_json::Error> for Unreadable {
    fn from(error: serde_json::Error) -> Self {
        Self(error.to_string())
    }
}

/// A moment: the microseconds of the wall clock, and those of the running time.
#[derive(Clone, Copy, Serialize, Deserialize)]
pub(in crate::store::file) struct StoredMoment(u64, u64);

impl From<Moment> for StoredMoment {
    fn from(moment: Moment) -> Self {
        Self(moment.micros(), moment.uptime_micros())
    }
}

impl From<StoredMoment> for Moment {
    fn from(StoredMoment(wall, uptime): StoredMoment) -> Self {
        Self::from_clocks(wall, uptime)
    }
}

/// A position: the number of the epoch, and the offset.
#[derive(Clone, Copy, Serialize, Deserialize)]
pub(in crate::store::file) struct StoredPosition(u64, u64);

impl From<Position> for StoredPosition {
    fn from((epoch, offset): Position) -> Self {
        Self(epoch.into(), offset)
    }
}

impl From<StoredPosition> for Position {
    fn from(StoredPosition(epoch, offset): StoredPosition) -> Self {
        (Epoch::from(epoch), offset)
    }
}

/// A text that is borrowed from the JSON where possible, also inside lists.
#[derive(Deserialize)]
pub(in crate::store::file) struct Text<'a>(
    #[serde(borrow)] pub(in crate::store::file) Cow<'a, str>,
);
