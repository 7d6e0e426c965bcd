//! Where what the actors decide is kept. Every actor holds the store.
//!
//! In memory mode nothing is kept. In file mode the actors still decide and hold everything; the
//! store only records what they did, in the order in which they did it, and gives it back at the
//! next start. An actor notes a change before it tells anybody, so what is kept is always what a
//! moment of the past had: a cause is there whenever its effect is.

pub mod file;
pub mod note;

use crate::error::{Refused, Unsettled};
use crate::store::file::{FileStore, StoreStatus};
use crate::store::note::Note;

/// The store of a server. Cloning is cheap.
#[derive(Clone, Debug, Default)]
pub enum Store {
    /// Nothing is kept.
    #[default]
    Memory,
    /// What the actors note is written to a file.
    File(FileStore),
}

impl Store {
    /// Notes what an actor is about to tell others. In memory mode `note` is not called.
    pub fn note(&self, note: impl FnOnce() -> Note) {
        match self {
            Self::Memory => drop(note),
            Self::File(file) => file.note(note()),
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
            Self::File(file) => file.accepts(),
        }
    }

    /// Called before the answer of a call that has changed something. Returns once the change is
    /// kept as safely as the settings ask for.
    ///
    /// # Errors
    /// When the change is done, but could not be kept.
    pub async fn settled(&self) -> Result<(), Unsettled> {
        match self {
            Self::Memory => Ok(()),
            Self::File(file) => file.settled().await,
        }
    }

    /// Returns when the store has lost notes and can be written again. Then every actor is to note
    /// itself whole, with [`is_whole`](crate::core::record::LogChanges::is_whole), and then
    /// [`finish_rebuild`](Self::finish_rebuild) is to be called. In memory mode it never returns.
    pub async fn wait_for_rebuild(&self) {
        match self {
            Self::Memory => std::future::pending().await,
            Self::File(file) => file.wait_for_rebuild().await,
        }
    }

    /// Says that every actor has noted itself whole since
    /// [`wait_for_rebuild`](Self::wait_for_rebuild) has returned.
    pub fn finish_rebuild(&self) {
        match self {
            Self::Memory => {}
            Self::File(file) => file.finish_rebuild(),
        }
    }

    /// Writes what waits, and says in the file that the server has stopped in order. Called at the
    /// end of an orderly stop; what is noted later is ignored.
    pub async fn close(&self) {
        match self {
            Self::Memory => {}
            Self::File(file) => file.close().await,
        }
    }

    /// Returns how the store is doing; `None` in memory mode.
    pub fn status(&self) -> Option<StoreStatus> {
        match self {
            Self::Memory => None,
            Self::File(file) => Some(file.status()),
        }
    }
}
