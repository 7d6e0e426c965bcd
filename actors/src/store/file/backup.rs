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

/// How many pages are copied at once.
const STEP: i32 = 128;

/// Why a backup was not made. Each text says what to do.
#[derive(Debug, Error)]
pub enum BackupError {
    /// There is a file of this name.
    #[error("{}: there is a file of this name already; choose another", .0.display())]
    Exists(PathBuf),
    /// A running server holds the store.
    #[error("held by {0}; ask that server for the backup")]
    Held(String),
    /// The server stops, or its store is being written anew.
    #[error("the store was closed or replaced before the backup was complete; try again")]
    Interrupted,
    /// Anything else.
    #[error("{}: {cause}", path.display())]
    Failed {
        /// The file that was being written or read.
        path: PathBuf,
        /// What went wrong.
        cause: String,
    },
}

/// A copy that is being made, under a temporary name. It is removed unless it is finished.
#[derive(Debug)]
pub(super) struct Copying {
    to: PathBuf,
    part: PathBuf,
    connection: Option<Connection>,
}

impl Copying {
    /// Begins a copy, which will have this name.
    pub(super) fn begin(to: &Path) -> Result<Self, BackupError> {
        if to.symlink_metadata().is_ok() {
            return Err(BackupError::Exists(to.to_owned()));
        }
        let part = beside(to, ".part");
        // It is left over from a backup that was cut off.
        drop(fs::remove_file(&part));
        create_private(&part).map_err(|error| failed(&part, &error))?;
        let mut copying = Self {
            to: to.to_owned(),
            part,
            connection: None,
        };
        let opened = Connection::open(&copying.part);
        let connection = opened.map_err(|error| failed(&copying.part, &error))?;
        // Nobody reads it before it is complete, and then it is synced.
        let setting = connection.pragma_update(None, "synchronous", "OFF");
        setting.map_err(|error| failed(&copying.part, &error))?;
        copying.connection = Some(connection);
        Ok(copying)
    }

    /// Copies pages, and calls `between` after every few of them until it returns false. The pages
    /// that `from` itself writes in between are copied along.
    pub(super) fn copy(
        &mut self,
        from: &Connection,
        mut between: impl FnMut() -> bool,
    ) -> Result<(), BackupError> {
        let connection = self.connection.as_mut().ok_or(BackupError::Interrupted)?;
        let copied = Backup::new(from, connection).and_then(|backup| {
            loop {
                match backup.step(STEP)? {
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

    /// Gives the copy its name, when it is safely on the disk.
    ///
    /// It counts as the file of a run that did not end in order: clients may have read entries
    /// since that it does not hold.
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

/// Copies the file of a store while no server runs. A server can start from the copy; see
/// [`FileStore::backup`](crate::store::file::FileStore::backup) for what that means.
///
/// # Errors
/// Why no copy was made. A server that runs is to be asked instead.
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
