//! Finds out where a request comes from: the caller's address, and the scheme, host and path prefix
//! by which the caller reaches this server. A reverse proxy may report these in headers.
//!
//! A proxy is believed only if its address is in `trusted_proxies`, and only in the headers that
//! `proxy_headers` names (`docs/deployment.md`). Without `trusted_proxies` no header counts, and
//! the caller is the peer of the TCP connection.

use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;

use actix_web::http::header::{self, HeaderMap, HeaderValue};
use actix_web::{HttpMessage, HttpRequest};

use crate::settings::{Network, ProxyHeader, Settings, is_private};

/// The sender of a request, and the address by which it reaches this server.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The caller's address: the peer's address, or the address that a trusted proxy reports.
    /// `None` if the proxy's header cannot be read.
    pub address: Option<IpAddr>,
    /// The scheme of the caller's request, `http` or `https`.
    pub scheme: String,
    /// The host that the caller's request names, with a port where one is needed.
    pub host: String,
    /// The prefix that a proxy puts before this server's paths, without a slash at its end.
    pub prefix: String,
    /// The address that limits per address count. `None` where the address may not be the client's
    /// own, because it may be that of a proxy.
    pub client: Option<IpAddr>,
}

impl Caller {
    /// Returns the caller of a request that passed the middleware.
    pub fn of(request: &HttpRequest) -> Rc<Self> {
        let noted = request.extensions().get::<Rc<Self>>().cloned();
        noted.unwrap_or_else(|| {
            let address = request.peer_addr().map(|peer| peer.ip());
            Rc::new(Self {
                address,
                scheme: "http".to_owned(),
                host: String::new(),
                prefix: String::new(),
                client: None,
            })
        })
    }

    /// Returns the link to a path of this server.
    pub fn url(&self, path: &str) -> String {
        format!("{}://{}{}{path}", self.scheme, self.host, self.prefix)
    }

    /// Reads the caller of a request from its headers and its peer address.
    pub fn read(headers: &HeaderMap, peer: Option<IpAddr>, settings: &Settings) -> Self {
        let first = |header: ProxyHeader| {
            let value = headers
                .get(header.header())
                .filter(|_| is_believed(header, peer, settings))?;
            let value = value.to_str().ok()?.split(',').next()?.trim();
            (!value.is_empty()).then(|| value.to_owned())
        };
        let is_scheme = |scheme: &String| scheme == "http" || scheme == "https";
        let schemes = [
            ProxyHeader::UrlScheme,
            ProxyHeader::Scheme,
            ProxyHeader::ForwardedProto,
        ];
        let scheme = schemes
            .into_iter()
            .find_map(first)
            .map(|scheme| scheme.to_lowercase())
            .filter(is_scheme);
        let scheme = settings.http_scheme.forced().map(str::to_owned).or(scheme);
        let host = || {
            headers
                .get(header::HOST)
                .and_then(|host| host.to_str().ok())
                .map(str::to_owned)
        };
        let host = first(ProxyHeader::ForwardedHost).or_else(host);
        let prefix = first(ProxyHeader::ScriptName)
            .or_else(|| first(ProxyHeader::ForwardedPrefix))
            .unwrap_or_default();
        let says_address = is_believed(ProxyHeader::ForwardedFor, peer, settings);
        let (address, client) = if says_address {
            let address = forwarded_address(headers, peer, &settings.trusted_proxies);
            let is_client = |address: &IpAddr| !is_in(&settings.trusted_proxies, *address);
            (address, address.filter(is_client))
        } else {
            (peer, find_direct_client(peer, settings))
        };
        Self {
            address,
            client,
            scheme: scheme.unwrap_or_else(|| "http".to_owned()),
            host: host.unwrap_or_else(|| format!("{}:{}", settings.host, settings.port)),
            prefix: prefix.trim_end_matches('/').to_owned(),
        }
    }
}

/// The headers that only proxies add, besides the headers that `proxy_headers` can name and those
/// that begin with [`FORWARDED_PREFIX`].
const OTHER_PROXY_HEADERS: [&str; 3] = ["forwarded", "via", "x-real-ip"];

/// The prefix of the other headers that proxies add.
const FORWARDED_PREFIX: &str = "x-forwarded-";

/// Returns whether the address of a request's [`Caller`] is certainly the address of its sender.
/// This is so if the request has no header of a proxy, or if a trusted proxy names the sender.
pub fn is_address_certain(headers: &HeaderMap, peer: Option<IpAddr>, settings: &Settings) -> bool {
    let is_forwarding = |name: &str| {
        name.starts_with(FORWARDED_PREFIX)
            || OTHER_PROXY_HEADERS.contains(&name)
            || ProxyHeader::ALL.iter().any(|header| header.name() == name)
    };
    let is_forwarded = headers.keys().any(|name| is_forwarding(name.as_str()));
    let forwarded_for = ProxyHeader::ForwardedFor;
    !is_forwarded
        || (headers.contains_key(forwarded_for.header())
            && is_believed(forwarded_for, peer, settings))
}

/// Returns the peer's address if the peer is the client itself. `None` for a peer that is a trusted
/// proxy, or that is in a private network, where proxies usually are.
pub fn find_direct_client(peer: Option<IpAddr>, settings: &Settings) -> Option<IpAddr> {
    let is_client = |peer: &IpAddr| !is_in(&settings.trusted_proxies, *peer) && !is_private(*peer);
    peer.filter(is_client)
}

/// Returns whether this header is believed from this peer.
pub fn is_believed(header: ProxyHeader, peer: Option<IpAddr>, settings: &Settings) -> bool {
    settings.proxy_headers.contains(&header)
        && peer.is_some_and(|peer| is_in(&settings.trusted_proxies, peer))
}

fn is_in(networks: &[Network], address: IpAddr) -> bool {
    networks.iter().any(|network| network.contains(address))
}

/// Returns the last address in `X-Forwarded-For` that is not a trusted proxy's own. Anyone may have
/// written the entries before it, so they are not believed.
///
/// An entry that cannot be read ends the search with `None`: a trusted proxy wrote it, so the
/// caller is unknown, and the entries before it are not believed either. Without the header the
/// caller is the proxy itself.
fn forwarded_address(
    headers: &HeaderMap,
    peer: Option<IpAddr>,
    proxies: &[Network],
) -> Option<IpAddr> {
    let values: Vec<_> = headers
        .get_all(ProxyHeader::ForwardedFor.header())
        .filter(|value| !value.is_empty())
        .collect();
    let entries = |value: &HeaderValue| {
        let text = value.to_str().unwrap_or("unreadable").to_owned();
        text.split(',').map(parse_entry).collect::<Vec<_>>()
    };
    let mut nearest = peer;
    for entry in values
        .into_iter()
        .flat_map(entries)
        .collect::<Vec<_>>()
        .into_iter()
        .rev()
    {
        if cfg!(feature = "planted-faults") && entry.is_none() {
            continue;
        }
        nearest = entry;
        if !entry.is_some_and(|address| is_in(proxies, address)) {
            break;
        }
    }
    nearest
}

/// Reads an address, with or without a port: `203.0.113.9`, `203.0.113.9:4711`, `2001:db8::1`,
/// `[2001:db8::1]` or `[2001:db8::1]:443`.
fn parse_entry(entry: &str) -> Option<IpAddr> {
    let entry = entry.trim();
    let bare = entry
        .strip_prefix('[')
        .and_then(|entry| entry.strip_suffix(']'))
        .unwrap_or(entry);
    bare.parse()
        .ok()
        .or_else(|| entry.parse::<SocketAddr>().ok().map(|address| address.ip()))
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderName;

    use super::*;
    use crate::settings::SettingValue;

    fn read(
        peer: &str,
        proxies: &str,
        believed: &str,
        headers: &[(&'static str, &'static str)],
    ) -> Caller {
        let settings = Settings {
            trusted_proxies: Vec::parse(proxies).unwrap(),
            proxy_headers: Vec::parse(believed).unwrap(),
            ..Settings::default()
        };
        let pairs = headers
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()));
        let mut map = HeaderMap::new();
        pairs.for_each(|(name, value)| map.append(name, value));
        Caller::read(&map, peer.parse().ok(), &settings)
    }

    #[test]
    fn forwarded_addresses_count_only_from_configured_proxies() {
        let headers = [("x-forwarded-for", "203.0.113.9, 198.51.100.7, 10.0.0.2")];
        let address = |peer, proxies| {
            read(peer, proxies, "x-forwarded-for", &headers)
                .address
                .unwrap()
                .to_string()
        };
        assert_eq!(address("127.0.0.1", ""), "127.0.0.1");
        assert_eq!(address("10.0.0.1", "10.0.0.0/8"), "198.51.100.7");
        assert_eq!(address("192.0.2.1", "10.0.0.0/8"), "192.0.2.1");
        assert_eq!(
            read("10.0.0.1", "10.0.0.0/8", "x-scheme", &headers)
                .address
                .unwrap()
                .to_string(),
            "10.0.0.1"
        );
    }

    #[test]
    fn an_address_is_certain_without_a_proxy_or_from_a_trusted_proxy() {
        let is_certain = |peer: &str, header: Option<(&'static str, &'static str)>| {
            let settings = Settings {
                trusted_proxies: Vec::parse("10.0.0.0/8").unwrap(),
                ..Settings::default()
            };
            let mut map = HeaderMap::new();
            if let Some((name, value)) = header {
                map.append(HeaderName::from_static(name), value.parse().unwrap());
            }
            is_address_certain(&map, peer.parse().ok(), &settings)
        };
        let forwarded_for = Some(("x-forwarded-for", "203.0.113.9"));
        assert!(is_certain("127.0.0.1", None) && is_certain("10.0.0.1", None));
        assert!(is_certain("10.0.0.1", forwarded_for) && !is_certain("127.0.0.1", forwarded_for));
        for name in OTHER_PROXY_HEADERS
            .into_iter()
            .chain(["x-script-name", "x-scheme", "x-url-scheme"])
            .chain(["x-forwarded-host", "x-forwarded-port"])
        {
            assert!(!is_certain("127.0.0.1", Some((name, "x"))), "{name}");
            assert!(!is_certain("10.0.0.1", Some((name, "x"))), "{name}");
        }
    }

    #[test]
    fn a_client_is_known_by_a_public_address_or_from_a_trusted_proxy() {
        let forwarded = [("x-forwarded-for", "192.168.1.7")];
        let client = |peer: &str, proxies: &str, headers: &[_]| {
            let caller = read(peer, proxies, "x-forwarded-for", headers);
            caller.client.map(|client| client.to_string())
        };
        for private in [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.0.1",
            "169.254.1.1",
            "100.64.0.1",
            "::1",
            "fd00::1",
            "fe80::1",
            "::ffff:10.0.0.1",
        ] {
            assert_eq!(client(private, "", &forwarded), None, "{private}");
        }
        for public in ["203.0.113.9", "100.128.0.1", "2001:db8::1"] {
            assert_eq!(client(public, "", &forwarded).as_deref(), Some(public));
        }
        let named = Some("192.168.1.7".to_owned());
        assert_eq!(client("10.0.0.1", "10.0.0.0/8", &forwarded), named);
        assert_eq!(client("203.0.113.9", "203.0.113.9", &[]), None);
        let unreadable = [("x-forwarded-for", "unknown")];
        assert_eq!(client("10.0.0.1", "10.0.0.0/8", &unreadable), None);
    }

    #[test]
    fn entries_with_ports_and_brackets_are_read_and_an_unreadable_one_ends_the_chain() {
        let address = |chain| {
            let headers = [("x-forwarded-for", chain)];
            let caller = read("10.0.0.1", "10.0.0.0/8", "x-forwarded-for", &headers);
            caller
                .address
                .map_or_else(|| "unknown".to_owned(), |address| address.to_string())
        };
        for (chain, expected) in [
            ("192.0.2.5, 203.0.113.9:4711", "203.0.113.9"),
            ("192.0.2.5, [2001:db8::1]:443", "2001:db8::1"),
            ("192.0.2.5, [2001:db8::1], 10.0.0.2:80", "2001:db8::1"),
            ("192.0.2.5, 2001:db8::1", "2001:db8::1"),
            ("unknown, 192.0.2.5", "192.0.2.5"),
            ("192.0.2.5, unknown", "unknown"),
            ("192.0.2.5, unknown, 10.0.0.2", "unknown"),
            ("192.0.2.5, 203.0.113.9:99999", "unknown"),
            ("192.0.2.5,", "unknown"),
            ("192.0.2.5, [203.0.113.9", "unknown"),
            ("10.0.0.3, 10.0.0.2", "10.0.0.3"),
            ("", "10.0.0.1"),
        ] {
            assert_eq!(address(chain), expected, "{chain}");
        }
    }

    #[test]
    fn only_configured_headers_of_trusted_proxies_count() {
        let headers = [
            ("x-script-name", "/chan"),
            ("x-scheme", "https"),
            ("x-forwarded-proto", "http"),
            ("host", "push.example"),
        ];
        let url = |peer, proxies, believed| read(peer, proxies, believed, &headers).url("/admin");
        let all = "x-script-name, x-scheme, x-url-scheme, x-forwarded-proto";
        assert_eq!(
            url("127.0.0.1", "127.0.0.1", all),
            "https://push.example/chan/admin"
        );
        assert_eq!(
            url("127.0.0.1", "127.0.0.1", "X-Script-Name"),
            "http://push.example/chan/admin"
        );
        assert_eq!(
            url("127.0.0.1", "127.0.0.1", "x-forwarded-proto"),
            "http://push.example/admin"
        );
        assert_eq!(url("127.0.0.1", "", all), "http://push.example/admin");
        assert_eq!(
            url("127.0.0.1", "10.0.0.0/8", all),
            "http://push.example/admin"
        );
    }
}
