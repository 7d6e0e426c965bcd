//! The file store: SQLite, written by one thread.
//!
//! Actors never touch the database. Their notes wait in one queue, in the order in which they were
//! made. The writer takes all waiting notes, merges them, and writes them in one transaction. Code
//! outside this folder does not know that the database is SQLite.

mod backup;
mod ballast;
mod check;
mod database;
mod error;
mod faults;
mod ids;
mod load;
mod lock;
mod logs;
mod meta;
mod mounts;
mod options;
mod pending;
mod place;
mod queue;
mod recovery;
mod rows;
mod runs;
mod schema;
mod show;
mod status;
mod stored;
mod tables;
mod upkeep;
mod writer;

use std::path::PathBuf;
use std::sync::Arc;
use std::thread;

use tokio::sync::oneshot;

pub use self::backup::{BackupError, backup};
pub use self::check::{CheckReport, check};
pub use self::error::OpenError;
pub use self::options::{Durability, FileOptions};
pub use self::show::{StoreSummary, show};
pub use self::status::StoreStatus;

use self::load::Loaded;
use self::lock::StoreLock;
use self::place::Place;
use self::queue::{Order, Queue};
use self::status::SharedWriterStatus;
use self::tables::Tables;
use self::writer::{Parts, Writer};
use crate::error::{NotKept, Refused};
use crate::store::note::{Kept, Note};

/// A store that writes a file. Cloning is cheap. When the last clone is dropped without
/// [`close`](Self::close), the store ends as if the process had been killed.
#[derive(Clone, Debug)]
pub struct FileStore(Arc<Handle>);

#[derive(Debug)]
struct Handle {
    queue: Arc<Queue>,
    status: Arc<SharedWriterStatus>,
    path: PathBuf,
    durability: Durability,
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.queue.abandon(None);
    }
}

impl FileStore {
    /// Opens the file of a store, reads its contents, and starts the writer. Blocks the thread
    /// while it reads, and before that while another process holds the store, for at most the time
    /// in the options.
    ///
    /// # Errors
    /// The reason why the store cannot be opened, and what to do about it.
    pub fn open(options: &FileOptions) -> Result<(Self, Kept), OpenError> {
        let place = Place::find(&options.path)?;
        let path = place.path();
        let lock = StoreLock::take(&place, options.lock_wait)?;
        place
            .create()
            .map_err(|error| OpenError::of_system(path, "creating the file", &error))?;
        let failed = |error: rusqlite::Error| OpenError::of_database(path, "opening", &error);
        let connection = database::open(path).map_err(failed)?;
        schema::prepare(&connection, path, schema::MIGRATIONS)?;
        let (before, meta) = meta::begin_run(&connection, options.durability).map_err(failed)?;
        let Loaded {
            mut kept,
            channels,
            users,
        } = load::load(&connection, path, meta.life)?;
        kept.may_miss_entries = before.is_some_and(|before| {
            let loses_some = before.durability == Durability::Interval || before.is_copy;
            !before.is_clean && loses_some
        });
        database::set_durability(&connection, options.durability).map_err(failed)?;
        let identity = place.identity();
        let identity = identity.ok_or_else(|| OpenError::NoFile(path.to_owned()))?;
        let handle = Handle {
            queue: Arc::new(Queue::new(options)),
            status: Arc::default(),
            path: path.to_owned(),
            durability: options.durability,
        };
        let writer = Writer::new(Parts {
            queue: handle.queue.clone(),
            status: handle.status.clone(),
            lock,
            identity,
            meta,
            tables: Tables::new(meta.life, channels, users),
            place,
        });
        thread::Builder::new()
            .name("store".to_owned())
            .spawn(move || writer.run(connection))
            .map_err(|error| OpenError::of_system(&handle.path, "starting a thread", &error))?;
        Ok((Self(Arc::new(handle)), kept))
    }

    /// Notes a change that an actor is about to tell others.
    pub(super) fn note(&self, note: Note) {
        self.0.queue.note(note);
    }

    /// Checks whether calls that change something may begin.
    pub(super) fn accepts(&self) -> Result<(), Refused> {
        self.0.queue.accepts()
    }

    /// Waits until all earlier notes are kept as safely as the options ask for.
    pub(super) async fn wait_until_kept(&self) -> Result<(), NotKept> {
        self.0.queue.wait_until_kept().await
    }

    /// Waits until every actor must note its whole state.
    pub(super) async fn wait_for_rebuild(&self) {
        self.0.queue.wait_for_rebuild().await;
    }

    /// Tells the store that every actor has noted its whole state.
    pub(super) fn finish_rebuild(&self) {
        self.0.queue.finish_rebuild();
    }

    /// Writes the waiting notes and ends the run in order. Later notes are ignored.
    pub async fn close(&self) {
        let (sender, closed) = oneshot::channel();
        self.0.queue.order(Order::Close(sender));
        // Fails only if the store is already closed.
        drop(closed.await);
    }

    /// Writes everything that was noted until now, whatever the durability. For tests of crashes:
    /// in a server the writer decides when to write.
    ///
    /// # Errors
    /// Fails when the notes could not be written.
    pub async fn commit_now(&self) -> Result<(), NotKept> {
        self.0.queue.wait_until_committed().await
    }

    /// Ends the store as if the process had been killed: notes that were not written are lost.
    /// Returns when the file can be opened again. For tests of crashes.
    pub async fn abandon(&self) {
        let (sender, ended) = oneshot::channel();
        self.0.queue.abandon(Some(sender));
        // Fails when the writer has ended, since it then drops the sender without an answer.
        drop(ended.await);
    }

    /// Writes a copy of the file to a path that must not exist yet, while the server goes on.
    ///
    /// A server can start from the copy. The copy has the state of one moment: clients may have
    /// read later entries, which it does not have. So a start from a copy counts as a start after a
    /// stop that was not in order. Clients that come back with a position are told of a gap in logs
    /// where they have read more than the copy has.
    ///
    /// # Errors
    /// The reason why no copy was made. There is then no file at the path.
    pub async fn backup(&self, to: PathBuf) -> Result<(), BackupError> {
        let (sender, done) = oneshot::channel();
        self.0.queue.order(Order::Backup(to, sender));
        done.await.unwrap_or(Err(BackupError::Interrupted))
    }

    /// Returns the status of the store.
    pub fn status(&self) -> StoreStatus {
        let backlog = self.0.queue.backlog();
        let status = self.0.status.read();
        StoreStatus {
            path: self.0.path.clone(),
            durability: self.0.durability,
            file_bytes: status.file_bytes,
            wal_bytes: status.wal_bytes,
            waiting_notes: backlog.notes,
            waiting_bytes: backlog.bytes,
            last_commit: status.last_commit.map(|time| time.elapsed()),
            commits: status.commits,
            error: status.error,
            is_ready: self.accepts().is_ok(),
        }
    }
}
