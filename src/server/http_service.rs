//! The HTTP service of a thread. It is what `actix_web::HttpServer` would build, but it runs on a
//! stream that other tasks can cut and that websockets can take over.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use actix_codec::Framed;
use actix_http::h1::Codec;
use actix_http::{HttpService, Request};
use actix_service::{ServiceFactory, ServiceFactoryExt, apply_fn_factory, fn_factory, fn_service};
use actix_web::Error;
use actix_web::web::Data;

use crate::exchange::{Exchange, watch};
use crate::server::application::{self, ListenerInfo};
use crate::services::Services;
use crate::transport::client_stream::ClientStream;
use crate::transport::socket_handle::SocketHandle;
use crate::transport::upgrade::{self, LINGER};
use crate::transport::watched_stream::WatchedStream;

/// The number of bytes of an answer that may wait for a socket before its body must pause. This
/// bounds the memory that a client can hold by not reading.
const WRITE_BUFFER: usize = 8 << 10;

/// The time for which an idle HTTP connection is kept open.
const KEEP_ALIVE: Duration = Duration::from_secs(75);

/// The longest time that the head of a request may take on a socket that exceeds a limit.
const OVER_LIMIT_HEAD_TIMEOUT: Duration = Duration::from_secs(1);

/// The deadlines of a stream.
#[derive(Clone, Copy, Debug)]
pub(super) struct StreamLimits {
    /// The longest time for which sent bytes may stay unacknowledged.
    pub(super) unacknowledged: Duration,
    /// The longest time that the head of a request may take to arrive.
    pub(super) head_timeout: Duration,
}

/// Builds the service of a thread for the connections of a socket. `stopping` returns a future that
/// completes when idle connections must close.
pub(super) fn build<S, F>(
    services: Data<Services>,
    listener_info: ListenerInfo,
    limits: StreamLimits,
    stopping: impl Fn() -> F + 'static,
) -> impl ServiceFactory<S, Config = (), Response = (), InitError = ()>
where
    S: Into<ClientStream> + 'static,
    F: Future<Output = ()> + 'static,
{
    let (accepting, counted) = (services.accepting.clone(), services.clone());
    // The first answers ordinary requests, the second answers requests whose stream leaves HTTP.
    let [answers, upgrades] =
        [(), ()].map(|()| application::build(services.clone(), listener_info));
    let upgrades = Rc::new(upgrades);
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
    let http = HttpService::build()
        // Connections without a request under way close at once when the server stops.
        .graceful_shutdown_signal(stopping)
        .keep_alive(KEEP_ALIVE)
        .h1_write_buffer_size(WRITE_BUFFER)
        // The stream has its own deadline, which applies to every head. The deadline of actix-http
        // applies to the first head only.
        .client_request_timeout(Duration::ZERO)
        .client_disconnect_timeout(LINGER)
        .on_connect_ext(|stream: &WatchedStream, data| {
            data.insert::<Arc<SocketHandle>>(stream.handle());
            data.insert::<Arc<Exchange>>(stream.exchange());
        })
        .upgrade(upgrade)
        .h1(apply_fn_factory(answers, watch));
    fn_service(move |stream: S| {
        let stream = stream.into();
        let peer = stream.peer();
        let address = peer.map(|peer| peer.ip());
        let settings = &counted.live.current().settings;
        let socket = counted.client_limits.open_socket(address, settings);
        let head_timeout = match socket.exceeded_limit() {
            // The socket uses a descriptor that other clients may need.
            Some(_) => limits.head_timeout.min(OVER_LIMIT_HEAD_TIMEOUT),
            None => limits.head_timeout,
        };
        let exchange = Exchange::new(accepting.begin_connection(), socket);
        async move {
            Ok((
                WatchedStream::new(stream, exchange, limits.unacknowledged, head_timeout),
                peer,
            ))
        }
    })
    .and_then(http)
}
