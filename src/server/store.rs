//! Opens the store before anything is accepted.

use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use channelstream_actors::store::Store;
use channelstream_actors::store::file::{Durability, FileOptions, FileStore};
use channelstream_actors::store::note::Kept;
use tokio::sync::oneshot;

use crate::settings::{Settings, StoreKind, StoreSync};

/// How much longer than an orderly stop takes the file may be held by the process before this one.
const LATE: Duration = Duration::from_secs(10);

/// Opens the store and reads what it has kept. This may wait until the process before this one has
/// ended, and is done on a thread of its own, so that signals are heard meanwhile.
///
/// # Errors
/// Fails when the file cannot be used; the error says why, and what to do.
pub(super) async fn open(settings: &Settings) -> std::io::Result<(Store, Kept)> {
    let Some(options) = file_options(settings) else {
        return Ok((Store::Memory, Kept::default()));
    };
    let (reply, opened) = oneshot::channel();
    thread::Builder::new()
        .name("store-opening".to_owned())
        .spawn(move || {
            // Nobody waits any more when the process is stopped meanwhile.
            reply.send(FileStore::open(&options)).ok();
        })?;
    let opened = opened.await.map_err(std::io::Error::other)?;
    let (file, kept) = opened.map_err(std::io::Error::other)?;
    Ok((Store::File(file), kept))
}

fn file_options(settings: &Settings) -> Option<FileOptions> {
    let drain = settings.drain_notice + settings.drain_time + 2 * settings.close_grace;
    match settings.store {
        StoreKind::Memory => None,
        StoreKind::File => Some(FileOptions {
            path: PathBuf::from(&settings.store_path),
            durability: match settings.store_sync {
                StoreSync::Interval => Durability::Interval,
                StoreSync::Always => Durability::Always,
            },
            flush_interval: settings.store_flush_interval,
            queue_bytes: settings.store_queue_bytes,
            lock_wait: drain + LATE,
        }),
    }
}
