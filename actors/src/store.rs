//! Where what the actors decide is kept. Every actor holds the store.
//!
//! In memory mode nothing is kept. In file mode the actors still decide and hold everything; the
//! store only records what they did, in the order in which they did it, and gives it back at the
//! next start. An actor notes a change before it tells anybody, so what is kept is always what a
//! moment of the past had: a cause is there whenever its effect is.

pub mod note;

use crate::error::{Refused, Unsettled};
use crate::store::note::Note;

/// The store of a server. Cloning is cheap.
#[derive(Clone, Debug, Default)]
pub enum Store {
    /// Nothing is kept.
    #[default]
    Memory,
}

impl Store {
    /// Notes what an actor is about to tell others. In memory mode `note` is not called.
    pub fn note(&self, note: impl FnOnce() -> Note) {
        match self {
            Self::Memory => drop(note),
        }
    }

    /// Returns whether changes are kept, so that actors collect them.
    pub fn keeps(&self) -> bool {
        !matches!(self, Self::Memory)
    }

    /// Called before a call that changes something.
    ///
    /// # Errors
    /// When the store does not take changes now; then nothing may be done.
    pub fn accepts(&self) -> Result<(), Refused> {
        match self {
            Self::Memory => Ok(()),
        }
    }

    /// Commits what waits, and ends the store.
    pub async fn close(&self) {}

    /// Waits until the store has lost what was noted, and every actor has to note itself whole.
    pub async fn wait_for_rebuild(&self) {
        std::future::pending().await
    }

    /// Tells the store that every actor has noted itself whole.
    pub fn finish_rebuild(&self) {}

    /// Called before the answer of a call that has changed something. Returns once the change is
    /// kept as safely as the settings ask for.
    ///
    /// # Errors
    /// When the change is done, but could not be kept.
    pub async fn settled(&self) -> Result<(), Unsettled> {
        match self {
            Self::Memory => Ok(()),
        }
    }
}
