//! The errors of opening a store, with texts for the people who run the server.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::ErrorCode;
use thiserror::Error;

/// The reason why a store cannot be opened. Each text says what was found, where, and what to do.
#[derive(Debug, Error)]
pub enum OpenError {
    /// The folder of the file does not exist.
    #[error(
        "{}: the folder does not exist; create it, or set store_path to another place",
        .0.display()
    )]
    NoFolder(PathBuf),
    /// The file does not exist, and must not be created.
    #[error("{}: the file does not exist", .0.display())]
    NoFile(PathBuf),
    /// The path leads to something that is not a file.
    #[error("{}: this is not a file; set store_path to a file", .0.display())]
    NotAFile(PathBuf),
    /// The folder or the file cannot be written.
    #[error(
        "{}: cannot be written ({cause}); the server needs to write this file and others beside it",
        path.display()
    )]
    NotWritable {
        /// The file or folder that cannot be written.
        path: PathBuf,
        /// The error text of the system.
        cause: String,
    },
    /// The folder is on a network file system, where locks and shared memory are not reliable.
    #[error(
        "{}: this folder is on a network file system ({kind}), where a store can be damaged; \
         set store_path to a folder on a local disk",
        folder.display()
    )]
    NetworkFileSystem {
        /// The folder.
        folder: PathBuf,
        /// The kind of file system.
        kind: String,
    },
    /// Another process holds the store.
    #[error(
        "{}: held by {owner} (waited {} s); stop that process, or set store_path to another place",
        path.display(), waited.as_secs()
    )]
    Held {
        /// The file.
        path: PathBuf,
        /// The process that holds the store, or "another process" if it is not known which.
        owner: String,
        /// The time that was spent waiting for the process.
        waited: Duration,
    },
    /// The file is the database of another application.
    #[error(
        "{}: this is the database of another application; set store_path to another place",
        .0.display()
    )]
    OfOtherApplication(PathBuf),
    /// The file is not a database, or is damaged.
    #[error(
        "{}: {found}; restore a backup, or set store_path to a new place",
        path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The damage that was found.
        found: String,
    },
    /// The file was written by a newer version of the server.
    #[error(
        "{}: its schema is {found}, but this server knows only schemas up to {known}; \
         start a newer server, or restore a backup from before the upgrade",
        path.display()
    )]
    NewerSchema {
        /// The file.
        path: PathBuf,
        /// The schema of the file.
        found: i64,
        /// The newest schema that is known.
        known: i64,
    },
    /// Any other error of the system or of SQLite.
    #[error("{}: {doing}: {cause}", path.display())]
    Failed {
        /// The file.
        path: PathBuf,
        /// The step that failed.
        doing: &'static str,
        /// The error text of the system or of SQLite.
        cause: String,
    },
}

impl OpenError {
    /// Creates the error for an error of the system.
    pub(super) fn of_system(path: &Path, doing: &'static str, error: &io::Error) -> Self {
        let (path, cause) = (path.to_owned(), error.to_string());
        match error.kind() {
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                Self::NotWritable { path, cause }
            }
            _ => Self::Failed { path, doing, cause },
        }
    }

    /// Creates the error for an error of SQLite.
    pub(super) fn of_database(path: &Path, doing: &'static str, error: &rusqlite::Error) -> Self {
        let (path, cause) = (path.to_owned(), error.to_string());
        match error.sqlite_error_code() {
            Some(ErrorCode::NotADatabase) => Self::Damaged {
                path,
                found: "this is not a database of SQLite".to_owned(),
            },
            Some(ErrorCode::DatabaseCorrupt) => Self::Damaged {
                path,
                found: format!("the database is damaged ({doing}: {cause})"),
            },
            Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
                Self::NotWritable { path, cause }
            }
            _ => Self::Failed { path, doing, cause },
        }
    }
}
