//! Where a request comes from: the caller's address, and how it sees this server, by what a reverse proxy says.
//!
//! Whom to believe (`docs/deployment.md`): with `trusted_proxies` set, these addresses, in all headers. Without it, a loopback address,
//! and only in the headers of the original, `X-Script-Name`, `X-Scheme` and `X-Url-Scheme`; `X-Forwarded-*` change nothing then.

use std::net::IpAddr;
use std::rc::Rc;

use actix_web::http::header::{self, HeaderMap};
use actix_web::{HttpMessage, HttpRequest};

use crate::settings::{Network, Settings};

/// Where a request comes from, and how the caller sees this server.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The caller's address: the peer's, or what a trusted proxy says.
    pub address: Option<IpAddr>,
    /// `http` or `https`.
    pub scheme: String,
    /// Host, with a port where one is needed.
    pub host: String,
    /// Path before the server's own, without a slash at its end.
    pub prefix: String,
}

impl Caller {
    /// Of a request that passed the middleware.
    pub fn of(request: &HttpRequest) -> Rc<Self> {
        let noted = request.extensions().get::<Rc<Self>>().cloned();
        noted.unwrap_or_else(|| {
            let address = request.peer_addr().map(|peer| peer.ip());
            Rc::new(Self { address, scheme: "http".to_owned(), host: String::new(), prefix: String::new() })
        })
    }

    /// A link to a path of this server.
    pub fn url(&self, path: &str) -> String {
        format!("{}://{}{}{path}", self.scheme, self.host, self.prefix)
    }

    /// Of a request with these headers from this peer.
    pub fn read(headers: &HeaderMap, peer: Option<IpAddr>, settings: &Settings) -> Self {
        let first = |name: &str| {
            let value = headers.get(name)?.to_str().ok()?.split(',').next()?.trim();
            (!value.is_empty()).then(|| value.to_owned())
        };
        let proxies = &settings.trusted_proxies;
        let is_trusted = |address: IpAddr| proxies.iter().any(|network| network.contains(address));
        let counts_all = peer.is_some_and(is_trusted);
        let counts_some = counts_all || (proxies.is_empty() && peer.is_some_and(|peer| peer.to_canonical().is_loopback()));
        let of_original = |name: &str| counts_some.then(|| first(name)).flatten();
        let forwarded = |name: &str| counts_all.then(|| first(name)).flatten();
        let is_scheme = |scheme: &String| scheme == "http" || scheme == "https";
        let scheme = of_original("x-url-scheme").or_else(|| of_original("x-scheme")).or_else(|| forwarded("x-forwarded-proto"));
        let scheme =
            settings.http_scheme.forced().map(str::to_owned).or(scheme.map(|scheme| scheme.to_lowercase()).filter(is_scheme));
        let host = || headers.get(header::HOST).and_then(|host| host.to_str().ok()).map(str::to_owned);
        let prefix = of_original("x-script-name").or_else(|| forwarded("x-forwarded-prefix")).unwrap_or_default();
        Self {
            address: if counts_all { client_address(headers, proxies).or(peer) } else { peer },
            scheme: scheme.unwrap_or_else(|| "http".to_owned()),
            host: forwarded("x-forwarded-host").or_else(host).unwrap_or_else(|| format!("{}:{}", settings.host, settings.port)),
            prefix: prefix.trim_end_matches('/').to_owned(),
        }
    }
}

/// The last address in `X-Forwarded-For` that is not a proxy's own: what stands before it anyone may have written.
fn client_address(headers: &HeaderMap, proxies: &[Network]) -> Option<IpAddr> {
    let values = headers.get_all("x-forwarded-for").filter_map(|value| value.to_str().ok());
    let chain: Vec<_> =
        values.flat_map(|value| value.split(',')).filter_map(|address| address.trim().parse::<IpAddr>().ok()).collect();
    let is_proxy = |address: &IpAddr| proxies.iter().any(|network| network.contains(*address));
    chain.iter().rev().find(|address| !is_proxy(address)).or(chain.first()).copied()
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderName;

    use super::*;
    use crate::settings::Value;

    fn read(peer: &str, proxies: &str, headers: &[(&'static str, &'static str)]) -> Caller {
        let settings = Settings { trusted_proxies: Vec::parse(proxies).unwrap(), ..Settings::default() };
        let pairs = headers.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()));
        let mut map = HeaderMap::new();
        pairs.for_each(|(name, value)| map.append(name, value));
        Caller::read(&map, peer.parse().ok(), &settings)
    }

    #[test]
    fn forwarded_addresses_count_only_from_configured_proxies() {
        let headers = [("x-forwarded-for", "203.0.113.9, 198.51.100.7, 10.0.0.2")];
        let address = |peer, proxies| read(peer, proxies, &headers).address.unwrap().to_string();
        assert_eq!(address("127.0.0.1", ""), "127.0.0.1");
        assert_eq!(address("10.0.0.1", "10.0.0.0/8"), "198.51.100.7");
        assert_eq!(address("192.0.2.1", "10.0.0.0/8"), "192.0.2.1");
    }

    #[test]
    fn the_originals_headers_count_from_a_loopback_address() {
        let headers = [("x-script-name", "/chan"), ("x-scheme", "https"), ("x-forwarded-proto", "http"), ("host", "push.example")];
        assert_eq!(read("127.0.0.1", "", &headers).url("/admin"), "https://push.example/chan/admin");
        assert_eq!(read("192.0.2.1", "", &headers).url("/admin"), "http://push.example/admin");
        assert_eq!(read("127.0.0.1", "10.0.0.0/8", &headers).url("/admin"), "http://push.example/admin");
    }
}
