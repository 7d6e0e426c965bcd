//! Opens the socket on which the server accepts connections.

use std::net::{SocketAddr, TcpListener, ToSocketAddrs};

use socket2::{Domain, Protocol, Socket, Type};

use crate::accepting::SocketOwner;
use crate::server::inherited;
use crate::settings::Settings;

/// How many connections may wait to be accepted. Many clients come back at once after a restart.
pub(super) const BACKLOG: i32 = 4096;

/// Takes the socket that a service manager passed to this process, or opens one.
///
/// # Errors
/// Fails when the passed socket cannot be used, or when no address can be listened on.
pub(super) fn listen(settings: &Settings) -> std::io::Result<(TcpListener, SocketOwner)> {
    let Some(listener) = inherited::take(settings)? else {
        return Ok((bind(settings)?, SocketOwner::Process));
    };
    log::info!(
        "listening on {}, a socket that was passed to this process (LISTEN_FDS); host, port and \
         reuse_port have no effect",
        listener.local_addr()?
    );
    Ok((listener, SocketOwner::ServiceManager))
}

/// Listens on the first address of `host` and `port` that can be listened on.
///
/// # Errors
/// Fails when no address can be listened on; the error names `host` and `port`.
fn bind(settings: &Settings) -> std::io::Result<TcpListener> {
    let host = settings.host.trim_start_matches('[').trim_end_matches(']');
    let addresses: Vec<SocketAddr> = (host, settings.port).to_socket_addrs()?.collect();
    let mut result = Err(std::io::Error::other(format!("{host} is no address")));
    for address in addresses {
        result = listen_on(address, settings.reuse_port);
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

fn listen_on(address: SocketAddr, reuse_port: bool) -> std::io::Result<TcpListener> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(reuse_port)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}
