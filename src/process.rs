//! Facts about the running process: when it started, and where this machine reaches it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Instant;

/// When the server started.
pub struct StartTime(Instant);

impl StartTime {
    /// Notes that the server starts now.
    pub fn now() -> Self {
        Self(Instant::now())
    }

    /// Formats for how long the server has run, as the original does: `1 day, 0:00:12`.
    pub fn format_uptime(&self) -> String {
        let seconds = self.0.elapsed().as_secs();
        let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
        let time = format!("{hours}:{minutes:02}:{:02}", seconds % 60);
        match days {
            0 => time,
            1 => format!("1 day, {time}"),
            _ => format!("{days} days, {time}"),
        }
    }
}

/// Returns where this machine reaches a server that listens on this address.
pub fn find_local_address(address: SocketAddr) -> SocketAddr {
    let host = match address.ip() {
        ip if !ip.is_unspecified() => ip,
        IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
    };
    SocketAddr::new(host, address.port())
}
