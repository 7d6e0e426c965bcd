//! Addresses and networks.

use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;

use super::value::{SettingValue, ValueRemark, warn};

/// Which addresses an item of a list allows.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Network {
    /// The addresses of a network; a single address is a network of one.
    Of(IpNet),
    /// No address. An `.ini` file of the original may hold any text, and only addresses ever
    /// matched there.
    Nothing(String),
}

impl Network {
    /// Returns whether this holds all addresses.
    pub fn is_everything(&self) -> bool {
        matches!(self, Self::Of(network) if network.addr().is_unspecified())
    }

    /// Returns whether the address is in it. `0.0.0.0` holds all addresses (`protocol.md` §2).
    pub fn contains(&self, address: IpAddr) -> bool {
        let Self::Of(network) = self else {
            return false;
        };
        // A v4 peer of a socket that takes both shows as ::ffff:a.b.c.d.
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
            warn(remarks, text, "never matches a caller; write an address or a network, such as 192.0.2.1 or 10.0.0.0/8");
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

/// Returns whether an address is one of this machine or of a private network.
pub fn is_private(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => {
            // 100.64.0.0/10 is what providers use behind their own translation (RFC 6598).
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
