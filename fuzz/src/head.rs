//! Makes requests from text: the first line is the target of the request, and each other line is a
//! header.

use std::fmt::Write;
use std::net::SocketAddr;

use actix_web::http::Uri;
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::test::TestRequest;

/// Reads the target and the headers of a request. Lines that are not headers are ignored.
///
/// Returns `None` if the first line is not a valid target of an HTTP request.
pub(crate) fn read(text: &[u8], peer: SocketAddr) -> Option<TestRequest> {
    let mut lines = text
        .split(|byte| *byte == b'\n')
        .map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let target = std::str::from_utf8(lines.next()?).ok()?;
    let request = with_target(target)?.peer_addr(peer);
    Some(
        lines
            .filter_map(read_header)
            .fold(request, |request, pair| request.append_header(pair)),
    )
}

/// Begins a request for a target such as `/listen?conn_id=1`.
pub(crate) fn with_target(target: &str) -> Option<TestRequest> {
    let uri: Uri = target.parse().ok()?;
    (target.starts_with('/') && uri.path_and_query()?.as_str() == target)
        .then(|| TestRequest::with_uri(target))
}

fn read_header(line: &[u8]) -> Option<(HeaderName, HeaderValue)> {
    let colon = line.iter().position(|byte| *byte == b':')?;
    let (name, value) = line.split_at_checked(colon)?;
    let name = HeaderName::from_bytes(name).ok()?;
    let value = HeaderValue::from_bytes(value.get(1..)?.trim_ascii()).ok()?;
    Some((name, value))
}

/// Writes every byte of a text as `%41`, so that a query can hold it.
pub(crate) fn percent_encode(text: &[u8]) -> String {
    text.iter().fold(String::new(), |mut encoded, byte| {
        let _ = write!(encoded, "%{byte:02X}");
        encoded
    })
}
