//! The options of a file store.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// The options with which a file store is opened.
#[derive(Clone, Debug)]
pub struct FileOptions {
    /// The path of the file. Its folder must exist; the file is created if it does not exist.
    pub path: PathBuf,
    /// The point at which a change counts as kept.
    pub durability: Durability,
    /// The longest time that a change waits before it is written.
    pub flush_interval: Duration,
    /// The largest number of bytes of changes that may wait. Beyond it the store drops the changes,
    /// refuses calls, and is written anew when the disk works again.
    pub queue_bytes: usize,
    /// The longest time to wait for another process that holds the store.
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

/// The point at which a change counts as kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// Calls are answered at once. If the process is killed, the changes of the last flush interval
    /// are lost. In a power cut, the changes of about one second are lost.
    #[default]
    Interval,
    /// A call is answered when its change is on the disk.
    Always,
}

impl Durability {
    /// Returns the name of this durability in the settings.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Interval => "interval",
            Self::Always => "always",
        }
    }

    /// Returns the durability with this name in the settings.
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
