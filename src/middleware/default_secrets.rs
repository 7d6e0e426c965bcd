//! Refuses requests that came through a proxy while a default secret is in force.
//!
//! A server with default secrets listens on a loopback address only. A reverse proxy on the same
//! machine would make it reachable for strangers, who know these secrets.

use std::sync::atomic::{AtomicBool, Ordering};

use actix_web::HttpResponse;
use actix_web::http::header::{self, HeaderMap, HeaderName};
use serde_json::json;

use crate::settings::Settings;

/// Headers that proxies add and other clients do not. `X-Forwarded-For` is not among them: clients
/// of the original send it alone, and get an answer (`protocol.md` §2).
static MARKS: [HeaderName; 5] = [
    header::FORWARDED,
    HeaderName::from_static("x-forwarded-host"),
    HeaderName::from_static("x-forwarded-proto"),
    HeaderName::from_static("x-real-ip"),
    header::VIA,
];

/// Whether the log has said it.
static IS_TOLD: AtomicBool = AtomicBool::new(false);

/// Returns the answer to a request that must not pass.
pub(super) fn refusal(headers: &HeaderMap, settings: &Settings) -> Option<HttpResponse> {
    if !settings.trusted_proxies.is_empty() {
        return None;
    }
    let mark = MARKS.iter().find(|mark| headers.contains_key(*mark))?;
    let defaults = settings.default_secrets();
    if defaults.is_empty() {
        return None;
    }
    let defaults = defaults.join(" and ");
    let reason = format!(
        "This request came through a proxy (it has the header {mark}), while the default of {defaults} is in force, which everyone \
         knows. Set {defaults} to values of your own; or, while you develop, name the proxy in trusted_proxies."
    );
    if !IS_TOLD.swap(true, Ordering::Relaxed) {
        log::warn!("refused a request with 403 (told once): {reason}");
    }
    Some(HttpResponse::Forbidden().json(json!({"request": reason})))
}
