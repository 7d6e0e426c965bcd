//! Opens the store before the server accepts connections.

use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use channelstream_actors::store::Store;
use channelstream_actors::store::file::{Durability, FileOptions, FileStore};
use channelstream_actors::store::note::Kept;
use channelstream_actors::store::redis::link::Place;
use channelstream_actors::store::redis::node::Node;
use tokio::sync::oneshot;

use crate::settings::{Settings, StoreKind, StoreSync};

/// The time that the former process may hold the file beyond the time of an orderly stop.
const EXTRA_LOCK_WAIT: Duration = Duration::from_secs(10);

/// Opens the store and reads its contents. This may wait until the former process has ended. It
/// runs on its own thread, so that the server can still react to signals.
///
/// # Errors
/// Fails when the file cannot be used. The error says why, and what to do.
pub(super) async fn open(settings: &Settings) -> std::io::Result<(Store, Kept)> {
    if settings.store == StoreKind::Redis {
        let servers = settings.redis_servers().map_err(std::io::Error::other)?;
        let (prefix, replicas) = (&settings.redis_prefix, settings.redis_replicas);
        let place = Place::new(servers, prefix, &settings.limits(), replicas);
        for warning in place.check().await.map_err(std::io::Error::other)? {
            log::warn!("{warning}");
        }
        return Ok((Store::Redis(Node::new(place)), Kept::default()));
    }
    let Some(options) = file_options(settings) else {
        return Ok((Store::Memory, Kept::default()));
    };
    let (reply, opened) = oneshot::channel();
    thread::Builder::new()
        .name("store-opening".to_owned())
        .spawn(move || {
            // Fails only if the process was stopped in the meantime; then nobody needs the result.
            reply.send(FileStore::open(&options)).ok();
        })?;
    let opened = opened.await.map_err(std::io::Error::other)?;
    let (file, kept) = opened.map_err(std::io::Error::other)?;
    Ok((Store::File(file), kept))
}

fn file_options(settings: &Settings) -> Option<FileOptions> {
    let drain = settings.drain_notice + settings.drain_time + 2 * settings.close_grace;
    match settings.store {
        StoreKind::Memory | StoreKind::Redis => None,
        StoreKind::File => Some(FileOptions {
            path: PathBuf::from(&settings.store_path),
            durability: match settings.store_sync {
                StoreSync::Interval => Durability::Interval,
                StoreSync::Always => Durability::Always,
            },
            flush_interval: settings.store_flush_interval,
            queue_bytes: settings.store_queue_bytes,
            lock_wait: drain + EXTRA_LOCK_WAIT,
        }),
    }
}
