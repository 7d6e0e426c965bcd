//! The store, which keeps the decisions of the actors across restarts. Every actor holds it.
//!
//! In memory mode the store keeps nothing. In Redis mode, Redis decides, and the actors of a node
//! follow it. In file mode the actors still decide and hold
//! everything; the store only records what they did, in the order in which they did it, and gives
//! it back at the next start. An actor notes a change before it tells anybody. So the file always
//! has the state of one moment in the past: it never has an effect without its cause.

pub mod file;
pub mod note;
pub mod redis;

use crate::error::{NotKept, Refused};
use crate::store::file::{FileStore, StoreStatus};
use crate::store::note::Note;
use crate::store::redis::node::Node;
use crate::store::redis::status::NodeStatus;

/// The store of a server. Cloning is cheap.
#[derive(Clone, Debug, Default)]
pub enum Store {
    /// A store that keeps nothing.
    #[default]
    Memory,
    /// A store that writes the notes of the actors to a file.
    File(FileStore),
    /// Redis, which several nodes share.
    Redis(Node),
}

impl Store {
    /// Notes a change that an actor is about to tell others. In memory mode `note` is not called.
    pub fn note(&self, note: impl FnOnce() -> Note) {
        match self {
            Self::Memory | Self::Redis(_) => drop(note),
            Self::File(file) => file.note(note()),
        }
    }

    /// Returns whether the store keeps changes. Actors collect them only then.
    pub fn keeps(&self) -> bool {
        matches!(self, Self::File(_))
    }

    /// Returns whether up to where clients have read is kept while their transports go on.
    pub fn keeps_positions(&self) -> bool {
        !matches!(self, Self::Memory)
    }

    /// Checks whether the store takes changes now. Called at the beginning of a call that changes
    /// something.
    ///
    /// # Errors
    /// Fails when the store does not take changes now. The call must then change nothing.
    pub fn accepts(&self) -> Result<(), Refused> {
        match self {
            Self::Memory => Ok(()),
            Self::File(file) => file.accepts(),
            Self::Redis(node) if node.is_connected() => Ok(()),
            Self::Redis(_) => Err(Refused::TRY_AGAIN),
        }
    }

    /// Checks whether clients may listen now.
    ///
    /// # Errors
    /// Fails while Redis decides and cannot be reached.
    pub fn serves(&self) -> Result<(), Refused> {
        match self {
            Self::Memory | Self::File(_) => Ok(()),
            Self::Redis(_) => self.accepts(),
        }
    }

    /// Waits until the changes of a call are kept as safely as the settings ask for. Called before
    /// the answer of a call that has changed something.
    ///
    /// # Errors
    /// Fails when the change was done, but could not be kept.
    pub async fn wait_until_kept(&self) -> Result<(), NotKept> {
        match self {
            Self::Memory | Self::Redis(_) => Ok(()),
            Self::File(file) => file.wait_until_kept().await,
        }
    }

    /// Waits until a store that has lost notes can be written again. Then every actor must note its
    /// whole state, with [`is_whole`](crate::core::record::LogChanges::is_whole), and after that
    /// [`finish_rebuild`](Self::finish_rebuild) must be called. In memory mode it never returns.
    pub async fn wait_for_rebuild(&self) {
        match self {
            Self::Memory | Self::Redis(_) => std::future::pending().await,
            Self::File(file) => file.wait_for_rebuild().await,
        }
    }

    /// Tells the store that every actor has noted its whole state since
    /// [`wait_for_rebuild`](Self::wait_for_rebuild) returned.
    pub fn finish_rebuild(&self) {
        match self {
            Self::Memory | Self::Redis(_) => {}
            Self::File(file) => file.finish_rebuild(),
        }
    }

    /// Writes the waiting notes, and records in the file that the server has stopped in order.
    /// Called at the end of an orderly stop; later notes are ignored.
    pub async fn close(&self) {
        match self {
            Self::Memory | Self::Redis(_) => {}
            Self::File(file) => file.close().await,
        }
    }

    /// Returns the status of the store; `None` in memory mode.
    pub fn status(&self) -> Option<StoreStatus> {
        match self {
            Self::Memory | Self::Redis(_) => None,
            Self::File(file) => Some(file.status()),
        }
    }

    /// Returns the state of the node; `None` unless Redis decides.
    pub fn node_status(&self) -> Option<NodeStatus> {
        self.node().map(Node::status)
    }

    /// Returns the node, if Redis decides.
    pub(crate) fn node(&self) -> Option<&Node> {
        match self {
            Self::Redis(node) => Some(node),
            Self::Memory | Self::File(_) => None,
        }
    }
}
