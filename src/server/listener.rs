//! Opens the socket on which the server accepts connections.

use std::net::{SocketAddr, TcpListener, ToSocketAddrs};

use socket2::{Domain, Protocol, Socket, Type};

use crate::settings::Settings;

/// How many connections may wait to be accepted. Many clients come back at once after a restart.
pub(super) const BACKLOG: i32 = 4096;

/// Listens on the first address of `host` and `port` that can be listened on.
///
/// # Errors
/// Fails when no address can be listened on; the error names `host` and `port`.
pub(super) fn listen(settings: &Settings) -> std::io::Result<TcpListener> {
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
