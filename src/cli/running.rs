//! The running server with these settings, as commands reach it.

use std::time::Duration;

use awc::error::{ConnectError, SendRequestError};
use awc::{Client, Connector};

use crate::settings::Settings;

/// How long the server may take to begin an answer.
const TIMEOUT: Duration = Duration::from_secs(3);

/// Returns the address of a path of the server.
pub(super) fn address_of(settings: &Settings, path: &str) -> String {
    let host = match settings.host.as_str() {
        "0.0.0.0" => "127.0.0.1",
        "::" | "[::]" => "[::1]",
        host => host,
    };
    let is_bare_v6 = host.contains(':') && !host.starts_with('[');
    let host = if is_bare_v6 {
        format!("[{host}]")
    } else {
        host.to_owned()
    };
    format!("http://{host}:{}{path}", settings.port)
}

/// Returns a client that waits for an answer to begin for at most `timeout`, or for a few seconds.
pub(super) fn client(timeout: Option<Duration>) -> Client {
    Client::builder()
        .connector(Connector::new().timeout(TIMEOUT))
        .timeout(timeout.unwrap_or(TIMEOUT))
        .disable_redirects()
        .finish()
}

/// Describes why there is no answer. What the system says of a connection needs no words before it.
pub(super) fn describe(error: &SendRequestError) -> String {
    match error {
        SendRequestError::Connect(ConnectError::Io(error)) => error.to_string(),
        other => other.to_string(),
    }
}
