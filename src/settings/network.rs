//! Networks of IP addresses, as the lists of settings name them.

use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;

use super::value::{SettingValue, ValueRemark, warn};

/// The addresses that an item of a list allows.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Network {
    /// All addresses of a network. A single address is a network with one address.
    Of(IpNet),
    /// No address. An `.ini` file of the original may hold any text here, and a text that is not an
    /// address never matched a caller.
    Nothing(String),
}

impl Network {
    /// Returns whether all addresses are allowed: `0.0.0.0` or `::`.
    pub fn is_everything(&self) -> bool {
        matches!(self, Self::Of(network) if network.addr().is_unspecified())
    }

    /// Returns whether the network contains the address. `0.0.0.0` contains all addresses
    /// (`protocol.md` §2).
    pub fn contains(&self, address: IpAddr) -> bool {
        let Self::Of(network) = self else {
            return false;
        };
        // On a socket that accepts IPv6 and IPv4, an IPv4 peer has an address of the form
        // ::ffff:a.b.c.d.
        self.is_everything() || network.contains(&address.to_canonical())
    }
}

impl From<IpAddr> for Network {
    fn from(address: IpAddr) -> Self {
        Self::Of(address.into())
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Of(network) if network.prefix_len() == network.max_prefix_len() => {
                network.addr().fmt(f)
            }
            Self::Of(network) => network.fmt(f),
            Self::Nothing(text) => f.write_str(text),
        }
    }
}

impl SettingValue for Network {
    fn parse(text: &str) -> Result<Self, String> {
        let address = || text.parse::<IpAddr>().ok().map(IpNet::from);
        let network = text.parse().ok().or_else(address).map(Self::Of);
        network
            .ok_or_else(|| "expected an address or a network, such as 10.0.0.0/8 or ::1".to_owned())
    }

    fn parse_as_original(text: &str, remarks: &mut Vec<ValueRemark>) -> Result<Self, String> {
        let network = Self::parse(text).unwrap_or_else(|_| {
            warn(
                remarks,
                text,
                "never matches a caller; write an address or a network, such as 192.0.2.1 or \
                 10.0.0.0/8",
            );
            Self::Nothing(text.to_owned())
        });
        if matches!(network, Self::Of(_)) && text.contains('/') {
            let effect = "counts as a network here, and matched nothing in the original";
            remarks.push(ValueRemark {
                level: log::Level::Info,
                found: text.to_owned(),
                effect,
            });
        }
        Ok(network)
    }

    fn to_text(&self) -> String {
        self.to_string()
    }
}

/// Returns whether an address belongs to this machine or to a private network.
pub fn is_private(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => {
            // Providers use 100.64.0.0/10 behind their own address translation (RFC 6598).
            let is_shared = matches!(address.octets(), [100, 64..128, ..]);
            let is_own = address.is_loopback() || address.is_unspecified();
            is_own || address.is_private() || address.is_link_local() || is_shared
        }
        IpAddr::V6(address) => {
            let is_own = address.is_loopback() || address.is_unspecified();
            is_own || address.is_unique_local() || address.is_unicast_link_local()
        }
    }
}
