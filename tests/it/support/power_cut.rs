//! Simulates a power cut: after the process was killed, the files of a folder become what the disk
//! would hold after a loss of power. A kill alone shows nothing, since the kernel keeps what was
//! written.
//!
//! A library that is preloaded into the process (`power_cut/calls.c`) records what the process
//! writes and what it syncs. The files are rebuilt from these records.
//!
//! ```ignore
//! let mut cut = PowerCut::new(&folder);
//! let mut server = Server::start_with(&flags, &cut.environment());
//! // ... calls that the server has answered ...
//! server.kill();
//! cut.forget_unsynced();
//! let server = server.start_again();
//! ```
//!
//! Each cut checks that the records explain the files, so a write that escapes the library fails
//! the test.
//!
//! Not modelled: folders in the folder, a sync that failed, O_SYNC, `sync` and `sync_file_range`
//! (what they wrote counts as unsynced), blocks that hold garbage, a disk that syncs without
//! effect. The program must be linked to the C library at run time, as the server is.

mod disk;
mod file;
mod journal;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use self::disk::{Disk, Files};
use self::journal::Journal;
use super::random::Random;

pub(crate) struct PowerCut {
    folder: PathBuf,
    journal: PathBuf,
    variables: [(&'static str, String); 3],
    /// The files at the time at which the journal began.
    durable: Files,
}

/// The counts of one power cut.
#[derive(Debug)]
pub(crate) struct Cut {
    /// The number of syncs of a file or of the folder since the last cut.
    pub(crate) syncs: usize,
    /// The number of writes and other changes that were not synced.
    pub(crate) unsynced: usize,
}

impl PowerCut {
    /// Starts to record the processes that write to this folder, one at a time. The present content
    /// of the folder counts as durable.
    pub(crate) fn new(folder: &Path) -> Self {
        let folder = folder.canonicalize().unwrap();
        let journal = std::env::temp_dir().join(format!("journal-{}", uuid::Uuid::new_v4()));
        let text = |path: &Path| path.to_str().unwrap().to_owned();
        Self {
            durable: read(&folder),
            variables: [
                ("LD_PRELOAD", text(library())),
                ("CUT_FOLDER", text(&folder)),
                ("CUT_JOURNAL", text(&journal)),
            ],
            folder,
            journal,
        }
    }

    /// Returns the environment for each process that writes to the folder.
    pub(crate) fn environment(&self) -> [(&str, &str); 3] {
        self.variables
            .each_ref()
            .map(|(name, value)| (*name, value.as_str()))
    }

    /// Cuts the power after the process was killed: only synced data stays.
    pub(crate) fn forget_unsynced(&mut self) -> Cut {
        self.cut(Disk::synced)
    }

    /// Cuts the power when the disk had written a random part of the unsynced data. The same seed
    /// keeps the same part of the same writes.
    pub(crate) fn keep_some_unsynced(&mut self, seed: u64) -> Cut {
        self.cut(|disk| disk.partly(&mut Random::new(seed)))
    }

    /// Keeps everything that the killed process has written, as without a power cut. It counts as
    /// durable from now on.
    pub(crate) fn keep_unsynced(&mut self) -> Cut {
        let written = read(&self.folder);
        self.cut(|_| written)
    }

    fn cut(&mut self, left: impl FnOnce(&Disk) -> Files) -> Cut {
        let mut disk = Disk::new(&self.durable);
        let mut is_cut_short = false;
        if let Some(mut journal) = Journal::open(&self.journal) {
            for (at, record) in journal.by_ref() {
                disk.apply(at, record);
            }
            is_cut_short = journal.is_cut_short;
            fs::remove_file(&self.journal).unwrap();
        }
        if !is_cut_short {
            self.assert_complete(&disk.all());
        }
        self.durable = left(&disk);
        replace(&self.folder, &self.durable);
        Cut {
            syncs: disk.syncs,
            unsynced: disk.unsynced(),
        }
    }

    /// Checks that the journal and the files agree. Otherwise calls that the library does not
    /// record have changed the files.
    fn assert_complete(&self, recorded: &Files) {
        let written = read(&self.folder);
        let names: BTreeSet<&String> = written.keys().chain(recorded.keys()).collect();
        let wrong: Vec<_> = names
            .into_iter()
            .filter(|name| written.get(*name) != recorded.get(*name))
            .collect();
        assert!(
            wrong.is_empty(),
            "changed by a call that is not recorded: {wrong:?}"
        );
    }
}

impl Drop for PowerCut {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.journal);
    }
}

/// Compiles the library, once.
fn library() -> &'static Path {
    static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/support/power_cut");
        let library = Path::new(env!("CARGO_TARGET_TMPDIR")).join("libpowercut.so");
        // Another run of the tests may use the library or compile it too.
        let new = library.with_extension(uuid::Uuid::new_v4().to_string());
        let status = Command::new("cc")
            .args(["-shared", "-fPIC", "-O2", "-pthread", "-o"])
            .arg(&new)
            .args(["calls.c", "journal.c"].map(|name| sources.join(name)))
            .status()
            .expect("a C compiler is missing: run make .tools");
        assert!(status.success());
        fs::rename(new, &library).unwrap();
        library
    })
}

/// Reads the files, except for those that SQLite maps into memory.
fn read(folder: &Path) -> Files {
    let entries = fs::read_dir(folder).unwrap().map(Result::unwrap);
    entries
        .map(|entry| {
            let name = entry.file_name().into_string().unwrap();
            let is_file = entry.file_type().unwrap().is_file();
            assert!(is_file, "{name} is not a file, which is not modelled");
            (name, entry.path())
        })
        .filter(|(name, _)| !name.ends_with("-shm"))
        .map(|(name, path)| (name, fs::read(path).unwrap()))
        .collect()
}

/// Makes these the only files in the folder.
fn replace(folder: &Path, files: &Files) {
    for entry in fs::read_dir(folder).unwrap() {
        fs::remove_file(entry.unwrap().path()).unwrap();
    }
    for (name, bytes) in files {
        fs::write(folder.join(name), bytes).unwrap();
    }
}
