//! The place of a store: its file, and the files beside it.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::store::file::error::OpenError;
use crate::store::file::mounts::network_file_system;

/// The access mode of the files: only the owner may read and write. They hold private messages, and
/// the ids of connections, which are enough to act as the connection.
pub(super) const FILE_MODE: u32 = 0o600;

/// The place of a store.
#[derive(Clone, Debug)]
pub(super) struct Place {
    path: PathBuf,
}

/// The identity of a file. It differs if another file is put in the same place.
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

    /// Returns the path of a file beside the store: the name of the store with this ending.
    pub(super) fn beside(&self, ending: &str) -> PathBuf {
        beside(&self.path, ending)
    }

    /// Returns the path of SQLite's write-ahead log.
    pub(super) fn wal(&self) -> PathBuf {
        self.beside("-wal")
    }

    /// Creates an empty file if there is none, so that it has its mode before it has any contents.
    pub(super) fn create(&self) -> io::Result<()> {
        match create_private(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            created => created.map(drop),
        }
    }

    /// Returns the identity of the file that is at the path now; `None` if there is none.
    pub(super) fn identity(&self) -> Option<FileIdentity> {
        // The file is never opened here: closing it would end the locks that SQLite has on it.
        let metadata = fs::metadata(&self.path).ok()?;
        Some(FileIdentity {
            device: metadata.dev(),
            inode: metadata.ino(),
        })
    }
}

/// Returns the path with this ending added to the name of the file.
pub(super) fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(ending);
    PathBuf::from(name)
}

/// Creates a file, which must not exist yet, with the mode `FILE_MODE`.
pub(super) fn create_private(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(FILE_MODE)
        .open(path)
}

/// Syncs the folder of `path`, so that the names of new files in it survive a power cut.
pub(super) fn sync_folder(path: &Path) -> io::Result<()> {
    path.parent()
        .map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}
