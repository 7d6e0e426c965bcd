//! Headers in which a reverse proxy reports where a request comes from. The first line of an input
//! is the address of the peer, the second is the target of the request, and headers follow.

use std::net::{IpAddr, SocketAddr};

use actix_web::dev::ServiceRequest;
use actix_web::http::header::{self, HeaderMap};
use channelstream::caller::{Caller, is_address_certain, is_believed};
use channelstream::fuzzing::identify_caller;
use channelstream::settings::{Network, ProxyHeader, SettingValue, Settings};

use crate::time_limit::in_linear_time;
use crate::{head, refusal};

const TRUSTED: &str = "10.0.0.0/8, ::1";

/// Asserts that only a trusted proxy is believed, that the caller is the last address in the chain
/// that is not a proxy's own, and that a request keeps its query and the end of its path.
pub(super) fn run(input: &[u8]) {
    let Some(line) = input.iter().position(|byte| *byte == b'\n') else {
        return;
    };
    let Some((peer, rest)) = input.split_at_checked(line) else {
        return;
    };
    let peer = std::str::from_utf8(peer)
        .ok()
        .and_then(|peer| peer.parse().ok());
    let Some(peer): Option<IpAddr> = peer else {
        return;
    };
    let rest = rest.get(1..).unwrap_or_default();
    for settings in [
        Settings::default(),
        settings_with_headers("x-forwarded-for"),
        settings_with_all_headers(),
    ] {
        if let Some(request) = head::read(rest, SocketAddr::new(peer, 1)) {
            let request = request.to_srv_request();
            in_linear_time(input.len(), || check(request, peer, &settings, input.len()));
        }
    }
}

fn settings_with_headers(headers: &str) -> Settings {
    Settings {
        trusted_proxies: SettingValue::parse(TRUSTED).unwrap_or_default(),
        proxy_headers: SettingValue::parse(headers).unwrap_or_default(),
        ..Settings::default()
    }
}

fn settings_with_all_headers() -> Settings {
    let names: Vec<_> = ProxyHeader::ALL
        .iter()
        .map(|header| header.name())
        .collect();
    Settings {
        enforce_https: true,
        ..settings_with_headers(&names.join(","))
    }
}

fn check(mut request: ServiceRequest, peer: IpAddr, settings: &Settings, size: usize) {
    let (headers, uri) = (request.headers().clone(), request.uri().clone());
    let caller = Caller::read(&headers, Some(peer), settings);
    let is_trusted = is_in(&settings.trusted_proxies, peer);
    let says_address = is_trusted && is_believed(ProxyHeader::ForwardedFor, Some(peer), settings);
    let address = if says_address {
        last_foreign(&headers, peer, &settings.trusted_proxies)
    } else {
        Some(peer)
    };
    assert_eq!(caller.address, address);
    assert!(caller.scheme == "http" || caller.scheme == "https");
    assert!(!caller.prefix.ends_with('/'));
    if !is_trusted {
        assert_eq!(
            (caller.scheme.as_str(), caller.prefix.as_str()),
            ("http", "")
        );
        let host = headers
            .get(header::HOST)
            .and_then(|host| host.to_str().ok());
        assert!(host.is_none_or(|host| host == caller.host));
    }
    let is_certain = is_address_certain(&headers, Some(peer), settings);
    let is_forwarded = |name: &str| name.starts_with("x-forwarded-") || name == "forwarded";
    let is_forwarded = headers.keys().any(|name| is_forwarded(name.as_str()));
    assert!(!is_certain || !is_forwarded || is_trusted);
    if let Err(error) = identify_caller(&mut request, settings) {
        refusal::check(&error, size, &[403, 406]);
    }
    assert!(request.path().starts_with('/') && uri.path().ends_with(request.path()));
    assert_eq!(request.uri().query(), uri.query());
    assert!(is_trusted || request.uri() == &uri);
}

/// Returns the last address of the chain that is not a proxy's own. If an address cannot be read,
/// the caller is unknown.
fn last_foreign(headers: &HeaderMap, peer: IpAddr, proxies: &[Network]) -> Option<IpAddr> {
    let values = headers.get_all(ProxyHeader::ForwardedFor.header());
    let mut chain = vec![Some(peer)];
    for value in values.filter(|value| !value.is_empty()) {
        match value.to_str() {
            Ok(text) => chain.extend(text.split(',').map(|entry| read_address(entry.trim()))),
            Err(_) => chain.push(None),
        }
    }
    while let Some(nearest) = chain.pop() {
        if chain.is_empty() || !nearest.is_some_and(|address| is_in(proxies, address)) {
            return nearest;
        }
        if let [_] = chain.as_slice() {
            return nearest;
        }
    }
    None
}

/// Reads an address with or without brackets and a port.
fn read_address(text: &str) -> Option<IpAddr> {
    let bare = text
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'));
    let with_port = || text.parse::<SocketAddr>().ok().map(|address| address.ip());
    bare.and_then(|bare| bare.parse().ok())
        .or_else(|| text.parse().ok())
        .or_else(with_port)
}

fn is_in(networks: &[Network], address: IpAddr) -> bool {
    networks.iter().any(|network| network.contains(address))
}
