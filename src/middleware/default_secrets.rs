//! Refuses requests that came through a proxy while a default secret is in force.
//!
//! A server with default secrets listens on a loopback address only. A reverse proxy on the same
//! machine would make it reachable for strangers, who know these secrets.

use std::sync::atomic::{AtomicBool, Ordering};

use actix_web::http::header::{self, HeaderMap, HeaderName};

use crate::error::ApiError;
use crate::settings::Settings;

/// The headers that show that a request came through a proxy. `X-Forwarded-For` is not in the list,
/// because clients of the original may send it by itself and must get an answer (`protocol.md` §2).
static PROXY_ONLY_HEADERS: [HeaderName; 5] = [
    header::FORWARDED,
    HeaderName::from_static("x-forwarded-host"),
    HeaderName::from_static("x-forwarded-proto"),
    HeaderName::from_static("x-real-ip"),
    header::VIA,
];

/// Whether a refusal for this reason was logged before.
static IS_LOGGED: AtomicBool = AtomicBool::new(false);

/// Refuses a request that came through a proxy while a default secret is in force.
///
/// # Errors
/// Fails when the request is refused. The error names the header that shows the proxy, and the
/// secrets that have their default.
pub(super) fn check(headers: &HeaderMap, settings: &Settings) -> Result<(), ApiError> {
    if !settings.trusted_proxies.is_empty() {
        return Ok(());
    }
    let Some(header) = PROXY_ONLY_HEADERS
        .iter()
        .find(|header| headers.contains_key(*header))
    else {
        return Ok(());
    };
    let defaults = settings.default_secrets();
    if defaults.is_empty() {
        return Ok(());
    }
    let refusal = ApiError::DefaultSecretBehindProxy {
        header: header.as_str(),
        secrets: defaults.join(" and "),
    };
    if !IS_LOGGED.swap(true, Ordering::Relaxed) {
        log::warn!("refused a request with 403 (logged once): {refusal}");
    }
    Err(refusal)
}
