//! How far a client has read, as a text that it keeps and gives back when it comes again: the `id:`
//! of server-sent events.
//!
//! It names every log by its epoch, so it needs no memory on this side, and one from another life
//! of a log means nothing.

use actix_web::HttpRequest;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use channelstream_actors::position::Report;

use crate::event_source::last_event_id;

/// As a text: letters, digits, `-` and `_`, 22 for one log.
pub(super) fn written(report: &Report) -> String {
    let bytes: Vec<u8> = report
        .iter()
        .flat_map(|(epoch, offset)| {
            [u64::from(*epoch).to_be_bytes(), offset.to_be_bytes()].concat()
        })
        .collect();
    URL_SAFE_NO_PAD.encode(bytes)
}

/// What a request brings ([`last_event_id`]). One that is not understood says nothing; then more is
/// sent again than was needed.
pub(super) fn of(request: &HttpRequest) -> Report {
    last_event_id(request)
        .and_then(|text| read(&text))
        .unwrap_or_default()
}

fn read(text: &str) -> Option<Report> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    let (numbers, rest) = bytes.as_chunks();
    let (logs, half) = numbers.as_chunks();
    let log = |[epoch, offset]: &[[u8; 8]; 2]| {
        (
            u64::from_be_bytes(*epoch).into(),
            u64::from_be_bytes(*offset),
        )
    };
    (rest.is_empty() && half.is_empty()).then(|| logs.iter().map(log).collect())
}

#[cfg(test)]
mod tests {
    use channelstream_actors::position::Epoch;

    use super::*;

    #[test]
    fn what_was_written_is_read() {
        let report: Report = [(Epoch::random(), 7), (Epoch::random(), u64::MAX)].into();
        assert_eq!(read(&written(&report)), Some(report));
        assert_eq!(read(""), Some(Report::default()));
    }

    #[test]
    fn what_is_no_position_says_nothing() {
        for text in ["x", "AAAA", "ä", "42", "\u{202e}"] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
