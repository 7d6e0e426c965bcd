//! Adds the headers that let pages of other origins read answers, including errors. The headers are
//! the same as in the original (`protocol.md` §9).

use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};

use crate::settings::Origin;

const HEADERS: [(HeaderName, &str); 4] = [
    (
        header::ACCESS_CONTROL_ALLOW_METHODS,
        "GET, POST, OPTIONS, PUT, DELETE, PATCH",
    ),
    (
        header::ACCESS_CONTROL_ALLOW_HEADERS,
        "Content-Type, Depth, User-Agent, X-File-Size, X-Requested-With, If-Modified-Since, \
         X-File-Name, Cache-Control, Pragma, Origin, Connection, Referer, Cookie",
    ),
    // The headers that a page of another origin may read.
    (
        header::ACCESS_CONTROL_EXPOSE_HEADERS,
        "X-Channelstream-Error, X-Channelstream-Hint, X-Channelstream-Position, X-Request-Id, \
         Retry-After",
    ),
    (header::ACCESS_CONTROL_MAX_AGE, "86400"),
];

/// Adds the headers to an answer. The origins in `allowed` (`allow_cors`) may read the answer. If
/// `allowed` is empty, all origins may.
pub(super) fn add_headers(
    headers: &mut HeaderMap,
    allowed: &[Origin],
    origin: Option<&HeaderValue>,
) {
    let is_allowed = |origin: &HeaderValue| {
        allowed
            .iter()
            .any(|allowed| allowed.allows(origin.as_bytes()))
    };
    if allowed.is_empty() || origin.is_some_and(is_allowed) {
        headers.insert(
            header::ACCESS_CONTROL_ALLOW_ORIGIN,
            HeaderValue::from_static("*"),
        );
    }
    if !allowed.is_empty() {
        headers.append(header::VARY, HeaderValue::from_static("Origin"));
    }
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.insert(
        HeaderName::from_static("xdomainrequestallowed"),
        HeaderValue::from_static("1"),
    );
    // This header is not about origins, but every answer needs it: it stops browsers from guessing
    // the content type.
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
}
