//! Where a store is: its file, and the files beside it.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::store::file::error::OpenError;
use crate::store::file::mounts::network_file_system;

/// Only the owner may read and write: the file holds private messages, and the ids by which one can
/// act as a connection.
pub(super) const FILE_MODE: u32 = 0o600;

/// Where a store is.
#[derive(Clone, Debug)]
pub(super) struct Place {
    path: PathBuf,
}

/// What tells a file from another one that takes its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FileIdentity {
    device: u64,
    inode: u64,
}

impl Place {
    /// Finds the place of a file, whose folder must exist on a local file system.
    pub(super) fn find(path: &Path) -> Result<Self, OpenError> {
        let folder = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        let name = path
            .file_name()
            .ok_or_else(|| OpenError::NotAFile(path.to_owned()))?;
        let folder = folder.canonicalize().map_err(|error| match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => {
                OpenError::NoFolder(folder.to_owned())
            }
            _ => OpenError::of_system(folder, "looking for the folder", &error),
        })?;
        if !folder.is_dir() {
            return Err(OpenError::NoFolder(folder));
        }
        if let Some(kind) = network_file_system(&folder) {
            return Err(OpenError::NetworkFileSystem { folder, kind });
        }
        let path = folder.join(name);
        if path.exists() && !path.is_file() {
            return Err(OpenError::NotAFile(path));
        }
        Ok(Self { path })
    }

    /// Returns the path of the file, which is absolute.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the path of a file beside it, whose name ends with this.
    pub(super) fn beside(&self, ending: &str) -> PathBuf {
        beside(&self.path, ending)
    }

    /// Returns the path of SQLite's write-ahead log.
    pub(super) fn wal(&self) -> PathBuf {
        self.beside("-wal")
    }

    /// Creates the file where there is none, so that it has its mode before anything is in it.
    pub(super) fn create(&self) -> io::Result<()> {
        match create_private(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            created => created.map(drop),
        }
    }

    /// Returns which file stands at the path now; `None` if there is none.
    pub(super) fn identity(&self) -> Option<FileIdentity> {
        // The file is never opened here: closing it would end the locks that SQLite has on it.
        let metadata = fs::metadata(&self.path).ok()?;
        Some(FileIdentity {
            device: metadata.dev(),
            inode: metadata.ino(),
        })
    }
}

/// Returns the path of a file beside another one, whose name ends with this.
pub(super) fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(ending);
    PathBuf::from(name)
}

/// Creates a file that is not there yet, with its mode.
pub(super) fn create_private(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(FILE_MODE)
        .open(path)
}

/// Makes sure that the names of new files in the folder of `path` outlast a power cut.
pub(super) fn sync_folder(path: &Path) -> io::Result<()> {
    path.parent()
        .map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}
