//! The listening socket that a service manager opened and passed to this process, as systemd does
//! by socket activation (`sd_listen_fds(3)`).

use std::io::{Error, Result};
use std::net::{SocketAddr, TcpListener};

use listenfd::ListenFd;
use socket2::SockRef;

use crate::settings::Settings;

/// The variable with the number of sockets that were passed.
const COUNT_VARIABLE: &str = "LISTEN_FDS";

/// The variable with the id of the process that the sockets were passed to.
const PROCESS_VARIABLE: &str = "LISTEN_PID";

/// The end of an error text, which says what to pass instead.
const EXPECTED: &str = "pass one TCP socket that listens; with systemd, one line \
     `ListenStream=127.0.0.1:8000` in the .socket unit, and `Accept=no`";

/// Returns the listening socket that was passed to this process, or `None` if none was.
///
/// # Errors
/// Fails when anything other than one TCP socket that listens was passed, or when others can reach
/// it while a secret has its default value. The error says what was found and what to do.
pub(super) fn take(settings: &Settings) -> Result<Option<TcpListener>> {
    let variable = |name| std::env::var(name).unwrap_or_default();
    if variable(PROCESS_VARIABLE).parse() != Ok(std::process::id()) {
        return Ok(None);
    }
    let count = variable(COUNT_VARIABLE);
    match count.parse::<usize>() {
        Ok(0) => return Ok(None),
        Ok(1) => {}
        Ok(_) => {
            return Err(Error::other(format!(
                "{count} sockets were passed to this process ({COUNT_VARIABLE}), but it can use \
                 only one: {EXPECTED}"
            )));
        }
        Err(_) => {
            return Err(Error::other(format!(
                "{COUNT_VARIABLE}={count}: expected the number of sockets that were passed to this \
                 process; {EXPECTED}"
            )));
        }
    }
    let mut passed = ListenFd::from_env();
    let listener = match passed.take_tcp_listener(0) {
        Ok(Some(listener)) => listener,
        Ok(None) => return Ok(None),
        Err(error) => {
            let found = identify_other(&mut passed);
            return Err(Error::other(format!(
                "what was passed to this process ({COUNT_VARIABLE}) is {found}, not a TCP socket \
                 ({error}): {EXPECTED}"
            )));
        }
    };
    if !SockRef::from(&listener).is_listener()? {
        return Err(Error::other(format!(
            "the TCP socket that was passed to this process ({COUNT_VARIABLE}) does not listen: \
             {EXPECTED}"
        )));
    }
    check_secrets(settings, listener.local_addr()?)?;
    Ok(Some(listener))
}

/// Names what was passed instead of a TCP socket.
fn identify_other(passed: &mut ListenFd) -> &'static str {
    if passed.take_unix_listener(0).is_ok() {
        "a Unix stream socket"
    } else if passed.take_unix_datagram(0).is_ok() {
        "a Unix datagram socket"
    } else if passed.take_udp_socket(0).is_ok() {
        "a UDP socket"
    } else {
        "an unknown kind of descriptor"
    }
}

/// Refuses a socket that other machines can reach while a secret has its default, which everyone
/// knows. The check of the settings cannot do this, because it knows only `host`.
fn check_secrets(settings: &Settings, address: SocketAddr) -> Result<()> {
    let known = settings.default_secrets();
    if known.is_empty() || address.ip().to_canonical().is_loopback() {
        return Ok(());
    }
    let variables: Vec<_> = known
        .iter()
        .map(|key| format!("CHANNELSTREAM_{}", key.to_uppercase()))
        .collect();
    Err(Error::other(format!(
        "the inherited socket listens on {address}, where others can reach this server, and {} has \
         the default that everyone knows: set {}",
        known.join(" and "),
        variables.join(" and ")
    )))
}
