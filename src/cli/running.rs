//! Access of commands to the running server that has these settings.

use std::path::PathBuf;
use std::time::Duration;

use actix_service::fn_service;
use actix_tls::connect::{ConnectError as TcpConnectError, ConnectInfo, Connection};
use actix_web::http::Uri;
use actix_web::rt::net::UnixStream;
use awc::error::{ConnectError, SendRequestError};
use awc::{Client, Connector};

use crate::settings::{ListenAddress, Settings};

/// The longest time to connect to the server, and by default the longest time until its answer
/// begins.
const TIMEOUT: Duration = Duration::from_secs(3);

/// Returns the URL of a path on the server. `0.0.0.0` and `::` become loopback addresses.
pub(super) fn address_of(settings: &Settings, path: &str) -> String {
    match find_address(settings) {
        Some(ListenAddress::Tcp { host, port }) => {
            let host = match host.as_str() {
                "0.0.0.0" => "127.0.0.1",
                "::" => "::1",
                host => host,
            };
            let host = host.to_owned();
            format!("http://{}{path}", ListenAddress::Tcp { host, port })
        }
        // A Unix socket ignores the name of the host.
        Some(ListenAddress::Unix(_)) | None => format!("http://localhost{path}"),
    }
}

/// Returns the address at which commands reach the server: the first TCP address, or else the first
/// Unix socket.
pub(super) fn find_address(settings: &Settings) -> Option<ListenAddress> {
    let mut addresses = settings.call_addresses();
    addresses.sort_by_key(|address| matches!(address, ListenAddress::Unix(_)));
    addresses.into_iter().next()
}

/// Returns an HTTP client that waits at most `timeout`, or 3 seconds by default, until an answer
/// begins.
pub(super) fn client(settings: &Settings, timeout: Option<Duration>) -> Client {
    let timeout = timeout.unwrap_or(TIMEOUT);
    let connector = Connector::new().timeout(TIMEOUT);
    let builder = Client::builder();
    if let Some(ListenAddress::Unix(path)) = find_address(settings) {
        let connect = move |info| connect(path.clone(), info);
        return builder
            .connector(connector.connector(fn_service(connect)))
            .timeout(timeout)
            .disable_redirects()
            .finish();
    }
    builder
        .connector(connector)
        .timeout(timeout)
        .disable_redirects()
        .finish()
}

/// Connects to a Unix socket. The host that the request names is ignored.
async fn connect(
    path: PathBuf,
    info: ConnectInfo<Uri>,
) -> Result<Connection<Uri, UnixStream>, TcpConnectError> {
    let stream = UnixStream::connect(path)
        .await
        .map_err(TcpConnectError::Io)?;
    Ok(Connection::new(info.request().clone(), stream))
}

/// Describes the reason why there is no answer. The operating system's error about a connection is
/// returned alone, since it is clear without the client's text.
pub(super) fn describe(error: &SendRequestError) -> String {
    match error {
        SendRequestError::Connect(ConnectError::Io(error)) => error.to_string(),
        other => other.to_string(),
    }
}
