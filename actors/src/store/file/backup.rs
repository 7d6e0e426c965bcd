//! Copies of a store, each a file that a server can start from.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::Connection;
use rusqlite::backup::{Backup, StepResult};
use thiserror::Error;

use crate::store::file::database;
use crate::store::file::error::OpenError;
use crate::store::file::lock::StoreLock;
use crate::store::file::place::{Place, beside, create_private, sync_folder};
use crate::store::file::schema::{self, Found};

/// The number of pages that are copied at once.
const STEP_PAGES: i32 = 128;

/// The reason why a backup was not made. Each text says what to do.
#[derive(Debug, Error)]
pub enum BackupError {
    /// There is already a file of this name.
    #[error("{}: a file of this name already exists; choose another name", .0.display())]
    Exists(PathBuf),
    /// A running server holds the store.
    #[error("the store is held by {0}; ask that server for the backup")]
    Held(String),
    /// The server is stopping, or its store is being written anew.
    #[error("the store was closed or replaced before the backup was complete; try again")]
    Interrupted,
    /// Any other error.
    #[error("{}: {cause}", path.display())]
    Failed {
        /// The file that was being written or read.
        path: PathBuf,
        /// The error text of the system or of SQLite.
        cause: String,
    },
}

/// An unfinished copy, under a temporary name. It is removed when it is dropped before it is
/// finished.
#[derive(Debug)]
pub(super) struct Copying {
    to: PathBuf,
    part: PathBuf,
    connection: Option<Connection>,
}

impl Copying {
    /// Begins a copy, which gets the name `to` when it is finished.
    pub(super) fn begin(to: &Path) -> Result<Self, BackupError> {
        if to.symlink_metadata().is_ok() {
            return Err(BackupError::Exists(to.to_owned()));
        }
        let part = beside(to, ".part");
        // A file of this name is left over from a backup that was interrupted.
        drop(fs::remove_file(&part));
        create_private(&part).map_err(|error| failed(&part, &error))?;
        let mut copying = Self {
            to: to.to_owned(),
            part,
            connection: None,
        };
        let opened = Connection::open(&copying.part);
        let connection = opened.map_err(|error| failed(&copying.part, &error))?;
        // No program reads the copy before it is complete, and then it is synced.
        let setting = connection.pragma_update(None, "synchronous", "OFF");
        setting.map_err(|error| failed(&copying.part, &error))?;
        copying.connection = Some(connection);
        Ok(copying)
    }

    /// Copies all pages, a few at once, and calls `between` after each step. Gives up when
    /// `between` returns false. Pages that are written through `from` meanwhile are copied too.
    pub(super) fn copy(
        &mut self,
        from: &Connection,
        mut between: impl FnMut() -> bool,
    ) -> Result<(), BackupError> {
        let connection = self.connection.as_mut().ok_or(BackupError::Interrupted)?;
        let copied = Backup::new(from, connection).and_then(|backup| {
            loop {
                match backup.step(STEP_PAGES)? {
                    StepResult::Done => return Ok(true),
                    _ if !between() => return Ok(false),
                    _ => {}
                }
            }
        });
        match copied {
            Ok(true) => Ok(()),
            Ok(false) => Err(BackupError::Interrupted),
            Err(error) => Err(failed(&self.part, &error)),
        }
    }

    /// Syncs the copy to the disk, and then gives it its name.
    ///
    /// The copy is marked as the file of a run that did not end in order: clients may have read
    /// later entries, which it does not have.
    pub(super) fn finish(mut self) -> Result<(), BackupError> {
        let connection = self.connection.take().ok_or(BackupError::Interrupted)?;
        connection
            .execute_batch("UPDATE meta SET is_clean = 0, is_copy = 1")
            .map_err(|error| failed(&self.part, &error))?;
        connection
            .close()
            .map_err(|(_, error)| failed(&self.part, &error))?;
        let failed = |error: std::io::Error| failed(&self.to, &error);
        fs::File::open(&self.part)
            .and_then(|file| file.sync_all())
            .map_err(failed)?;
        if self.to.symlink_metadata().is_ok() {
            return Err(BackupError::Exists(self.to.clone()));
        }
        fs::rename(&self.part, &self.to).map_err(failed)?;
        sync_folder(&self.to).map_err(failed)
    }
}

impl Drop for Copying {
    fn drop(&mut self) {
        self.connection = None;
        for ending in ["", "-wal", "-shm", "-journal"] {
            drop(fs::remove_file(beside(&self.part, ending)));
        }
    }
}

fn failed(path: &Path, error: &impl ToString) -> BackupError {
    BackupError::Failed {
        path: path.to_owned(),
        cause: error.to_string(),
    }
}

/// Copies the file of a store while no server runs. A server can start from the copy;
/// [`FileStore::backup`](crate::store::file::FileStore::backup) says how.
///
/// # Errors
/// The reason why no copy was made. If a server holds the store, ask the server for the backup.
pub fn backup(path: &Path, to: &Path) -> Result<(), BackupError> {
    let failure = |error: OpenError| match error {
        OpenError::Held { owner, .. } => BackupError::Held(owner),
        error => BackupError::Failed {
            path: path.to_owned(),
            cause: error.to_string(),
        },
    };
    let place = Place::find(path).map_err(failure)?;
    if place.identity().is_none() {
        return Err(failure(OpenError::NoFile(path.to_owned())));
    }
    let _lock = StoreLock::take(&place, Duration::ZERO).map_err(failure)?;
    let connection = database::open(place.path()).map_err(|error| failed(path, &error))?;
    match schema::identify(&connection, path).map_err(failure)? {
        Found::Schema(_) => {}
        Found::Nothing => return Err(failure(OpenError::OfOtherApplication(path.to_owned()))),
    }
    let mut copying = Copying::begin(to)?;
    copying.copy(&connection, || true)?;
    copying.finish()
}
