//! The lock that lets only one process use a store.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::store::file::error::OpenError;
use crate::store::file::place::{FILE_MODE, Place};

/// The time between two attempts to take the lock.
const RETRY: Duration = Duration::from_millis(100);

/// The lock of a store. It ends when the value is dropped or the process ends.
///
/// The lock is on a separate file: SQLite's exclusive mode would keep backups and readers out too.
/// The file stays when the lock ends, since removing it could give the lock to two processes.
#[derive(Debug)]
pub(super) struct StoreLock {
    file: File,
}

impl StoreLock {
    /// Takes the lock. If another process holds it, waits at most for `wait`.
    pub(super) fn take(place: &Place, wait: Duration) -> Result<Self, OpenError> {
        let path = place.beside(".lock");
        let failed =
            |error: &std::io::Error| OpenError::of_system(&path, "locking the store", error);
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(FILE_MODE)
            .open(&path)
            .map_err(|error| failed(&error))?;
        let began = Instant::now();
        let mut is_told = false;
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::Error(error)) => return Err(failed(&error)),
                Err(TryLockError::WouldBlock) => {}
            }
            let owner = owner(place).unwrap_or_else(|| "another process".to_owned());
            let waited = began.elapsed();
            if waited >= wait {
                let path = place.path().to_owned();
                return Err(OpenError::Held {
                    path,
                    owner,
                    waited,
                });
            }
            if !is_told {
                is_told = true;
                log::info!(
                    "{}: held by {owner}; waiting up to {} s",
                    place.path().display(),
                    wait.as_secs()
                );
            }
            std::thread::sleep(RETRY.min(wait - waited));
        }
        let lock = Self { file };
        // The text is only for people: the lock also works without it.
        if let Err(error) = lock.write_owner() {
            log::debug!("{}: {error}", path.display());
        }
        Ok(lock)
    }

    /// Writes the name of this process to the lock file.
    fn write_owner(&self) -> std::io::Result<()> {
        let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        let host = match host.trim() {
            "" => "unknown",
            host => host,
        };
        let mut file = &self.file;
        file.set_len(0)?;
        file.rewind()?;
        writeln!(file, "process {} on host {host}", std::process::id())
    }
}

impl Drop for StoreLock {
    fn drop(&mut self) {
        // The text is removed before the lock ends, so it never names a process without the lock.
        drop(self.file.set_len(0));
    }
}

/// Returns the process that is named in the lock file.
fn owner(place: &Place) -> Option<String> {
    let text = std::fs::read_to_string(place.beside(".lock")).ok()?;
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

/// Returns the process that holds the lock; `None` if there is none.
pub(super) fn holder(place: &Place) -> Option<String> {
    let path: PathBuf = place.beside(".lock");
    let file = File::open(path).ok()?;
    match file.try_lock_shared() {
        Err(TryLockError::WouldBlock) => {
            Some(owner(place).unwrap_or_else(|| "another process".to_owned()))
        }
        _ => None,
    }
}
