//! Logs a warning, once for each proxy header that was ignored, and names the setting to change.

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};

use actix_web::http::header::HeaderMap;

use crate::caller::is_believed;
use crate::settings::{ProxyHeader, Settings};

/// Whether a warning about each header was logged before, in the order of [`ProxyHeader::ALL`].
static WARNED: [AtomicBool; ProxyHeader::ALL.len()] =
    [const { AtomicBool::new(false) }; ProxyHeader::ALL.len()];

/// Logs a warning about each header of the request that is not believed from this peer, unless one
/// was logged before.
pub(super) fn warn(headers: &HeaderMap, peer: Option<IpAddr>, settings: &Settings) {
    for (header, warned) in ProxyHeader::ALL.iter().zip(&WARNED) {
        let is_new = || !warned.swap(true, Ordering::Relaxed);
        if headers.contains_key(header.header())
            && !is_believed(*header, peer, settings)
            && is_new()
        {
            let peer = peer.map_or_else(
                || "unknown".to_owned(),
                |peer| peer.to_canonical().to_string(),
            );
            let (name, remedy) = (header.name(), suggest_remedy(*header, &peer, settings));
            log::warn!(
                "ignored the header {name} of a request from {peer}: {remedy} (logged once)"
            );
        }
    }
}

fn suggest_remedy(header: ProxyHeader, peer: &str, settings: &Settings) -> String {
    let name = header.name();
    if settings.proxy_headers.contains(&header) {
        format!("if {peer} is your reverse proxy, add it to trusted_proxies")
    } else {
        format!(
            "if {peer} is your reverse proxy and sets this header, add {name} to proxy_headers \
             and {peer} to trusted_proxies"
        )
    }
}
