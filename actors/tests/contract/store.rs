//! The file store of a sequence.

use std::fs::File;
use std::path::Path;
use std::time::Duration;

use channelstream_actors::store::file::{Durability, FileOptions};

use crate::operation::Setup;

/// The size of the file that a store keeps beside its own file, so that it has space on a full
/// disk.
const BALLAST_BYTES: u64 = 16 << 20;

/// Returns the options of a store that commits only on demand, or when a call waits for it.
pub(crate) fn options(setup: Setup, folder: &Path) -> FileOptions {
    // With this sparse file in place, the store does not write its own, which takes long.
    let ballast = File::create(folder.join("store.ballast")).unwrap();
    ballast.set_len(BALLAST_BYTES).unwrap();
    FileOptions {
        durability: if setup.is_durable {
            Durability::Always
        } else {
            Durability::Interval
        },
        flush_interval: Duration::from_secs(3600),
        ..FileOptions::new(folder.join("store"))
    }
}
