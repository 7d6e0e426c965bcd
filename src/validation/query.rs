//! Queries of requests.

use std::collections::BTreeMap;

use actix_web::HttpRequest;

/// Returns the parameters of the query. If a parameter is repeated, the last value is used.
pub fn query(request: &HttpRequest) -> BTreeMap<String, String> {
    serde_urlencoded::from_str(request.query_string()).unwrap_or_default()
}
