//! Which pages may listen: those whose origin is in `allow_origins`.

use actix_web::HttpRequest;
use actix_web::http::header;

use crate::error::ApiError;
use crate::settings::Origin;

/// How many characters of an origin the answer and the log repeat.
const LONGEST: usize = 200;

/// Checks the origin of a request to listen. All origins are allowed where the list is empty.
///
/// A request without an origin is allowed: browsers leave the header out of an event stream's
/// request to the page's own origin, and clients that are not browsers could write anything.
///
/// # Errors
/// Returns the origin that is not allowed.
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
