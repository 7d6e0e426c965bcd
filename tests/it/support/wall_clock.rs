//! The wall clock of one server, which a test can set. It needs libfaketime (Debian's package
//! `faketime`).

use std::path::{Path, PathBuf};

use super::server::Server;

/// The wall clock of one server. The server's monotonic clock is not changed.
pub(crate) struct WallClock {
    /// The file from which libfaketime reads the shift whenever the clock is read.
    file: PathBuf,
}

impl WallClock {
    /// Starts a server with its own clock, which shows the real time at first. Signatures may have
    /// any age.
    pub(crate) fn start(flags: &[(&str, &str)]) -> (Server, Self) {
        let clock = Self {
            file: std::env::temp_dir().join(format!("clock-{}", uuid::Uuid::new_v4())),
        };
        clock.set("+0d");
        let library = library();
        let variables = [
            ("LD_PRELOAD", library.to_str().unwrap()),
            ("FAKETIME_TIMESTAMP_FILE", clock.file.to_str().unwrap()),
            ("FAKETIME_NO_CACHE", "1"),
            // Older and newer versions of libfaketime use different names.
            ("DONT_FAKE_MONOTONIC", "1"),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
        ];
        (
            Server::start_with(
                &[flags, &[("validate-requests", "false")]].concat(),
                &variables,
            ),
            clock,
        )
    }

    /// Sets the clock: `+3d` is three days ahead of the real time, `-3d` three days behind it.
    pub(crate) fn set(&self, shift: &str) {
        // The file is replaced at once, so that the server never reads a half-written shift.
        let new = self.file.with_extension("new");
        std::fs::write(&new, shift).unwrap();
        std::fs::rename(new, &self.file).unwrap();
    }
}

impl Drop for WallClock {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.file);
    }
}

fn library() -> PathBuf {
    let is_there = |folder: &PathBuf| folder.join("faketime/libfaketimeMT.so.1").exists();
    let mut folders = std::fs::read_dir(Path::new("/usr/lib"))
        .unwrap()
        .map(|folder| folder.unwrap().path());
    let folder = folders
        .find(is_there)
        .expect("libfaketime is missing: install the package faketime");
    folder.join("faketime/libfaketimeMT.so.1")
}
