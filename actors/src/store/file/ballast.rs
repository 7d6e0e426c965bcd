//! The ballast: a file that is removed when the disk is full. SQLite needs free space also to
//! delete.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::store::file::place::create_private;

/// The size of the ballast file, in bytes.
const BALLAST_BYTES: u64 = 16 << 20;

/// The number of bytes that are written at once.
const BLOCK_BYTES: usize = 1 << 20;

/// The ballast file at this path.
#[derive(Debug)]
pub(super) struct Ballast {
    path: PathBuf,
}

impl Ballast {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path }
    }

    /// Returns whether the file exists with its full size.
    pub(super) fn exists(&self) -> bool {
        fs::metadata(&self.path).is_ok_and(|metadata| metadata.len() == BALLAST_BYTES)
    }

    /// Creates the file if it does not exist. The file never takes the last space of the disk: it
    /// has twice its size at first and is then cut, so at least its size stays free.
    pub(super) fn make(&self) -> io::Result<()> {
        if self.exists() {
            return Ok(());
        }
        self.remove();
        let made = fill(&self.path);
        if made.is_err() {
            self.remove();
        }
        made
    }

    /// Removes the file. Returns whether there was one.
    pub(super) fn remove(&self) -> bool {
        fs::remove_file(&self.path).is_ok()
    }
}

/// Creates a file that really takes its space on the disk: it is synced, and has contents that a
/// file system cannot leave out or compress.
fn fill(path: &Path) -> io::Result<()> {
    let mut file: File = create_private(path)?;
    let mut block = Vec::with_capacity(BLOCK_BYTES);
    let mut number = 0x9e37_79b9_7f4a_7c15_u64;
    for _ in 0..2 * BALLAST_BYTES / BLOCK_BYTES as u64 {
        block.clear();
        while block.len() < BLOCK_BYTES {
            number ^= number << 13;
            number ^= number >> 7;
            number ^= number << 17;
            block.extend_from_slice(&number.to_ne_bytes());
        }
        file.write_all(&block)?;
    }
    file.sync_all()?;
    file.set_len(BALLAST_BYTES)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_takes_its_space() {
        let folder = tempfile::tempdir().unwrap();
        let ballast = Ballast::new(folder.path().join("ballast"));
        assert!(!ballast.exists());
        ballast.make().unwrap();
        ballast.make().unwrap();
        assert!(ballast.exists());
        let metadata = fs::metadata(folder.path().join("ballast")).unwrap();
        let blocks = std::os::unix::fs::MetadataExt::blocks(&metadata);
        assert!(blocks * 512 >= BALLAST_BYTES, "{blocks} blocks");
        assert!(ballast.remove());
        assert!(!ballast.remove());
    }
}
