//! Opens the sockets on which the server accepts connections.

use std::fmt;
use std::io::{Error, Result};
use std::net::{SocketAddr, TcpListener, ToSocketAddrs};
use std::os::unix::net::UnixListener;

use socket2::{Domain, Protocol, Socket, Type};

use crate::accepting::SocketOwner;
use crate::routes::Exposure;
use crate::server::{inherited, unix_socket};
use crate::settings::{ListenAddress, Settings};

/// The number of connections that may wait to be accepted. It is large because many clients come
/// back at once after a restart.
pub(super) const BACKLOG: i32 = 4096;

/// A listening socket.
pub(super) enum ListenSocket {
    /// A TCP port.
    Tcp(TcpListener),
    /// A Unix socket.
    Unix(UnixListener),
}

/// A listening socket, and the paths that are served on it.
pub(super) struct Listener {
    pub(super) socket: ListenSocket,
    pub(super) exposure: Exposure,
}

/// All listening sockets of this process.
pub(super) struct Listeners {
    pub(super) all: Vec<Listener>,
    /// The owner of the sockets that are not internal, which keeps them open.
    pub(super) owner: SocketOwner,
}

impl Listeners {
    /// Returns the first TCP address at which signed calls and pages are served.
    pub(super) fn find_page_address(&self) -> Option<SocketAddr> {
        let mut serving_pages = self
            .all
            .iter()
            .filter(|listener| listener.exposure != Exposure::Clients);
        serving_pages.find_map(|listener| match &listener.socket {
            ListenSocket::Tcp(socket) => socket.local_addr().ok(),
            ListenSocket::Unix(_) => None,
        })
    }
}

impl fmt::Display for ListenSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(socket) => match socket.local_addr() {
                Ok(address) => write!(f, "http://{address}"),
                Err(error) => error.fmt(f),
            },
            Self::Unix(socket) => {
                let address = socket.local_addr();
                let path = address.as_ref().ok().and_then(|found| found.as_pathname());
                write!(f, "unix:{}", path.unwrap_or("".as_ref()).display())
            }
        }
    }
}

/// Takes the socket that a service manager passed to this process, or opens the sockets of the
/// settings. Then opens the internal sockets.
///
/// # Errors
/// Fails when the passed socket cannot be used, or when the server cannot listen on an address.
pub(super) fn listen(settings: &Settings) -> Result<Listeners> {
    let (public, owner) = match inherited::take(settings)? {
        Some(socket) => {
            log::info!(
                "listening on {}, a socket that was passed to this process (LISTEN_FDS); \
                 host, port, listen and reuse_port have no effect on it",
                socket.local_addr()?
            );
            (vec![ListenSocket::Tcp(socket)], SocketOwner::ServiceManager)
        }
        None => (
            bind_all(&settings.public_addresses(), settings)?,
            SocketOwner::Process,
        ),
    };
    let internal = bind_all(&settings.internal_listen, settings)?;
    let exposure = if internal.is_empty() {
        Exposure::Everything
    } else {
        Exposure::Clients
    };
    let with = |exposure| move |socket| Listener { socket, exposure };
    let public = public.into_iter().map(with(exposure));
    let internal = internal.into_iter().map(with(Exposure::Everything));
    Ok(Listeners {
        all: public.chain(internal).collect(),
        owner,
    })
}

fn bind_all(addresses: &[ListenAddress], settings: &Settings) -> Result<Vec<ListenSocket>> {
    // A socket on `[::]` accepts IPv4 too, unless the same port of 0.0.0.0 is listed as well.
    let takes_v4 = |port: u16| {
        let host = "0.0.0.0".to_owned();
        !addresses.contains(&ListenAddress::Tcp { host, port })
    };
    let bind = |address: &ListenAddress| {
        let bound = match address {
            ListenAddress::Tcp { host, port } => {
                bind(host, *port, takes_v4(*port), settings.reuse_port).map(ListenSocket::Tcp)
            }
            ListenAddress::Unix(path) => unix_socket::listen(path, BACKLOG).map(ListenSocket::Unix),
        };
        bound.map_err(|error| {
            Error::new(error.kind(), format!("cannot listen on {address}: {error}"))
        })
    };
    addresses.iter().map(bind).collect()
}

/// Listens on the first address of a host on which that is possible.
fn bind(host: &str, port: u16, takes_v4: bool, reuse_port: bool) -> Result<TcpListener> {
    let mut result = Err(Error::other(format!("{host} is not an address")));
    for address in (host, port).to_socket_addrs()? {
        result = listen_on(address, takes_v4, reuse_port);
        if result.is_ok() {
            break;
        }
    }
    result
}

fn listen_on(address: SocketAddr, takes_v4: bool, reuse_port: bool) -> Result<TcpListener> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    if address.is_ipv6() && !takes_v4 {
        socket.set_only_v6(true)?;
    }
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(reuse_port)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}
