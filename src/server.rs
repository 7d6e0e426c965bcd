//! Starts the actors, then the HTTP workers; stops them in order.

use std::net::{SocketAddr, TcpListener, ToSocketAddrs};
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use actix::{Actor, Arbiter, ArbiterHandle};
use actix_codec::Framed;
use actix_http::h1::Codec;
use actix_http::{HttpService, Request};
use actix_server::Server;
use actix_service::{
    ServiceFactory, ServiceFactoryExt, apply_fn_factory, fn_factory, fn_service, map_config,
};
use actix_web::dev::AppConfig;
use actix_web::middleware::from_fn;
use actix_web::rt::net::TcpStream;
use actix_web::web::Data;
use actix_web::{App, Error};
use channelstream_actors::broker::Broker;
use socket2::{Domain, Protocol, Socket, Type};

use crate::admin::monitor::Monitor;
use crate::admin::session::Sessions;
use crate::admin::throttle::SignInThrottle;
use crate::demo;
use crate::exchange::{Exchange, watch};
use crate::lifecycle::Lifecycle;
use crate::middleware::doors;
use crate::process::{Started, local};
use crate::routes::routes;
use crate::settings::Settings;
use crate::signature::Gate;
use crate::stop::{self, Signals, Times};
use crate::transport::socket::{Handle, WatchedStream};
use crate::transport::upgrade::{self, LINGER};

/// Connections that wait to be accepted. Many come back at once after a restart.
const BACKLOG: i32 = 4096;

/// A socket takes no more of an answer while so many bytes wait to be written: what a client that
/// does not read may hold.
const WRITE_BUFFER: usize = 8 << 10;

/// Serves until SIGTERM or SIGINT, then stops in order.
///
/// # Errors
/// When the address cannot be listened on, or a second signal comes.
pub async fn serve(settings: Settings) -> std::io::Result<()> {
    raise_descriptor_limit();
    let broker = Broker::new(settings.limits());
    let listener = listen(&settings)?;
    let address = listener.local_addr()?;
    let signals = Signals::new()?;
    let lifecycle = Lifecycle::default();
    let (times, has_demo, links) = (
        Times::new(&settings),
        settings.demo,
        links(&settings, address),
    );
    let server = http_server(
        listener,
        address,
        broker.clone(),
        lifecycle.clone(),
        settings,
    )?;
    let stopped = stop::at_signal(signals, server.handle(), broker, lifecycle, times);
    log::info!(
        "serving on http://{address}, version {}",
        env!("CARGO_PKG_VERSION")
    );
    if has_demo {
        log::warn!(
            "the demo is on (demo): everyone who can reach this server can open http://{address}/ and http://{address}/demo"
        );
    }
    for link in links {
        log::info!("{link}");
    }
    let served = tokio::select! {
        stopped = stopped => stopped,
        served = server => served,
    };
    log::info!("stopped");
    served
}

/// The pages that a browser on this machine can open, each with its address.
fn links(settings: &Settings, address: SocketAddr) -> Vec<String> {
    // No page is served by plain http then, and by https only a proxy knows the address.
    if settings.enforce_https {
        return Vec::new();
    }
    let own = local(address);
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

/// A websocket is a descriptor; the usual 1,024 are soon used up.
fn raise_descriptor_limit() {
    match rlimit::increase_nofile_limit(u64::MAX) {
        Ok(limit) => log::info!("up to {limit} connections and files may be open at once (nofile)"),
        Err(error) => log::warn!("the limit of open files (nofile) could not be raised: {error}"),
    }
}

fn listen(settings: &Settings) -> std::io::Result<TcpListener> {
    let host = settings.host.trim_start_matches('[').trim_end_matches(']');
    let addresses: Vec<SocketAddr> = (host, settings.port).to_socket_addrs()?.collect();
    let mut result = Err(std::io::Error::other(format!("{host} is no address")));
    for address in addresses {
        result = listen_on(address);
        if result.is_ok() {
            break;
        }
    }
    result.map_err(|error| {
        std::io::Error::new(
            error.kind(),
            format!(
                "cannot listen on {}:{}: {error}",
                settings.host, settings.port
            ),
        )
    })
}

fn listen_on(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

fn http_server(
    listener: TcpListener,
    address: SocketAddr,
    broker: Broker,
    lifecycle: Lifecycle,
    settings: Settings,
) -> std::io::Result<Server> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let workers = if settings.workers == 0 {
        cores
    } else {
        settings.workers
    };
    let threads = Threads::new(workers, broker.clone());
    let unacknowledged = settings.limits().idle;
    let head_timeout = settings.head_timeout;
    let broker = Data::new(broker);
    let gate = Data::new(Gate::new(&settings));
    let sessions = Data::new(Sessions::new(&settings));
    let throttle = Data::new(SignInThrottle::default().start());
    let settings = Data::new(settings);
    let monitor = Data::new(Monitor::new(Broker::clone(&broker)).start());
    let lifecycle = Data::new(lifecycle);
    let started = Data::new(Started::now());
    let app = move || {
        let app = App::new()
            .app_data(broker.clone())
            .app_data(settings.clone())
            .app_data(gate.clone())
            .app_data(sessions.clone())
            .app_data(throttle.clone())
            .app_data(monitor.clone())
            .app_data(lifecycle.clone())
            .app_data(started.clone())
            .configure(|app| {
                if settings.demo {
                    demo::routes(app, &settings, address);
                }
            })
            .configure(routes)
            .wrap(from_fn(doors));
        let app = ServiceFactoryExt::map_err(
            actix_service::IntoServiceFactory::into_factory(app),
            |error: Error| error.error_response(),
        );
        map_config(app, |()| AppConfig::default())
    };
    let builder = Server::build();
    let stop = builder.graceful_shutdown_signal();
    // What `actix_web::HttpServer` would build, over a stream that can be cut from outside and
    // taken over by websockets.
    let service = move || {
        threads.enter();
        let (answers, upgrades) = (app(), Rc::new(app()));
        let upgrade = fn_factory(move || {
            let upgrades = upgrades.clone();
            async move {
                let app = Rc::new(upgrades.new_service(()).await?);
                Ok::<_, ()>(fn_service(
                    move |(request, framed): (Request, Framed<WatchedStream, Codec>)| {
                        let app = app.clone();
                        async move {
                            if let Err(error) = upgrade::answer(&*app, request, framed).await {
                                log::debug!("a websocket ended in its handshake: {error}");
                            }
                            Ok::<_, Error>(())
                        }
                    },
                ))
            }
        });
        let stop = stop.clone();
        let http = HttpService::build()
            // Connections on which nothing is under way end at once.
            .graceful_shutdown_signal(move || {
                let stop = stop.clone();
                async move { stop.notified().await }
            })
            .keep_alive(Duration::from_secs(75))
            .h1_write_buffer_size(WRITE_BUFFER)
            // The stream's own deadline counts for every head, not for the first only.
            .client_request_timeout(Duration::ZERO)
            .client_disconnect_timeout(LINGER)
            .on_connect_ext(|stream: &WatchedStream, data| {
                data.insert::<Arc<Handle>>(stream.handle());
                data.insert::<Arc<Exchange>>(stream.exchange());
            })
            .upgrade(upgrade)
            .h1(apply_fn_factory(answers, watch));
        fn_service(move |stream: TcpStream| async move {
            let peer = stream.peer_addr().ok();
            Ok((
                WatchedStream::new(stream, unacknowledged, head_timeout),
                peer,
            ))
        })
        .and_then(http)
    };
    let server = builder
        .workers(workers)
        .backlog(BACKLOG.unsigned_abs())
        .shutdown_timeout(u64::from(u32::MAX))
        .disable_signals()
        .listen("http", listener, service)?;
    Ok(server.run())
}

/// The threads that serve HTTP, which are also those of the actors: a call and the channel it is
/// for often share one, and then nothing has to wake another thread.
#[derive(Clone)]
struct Threads(Arc<ThreadsState>);

struct ThreadsState {
    handles: Vec<OnceLock<ArbiterHandle>>,
    entered: AtomicUsize,
    broker: Broker,
}

impl Threads {
    fn new(count: usize, broker: Broker) -> Self {
        let handles = (0..count).map(|_| OnceLock::new()).collect();
        Self(Arc::new(ThreadsState {
            handles,
            entered: AtomicUsize::new(0),
            broker,
        }))
    }

    /// Called by each thread before any connection is accepted. The threads start one after the
    /// other; the last completes the broker.
    fn enter(&self) {
        let ThreadsState {
            handles,
            entered,
            broker,
        } = &*self.0;
        // One that takes the place of a thread that ended by a fault comes too late to be one of
        // them.
        let Some(place) = handles.get(entered.fetch_add(1, Ordering::AcqRel)) else {
            return;
        };
        place.get_or_init(Arbiter::current);
        let all: Option<Vec<_>> = handles.iter().map(|handle| handle.get().cloned()).collect();
        if let Some(all) = all {
            broker.start_on(&all);
        }
    }
}
