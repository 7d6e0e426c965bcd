//! Starts the server: the socket, the actors, and the threads that serve HTTP.

mod application;
mod http_service;
mod inherited;
mod listener;
mod reload;
mod service_manager;
mod store;
mod threads;
mod unix_socket;

use std::net::SocketAddr;
use std::sync::Arc;

use actix_server::Server;
use actix_web::web::Data;
use channelstream_actors::broker::Broker;

pub use self::reload::ReadSettings;
use crate::metrics::event_loop;
use crate::process::find_local_address;
use crate::routes::Exposure;
use crate::server::application::ListenerInfo;
use crate::server::http_service::StreamLimits;
use crate::server::listener::{ListenSocket, Listeners};
use crate::server::service_manager::{Change, ServiceManager};
use crate::server::threads::WorkerThreads;
use crate::services::Services;
use crate::settings::{Machine, Settings};
use crate::stop::{self, Signals, StopTimes};

/// Serves until SIGTERM or SIGINT, then performs an orderly stop. Reads the settings again at
/// SIGHUP.
///
/// # Errors
/// Fails when the server cannot listen on its address, when a passed socket or the store cannot be
/// used, or when a second signal arrives.
pub async fn serve(mut settings: Settings, read: Arc<ReadSettings>) -> std::io::Result<()> {
    raise_descriptor_limit();
    settings.derive_memory_limit(&Machine::read());
    let listeners = listener::listen(&settings)?;
    let mut signals = Signals::new()?;
    let hangups = reload::catch_hangups()?;
    let manager = ServiceManager::find()?;
    manager.notify(Change::Starting);
    // The sockets listen already, so clients that connect now wait until the store is read.
    let (store, kept) = tokio::select! {
        opened = store::open(&settings) => opened?,
        () = signals.next() => return Ok(()),
    };
    let broker = Broker::with_store(settings.limits(), store, kept);
    let services = Data::new(Services::start(settings, broker, listeners.owner));
    log_addresses(&services.settings, &listeners);
    let threads = WorkerThreads::new(count_workers(&services.settings), services.broker.clone());
    let server = start_http(listeners, &services, &threads)?;
    let told = manager.follow(services.lifecycle.clone(), threads);
    manager.notify(Change::Ready);
    let stopped = stop::stop_at_signal(
        signals,
        server.handle(),
        &services.broker,
        &services.lifecycle,
        &services.accepting,
        StopTimes::new(&services.settings),
    );
    let served = tokio::select! {
        stopped = stopped => stopped,
        served = server => served,
        () = reload::reload_at_hangups(hangups, read, services.clone(), manager.clone()) => Ok(()),
    };
    manager.finish(told).await;
    log::info!("stopped");
    served
}

/// Starts the threads, which accept connections from all sockets.
fn start_http(
    listeners: Listeners,
    services: &Data<Services>,
    threads: &WorkerThreads,
) -> std::io::Result<Server> {
    let limits = StreamLimits {
        unacknowledged: services.settings.limits().idle,
        head_timeout: services.settings.head_timeout,
    };
    let builder = Server::build();
    let stop = builder.graceful_shutdown_signal();
    let page_address = listeners.find_page_address();
    let mut builder = builder
        .workers(threads.count())
        .backlog(listener::BACKLOG.unsigned_abs())
        // The orderly stop sets the deadlines (`stop.rs`).
        .shutdown_timeout(u64::from(u32::MAX))
        .disable_signals();
    for (index, listener) in listeners.all.into_iter().enumerate() {
        let (threads, stop, services) = (threads.clone(), stop.clone(), services.clone());
        let listener_info = ListenerInfo {
            exposure: listener.exposure,
            page_address,
        };
        let metrics = services.metrics.clone();
        // Every thread builds a service for each socket, but must be registered only once.
        let register_thread = move || {
            if index == 0 {
                threads.register_current();
                event_loop::watch(metrics.clone());
            }
        };
        let stopping = move || {
            let stop = stop.clone();
            async move { stop.notified().await }
        };
        builder = match listener.socket {
            ListenSocket::Tcp(socket) => builder.listen("http", socket, move || {
                register_thread();
                http_service::build(services.clone(), listener_info, limits, stopping.clone())
            })?,
            ListenSocket::Unix(socket) => builder.listen_uds("http", socket, move || {
                register_thread();
                http_service::build(services.clone(), listener_info, limits, stopping.clone())
            })?,
        };
    }
    Ok(builder.run())
}

fn count_workers(settings: &Settings) -> usize {
    if settings.workers == 0 {
        std::thread::available_parallelism().map_or(1, usize::from)
    } else {
        settings.workers
    }
}

/// Raises the limit of open files. Each websocket needs a descriptor, and the usual limit of 1,024
/// is soon reached.
fn raise_descriptor_limit() {
    match rlimit::increase_nofile_limit(u64::MAX) {
        Ok(limit) => {
            log::info!("up to {limit} connections and files may be open at once (nofile)");
        }
        Err(error) => {
            log::warn!("the limit of open files (nofile) could not be raised: {error}");
        }
    }
}

/// Logs the addresses of the server and its pages.
fn log_addresses(settings: &Settings, listeners: &Listeners) {
    for (index, listener) in listeners.all.iter().enumerate() {
        let socket = &listener.socket;
        match listener.exposure {
            _ if index == 0 => {
                log::info!("serving on {socket}, version {}", env!("CARGO_PKG_VERSION"))
            }
            Exposure::Everything if !settings.internal_listen.is_empty() => {
                log::info!("serving calls, panel and health on {socket} (internal_listen)");
            }
            Exposure::Everything | Exposure::Clients => log::info!("serving on {socket} too"),
        }
    }
    let Some(address) = listeners.find_page_address() else {
        return;
    };
    if settings.demo {
        log::warn!(
            "the demo is on (demo): everyone who can reach this server can open \
             http://{address}/ and http://{address}/demo"
        );
    }
    for link in list_links(settings, address) {
        log::info!("{link}");
    }
}

/// Lists the pages that a browser on this machine can open, each with its address.
fn list_links(settings: &Settings, address: SocketAddr) -> Vec<String> {
    // Then no page is served over plain HTTP, and the server does not know the address at which the
    // proxy serves the pages.
    if settings.enforce_https {
        return Vec::new();
    }
    let own = find_local_address(address);
    let mut links = Vec::new();
    if settings.demo {
        links.push(format!("front page:   http://{own}/"));
    }
    links.push(format!(
        "admin panel:  http://{own}/admin (sign in as {:?} with admin_secret)",
        settings.admin_user
    ));
    links.push(format!("API explorer: http://{own}/api-explorer"));
    links
}
