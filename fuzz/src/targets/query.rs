//! Queries of `/listen`, `/ws`, `/sse` and `/disconnect`. The first line of an input is the target
//! of the request, with its query; headers may follow.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use actix_web::{FromRequest, HttpRequest};
use channelstream::api::disconnect::DisconnectQuery;
use channelstream::error::ApiError;
use channelstream::fuzzing::{CALLBACK, parse_conn_id, parse_position};
use channelstream::validation::query;
use futures_util::FutureExt;

use crate::time_limit::in_linear_time;
use crate::{head, refusal};

/// The longest name of a callback function, in characters.
const LONGEST_CALLBACK: usize = 128;

/// Asserts that parameters are those that a simple reader of `application/x-www-form-urlencoded`
/// finds, that all calls read `conn_id` in the same way, that it prints back, and that `callback`
/// is only a name.
pub(super) fn run(input: &[u8]) {
    let peer = (IpAddr::V4(Ipv4Addr::LOCALHOST), 1).into();
    if let Some(request) = head::read(input, peer) {
        let request = request.to_http_request();
        in_linear_time(input.len(), || check(&request, input.len()));
    }
}

fn check(request: &HttpRequest, size: usize) {
    let mut parameters = query(request);
    assert_eq!(parameters, expected(request.query_string()));
    check_conn_id(request, parameters.get("conn_id"), size);
    match CALLBACK.take(&mut parameters) {
        Ok(Some(name)) => assert!(name.is_empty() || is_harmless(&name), "{name}"),
        Ok(None) => {}
        Err(error) => refusal::check(&error.into(), size, &[422]),
    }
    assert!(parse_position(request).unwrap_or_default().len() <= size / 21);
}

fn check_conn_id(request: &HttpRequest, text: Option<&String>, size: usize) {
    let ended = DisconnectQuery::extract(request).now_or_never();
    let ended = ended.expect("a query must not wait");
    match parse_conn_id(request) {
        Ok(conn_id) => {
            let text = text.expect("an id comes from the query").to_lowercase();
            let printed = conn_id.to_string();
            let mut letters = text.chars();
            let mut digits = printed.chars().filter(|digit| *digit != '-');
            assert!(
                digits.all(|digit| letters.any(|letter| letter == digit)),
                "{text}"
            );
            let again = head::with_target(&format!("/ws?conn_id={printed}"));
            let again = again.expect("an id can stand in a query").to_http_request();
            assert_eq!(parse_conn_id(&again).ok(), Some(conn_id));
            assert!(ended.is_ok(), "{text}");
        }
        Err(error) => {
            refusal::check(&error, size, &[422]);
            let error: Option<ApiError> = ended.err();
            refusal::check(&error.expect("all calls read an id alike"), size, &[422]);
        }
    }
}

/// Returns whether the text is only the name of a function that a script can call.
fn is_harmless(name: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_$.[]".contains(&byte);
    let starts_well = |part: &str| {
        part.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_' || first == '$')
    };
    name.len() <= LONGEST_CALLBACK
        && name.bytes().all(is_allowed)
        && name.split('.').all(starts_well)
        && name.matches('[').count() == name.matches(']').count()
}

/// Returns the parameters of a query according to the URL standard. The last of several with one
/// name counts.
fn expected(query: &str) -> BTreeMap<String, String> {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    let split = |pair: &str| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decode(name), decode(value))
    };
    pairs.map(split).collect()
}

fn decode(text: &str) -> String {
    let mut decoded = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        let code = after
            .get(..2)
            .and_then(|code| std::str::from_utf8(code).ok());
        let code = code.filter(|code| code.bytes().all(|digit| digit.is_ascii_hexdigit()));
        let byte = code.and_then(|code| u8::from_str_radix(code, 16).ok());
        decoded.push(match (first, byte) {
            (b'+', _) => b' ',
            (b'%', Some(byte)) => {
                rest = after.get(2..).unwrap_or_default();
                byte
            }
            (first, _) => *first,
        });
    }
    String::from_utf8_lossy(&decoded).into_owned()
}
