//! Reads the settings again at SIGHUP, and puts those into force that can change while the server
//! runs.

use std::sync::Arc;

use actix_web::web::{Data, block};
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::server::service_manager::{Change, ServiceManager};
use crate::services::Services;
use crate::settings::{Loaded, Machine, SettingsError};

/// A function that reads the settings from the same sources as at the start.
pub type ReadSettings = dyn Fn() -> Result<Loaded, SettingsError> + Send + Sync;

/// Begins to catch SIGHUP, which would otherwise end the process.
///
/// # Errors
/// Fails when the system does not allow it.
pub(super) fn catch_hangups() -> std::io::Result<Signal> {
    signal(SignalKind::hangup())
}

/// Reads the settings again at each SIGHUP, for as long as the server runs.
pub(super) async fn reload_at_hangups(
    mut hangups: Signal,
    read: Arc<ReadSettings>,
    services: Data<Services>,
    manager: ServiceManager,
) {
    while hangups.recv().await.is_some() {
        manager.notify(Change::Reloading);
        let read = read.clone();
        // Reading files may block, so it runs on a thread that serves no clients.
        match block(move || read()).await {
            Ok(Ok(loaded)) => reload(loaded, &services),
            Ok(Err(error)) => refuse(&error),
            Err(error) => log::error!("the settings could not be read again: {error}"),
        }
        // This is sent even if the settings were refused: the server goes on with those in force.
        manager.notify(Change::Ready);
    }
    std::future::pending().await
}

fn reload(loaded: Loaded, services: &Services) {
    let Loaded {
        mut settings,
        remarks,
    } = loaded;
    settings.derive_memory_limit(&Machine::read());
    let current = services.live.snapshot();
    let reloaded = match current.settings.reload(&settings) {
        Ok(reloaded) => reloaded,
        Err(error) => return refuse(&error),
    };
    let is_warning = |(level, _): &(log::Level, String)| *level == log::Level::Warn;
    let remarks = remarks.into_iter().filter(is_warning);
    for warning in remarks.map(|(_, text)| text).chain(reloaded.warnings) {
        log::warn!("{warning}");
    }
    if !reloaded.waiting.is_empty() {
        log::warn!(
            "changed in the settings, but takes effect at the next start only: {}",
            reloaded.waiting.join(", ")
        );
    }
    if reloaded.changed.is_empty() {
        log::info!("the settings were read again (SIGHUP): nothing has changed");
        return;
    }
    services.reload(reloaded.settings);
    log::info!(
        "the settings were read again (SIGHUP); changed: {}",
        reloaded.changed.join(", ")
    );
}

fn refuse(error: &SettingsError) {
    log::error!(
        "the settings were read again (SIGHUP) and refused; the former settings stay in force: \
         {error}"
    );
}
