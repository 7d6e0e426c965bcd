//! `Last-Event-ID`, as a header and in the query. An input is its value.

use actix_web::http::header::HeaderValue;
use actix_web::test::TestRequest;
use channelstream::event_source::last_event_id;
use channelstream::fuzzing::{decode_position, encode_position, parse_position};
use channelstream_actors::position::Report;

use crate::head::{percent_encode, with_target};
use crate::time_limit::in_linear_time;

/// Asserts that a position prints back as it was read, that every printed position can be read
/// again, and that the header and the query are read in the same way.
pub(super) fn run(input: &[u8]) {
    in_linear_time(input.len(), || {
        check_text(input);
        check_position(input);
    });
}

fn check_text(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let decoded = decode_position(&text);
    if let Some(report) = &decoded {
        assert_eq!(encode_position(report), text);
        assert!(report.len() <= input.len() / 21);
    }
    let expected = Some(decoded.unwrap_or_default());
    let target = format!("/sse?last_event_id={}", percent_encode(input));
    if let Some(request) = with_target(&target) {
        let request = request.to_http_request();
        assert_eq!(last_event_id(&request).as_deref(), Some(text.as_ref()));
        assert_eq!(parse_position(&request), expected);
    }
    if let Ok(value) = HeaderValue::from_bytes(input)
        && value.to_str().is_ok_and(|text| !text.is_empty())
    {
        // The query is used only if there is no header.
        let request = TestRequest::with_uri("/sse?last_event_id=AAAA")
            .append_header(("last-event-id", value))
            .to_http_request();
        assert_eq!(last_event_id(&request).as_deref(), Some(text.as_ref()));
        assert_eq!(parse_position(&request), expected);
    }
}

/// Uses the input as the numbers of a position.
fn check_position(input: &[u8]) {
    let (numbers, _) = input.as_chunks::<8>();
    let (logs, _) = numbers.as_chunks::<2>();
    let number = |bytes: &[u8; 8]| u64::from_be_bytes(*bytes);
    let log = |[epoch, offset]: &[[u8; 8]; 2]| (number(epoch).into(), number(offset));
    let report: Report = logs.iter().map(log).collect();
    assert_eq!(decode_position(&encode_position(&report)), Some(report));
}
