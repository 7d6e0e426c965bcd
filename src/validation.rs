//! From bytes to typed requests, in one place (`protocol.md` §3).
//!
//! [`reading`] reads a body, [`body`] hands it to the request type's rules; [`fields`] takes an object apart key by key and collects all that
//! is wrong; [`rules`] are the types a field can have; [`errors`] is the tree that becomes the answer. What only the broker knows, whether
//! a connection or user exists, is looked up before the answer, so that it stands beside the other errors.

pub mod body;
pub mod errors;
pub mod fields;
pub mod reading;
pub mod rules;

use std::collections::BTreeMap;

use actix_web::HttpRequest;

/// The query parameters; of a repeated one the last counts.
pub fn query(request: &HttpRequest) -> BTreeMap<String, String> {
    serde_urlencoded::from_str(request.query_string()).unwrap_or_default()
}
