//! Checks whether a page may listen. With `allow_origins`, only pages of these origins may.

use actix_web::HttpRequest;
use actix_web::http::header;

use crate::error::ApiError;
use crate::settings::Origin;

/// The most characters of an origin that the answer and the log repeat.
const LONGEST: usize = 200;

/// Checks the origin of a request to listen. If the list `allowed` is empty, all origins are
/// allowed.
///
/// A request without an origin is allowed. Browsers omit the header when a page opens an event
/// stream of its own origin, and clients that are not browsers could send any origin.
///
/// # Errors
/// Fails when the origin is not allowed. The error contains the origin.
pub(super) fn check(request: &HttpRequest, allowed: &[Origin]) -> Result<(), ApiError> {
    if allowed.is_empty() {
        return Ok(());
    }
    let is_allowed = |origin: &[u8]| allowed.iter().any(|item| item.allows(origin));
    let mut origins = request.headers().get_all(header::ORIGIN);
    match origins.find(|origin| !is_allowed(origin.as_bytes())) {
        None => Ok(()),
        Some(origin) => {
            let text = String::from_utf8_lossy(origin.as_bytes());
            Err(ApiError::OriginNotAllowed {
                origin: text.chars().take(LONGEST).collect(),
            })
        }
    }
}
