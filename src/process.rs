//! Facts about the running process: when it started, and where this machine reaches it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// When the server started.
pub struct StartTime {
    instant: Instant,
    /// The same by the wall clock, which may be set later.
    wall: SystemTime,
}

impl StartTime {
    /// Notes that the server starts now.
    pub fn now() -> Self {
        Self {
            instant: Instant::now(),
            wall: SystemTime::now(),
        }
    }

    /// Returns when the server started, in seconds since 1970.
    pub fn unix_seconds(&self) -> f64 {
        let since = self.wall.duration_since(UNIX_EPOCH);
        since.unwrap_or_default().as_secs_f64()
    }

    /// Formats for how long the server has run, as the original does: `1 day, 0:00:12`.
    pub fn format_uptime(&self) -> String {
        let seconds = self.instant.elapsed().as_secs();
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
