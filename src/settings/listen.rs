//! The addresses that the server listens on.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::path::PathBuf;

use super::network::is_private;
use super::value::SettingValue;

/// The prefix of a Unix socket's address, before the path of its file.
const UNIX: &str = "unix:";

/// An address to listen on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ListenAddress {
    /// A TCP port.
    Tcp {
        /// An IP address or a host name.
        host: String,
        /// The port; 0 stands for any free port.
        port: u16,
    },
    /// The path of a Unix socket's file.
    Unix(PathBuf),
}

impl ListenAddress {
    /// Returns whether only this machine can reach the address.
    pub fn is_local(&self) -> bool {
        match self {
            Self::Tcp { host, .. } => {
                host == "localhost"
                    || host
                        .parse::<IpAddr>()
                        .is_ok_and(|address| address.is_loopback())
            }
            Self::Unix(_) => true,
        }
    }

    /// Returns whether only this machine and private networks can reach the address. `0.0.0.0` and
    /// `[::]` are not private, since it is not known which networks reach them.
    pub(super) fn is_private(&self) -> bool {
        let is_private = |host: IpAddr| !host.is_unspecified() && is_private(host);
        match self {
            Self::Tcp { host, .. } => self.is_local() || host.parse().is_ok_and(is_private),
            Self::Unix(_) => true,
        }
    }
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { host, port } if host.parse::<Ipv6Addr>().is_ok() => {
                write!(f, "[{host}]:{port}")
            }
            Self::Tcp { host, port } => write!(f, "{host}:{port}"),
            Self::Unix(path) => write!(f, "{UNIX}{}", path.display()),
        }
    }
}

impl SettingValue for ListenAddress {
    fn parse(text: &str) -> Result<Self, String> {
        let expected = || {
            "expected an address and a port, such as 0.0.0.0:8000 or [::]:8000, or a Unix socket \
             such as unix:/run/channelstream.sock"
                .to_owned()
        };
        if let Some(path) = text.strip_prefix(UNIX) {
            return if path.starts_with('/') {
                Ok(Self::Unix(path.into()))
            } else {
                Err(format!(
                    "the path of a Unix socket must begin with /; {}",
                    expected()
                ))
            };
        }
        let (host, port) = text.rsplit_once(':').ok_or_else(expected)?;
        let port = port.parse().map_err(|_| expected())?;
        let in_brackets = host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'));
        let is_host = match in_brackets {
            Some(address) => address.parse::<Ipv6Addr>().is_ok(),
            None => !host.is_empty() && !host.contains([':', '/', '[', ']']),
        };
        if is_host {
            let host = in_brackets.unwrap_or(host).to_owned();
            Ok(Self::Tcp { host, port })
        } else {
            Err(expected())
        }
    }

    fn to_text(&self) -> String {
        self.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_written() {
        for (text, is_local) in [
            ("0.0.0.0:8000", false),
            ("[::]:8000", false),
            ("[::1]:0", true),
            ("127.0.0.1:80", true),
            ("localhost:80", true),
            ("push.example:80", false),
            ("unix:/run/channelstream.sock", true),
        ] {
            let address = ListenAddress::parse(text).unwrap();
            assert_eq!(address.to_text(), text);
            assert_eq!(address.is_local(), is_local, "{text}");
        }
        for text in [
            "8000",
            ":8000",
            "::1:8000",
            "[::1]",
            "[x]:1",
            "a:65536",
            "http://a:1",
            "unix:run.sock",
            "unix:",
            "",
        ] {
            assert!(ListenAddress::parse(text).is_err(), "{text}");
        }
    }
}
