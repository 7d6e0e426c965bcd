//! The position of a client as text, such as the `id:` of server-sent events. The client keeps it
//! and sends it with its next request.
//!
//! The text names each log by its epoch, so the server need not store anything for it, and a
//! position in a log that no longer exists has no effect.

use actix_web::HttpRequest;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use channelstream_actors::position::{Position, Report};

use crate::event_source::last_event_id;

/// Returns the position as text of letters, digits, `-` and `_`. One log takes 22 characters.
pub fn encode(position: &[Position]) -> String {
    let bytes: Vec<u8> = position
        .iter()
        .flat_map(|(epoch, offset)| {
            [u64::from(*epoch).to_be_bytes(), offset.to_be_bytes()].concat()
        })
        .collect();
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Returns the position that a request contains (see [`last_event_id`]); `None` if it contains
/// none. A position that cannot be decoded counts as an empty one. The client is then sent some
/// entries again that it has already read.
pub fn parse_request(request: &HttpRequest) -> Option<Report> {
    last_event_id(request).map(|text| decode(&text).unwrap_or_default())
}

/// Decodes a position from text. Returns `None` for text that is not a position.
pub fn decode(text: &str) -> Option<Report> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    let (numbers, rest) = bytes.as_chunks();
    let (logs, half) = numbers.as_chunks();
    let log = |[epoch, offset]: &[[u8; 8]; 2]| {
        (
            u64::from_be_bytes(*epoch).into(),
            u64::from_be_bytes(*offset),
        )
    };
    let is_whole = half.is_empty() || cfg!(feature = "planted-faults");
    (rest.is_empty() && is_whole).then(|| logs.iter().map(log).collect())
}

#[cfg(test)]
mod tests {
    use channelstream_actors::position::Epoch;

    use super::*;

    #[test]
    fn an_encoded_position_is_decoded() {
        let position: Report = [(Epoch::random(), 7), (Epoch::random(), u64::MAX)].into();
        assert_eq!(decode(&encode(&position)), Some(position));
        assert_eq!(decode(""), Some(Report::default()));
    }

    #[test]
    fn other_text_is_not_a_position() {
        for text in ["x", "AAAA", "ä", "42", "\u{202e}"] {
            assert_eq!(decode(text), None, "{text}");
        }
    }
}
