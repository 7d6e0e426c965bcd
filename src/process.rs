//! Facts about the running process: its start time, and its address for programs on this machine.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// The time at which the server started.
pub struct StartTime {
    instant: Instant,
    /// The same time by the wall clock, which may be adjusted later.
    wall: SystemTime,
}

impl StartTime {
    /// Returns the current time as the start time.
    pub fn now() -> Self {
        Self {
            instant: Instant::now(),
            wall: SystemTime::now(),
        }
    }

    /// Returns the time at which the server started, in seconds since 1970.
    pub fn unix_seconds(&self) -> f64 {
        let since = self.wall.duration_since(UNIX_EPOCH);
        since.unwrap_or_default().as_secs_f64()
    }

    /// Formats the time for which the server has run, as the original does: `1 day, 0:00:12`.
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

/// Returns the address by which programs on this machine reach a server that listens on `address`.
/// This is a loopback address if the server listens on all addresses.
pub fn find_local_address(address: SocketAddr) -> SocketAddr {
    let host = match address.ip() {
        ip if !ip.is_unspecified() => ip,
        IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
    };
    SocketAddr::new(host, address.port())
}
