//! What a file store is opened with.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// What a file store is opened with.
#[derive(Clone, Debug)]
pub struct FileOptions {
    /// The file. Its folder must exist; the file is made where there is none.
    pub path: PathBuf,
    /// When a change counts as kept.
    pub durability: Durability,
    /// How long a change waits at most before it is written.
    pub flush_interval: Duration,
    /// How many bytes of changes may wait at most. Beyond that the store drops them, refuses calls,
    /// and is written anew when the disk works again.
    pub queue_bytes: usize,
    /// How long to wait for another process that holds the store.
    pub lock_wait: Duration,
}

impl FileOptions {
    /// Creates the default options for a file.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            durability: Durability::Interval,
            flush_interval: Duration::from_millis(50),
            queue_bytes: 64 << 20,
            lock_wait: Duration::from_secs(30),
        }
    }
}

/// When a change counts as kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// Calls are answered at once. A process that is killed loses the changes of the last flush
    /// interval, a power cut those of about a second.
    #[default]
    Interval,
    /// A call is answered when its change is on the disk.
    Always,
}

impl Durability {
    /// Returns the name that the settings have for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Interval => "interval",
            Self::Always => "always",
        }
    }

    /// Returns what has this name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Interval, Self::Always]
            .into_iter()
            .find(|durability| durability.as_str() == name)
    }
}

impl fmt::Display for Durability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
