//! Checks the common form of every refusal.

use actix_web::ResponseError;
use actix_web::body::MessageBody;
use channelstream::error::{ApiError, HINT};

/// The length of a refusal's body may have this many bytes, and more for each byte of the request.
const FIXED: usize = 1024;
const PER_BYTE: usize = 128;

/// Fails unless a request of `size` bytes was refused with one of these statuses, a bounded body in
/// JSON, and a hint that a header can hold.
pub(crate) fn check(error: &ApiError, size: usize, statuses: &[u16]) {
    let response = error.error_response();
    let status = response.status().as_u16();
    assert!(statuses.contains(&status), "{status}: {error}");
    if let Some(hint) = response.headers().get(HINT) {
        let hint = hint.to_str().expect("a hint is printable ASCII");
        assert!((1..=300).contains(&hint.len()), "{hint}");
    }
    let Ok(body) = response.into_body().try_into_bytes() else {
        panic!("a refusal must not wait");
    };
    assert!(
        body.len() <= FIXED + PER_BYTE * size,
        "{size} bytes are answered by {}",
        body.len()
    );
    let body: serde_json::Value = serde_json::from_slice(&body).expect("a refusal is JSON");
    let is_empty = body.as_object().is_some_and(serde_json::Map::is_empty);
    assert!(!is_empty, "a refusal says what is wrong");
}
