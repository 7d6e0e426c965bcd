//! The id of a request, by which an operator finds its lines in several logs.

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use bytes::Bytes;
use bytestring::ByteString;
use channelstream_actors::request::RequestId;
use uuid::Uuid;

/// The header that carries the id, in requests and answers.
static HEADER: HeaderName = HeaderName::from_static("x-request-id");

/// The longest id that is accepted from a client, in characters.
const LONGEST: usize = 128;

/// Returns the id in the request's header, or a new one if the header has no valid id. A valid id
/// has 1 to [`LONGEST`] visible ASCII characters.
pub(super) fn identify(headers: &HeaderMap) -> RequestId {
    let brought = headers.get(&HEADER).and_then(|id| take(id.as_bytes()));
    RequestId::new(brought.unwrap_or_else(|| Uuid::new_v4().simple().to_string().into()))
}

fn take(id: &[u8]) -> Option<ByteString> {
    let is_valid = (1..=LONGEST).contains(&id.len()) && id.iter().all(u8::is_ascii_graphic);
    is_valid
        .then(|| ByteString::try_from(Bytes::copy_from_slice(id)).ok())
        .flatten()
}

/// Adds the id to an answer.
pub(super) fn add_header(headers: &mut HeaderMap, request: &RequestId) {
    // Cannot fail: an id has visible ASCII characters only.
    if let Ok(id) = HeaderValue::from_str(request.as_str()) {
        headers.insert(HEADER.clone(), id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_short_visible_ids_are_taken() {
        let longest = "x".repeat(LONGEST);
        for id in ["7", "a-b_c.d/e:f=~", &longest] {
            assert_eq!(take(id.as_bytes()).as_deref(), Some(id));
        }
        let too_long = "x".repeat(LONGEST + 1);
        for id in ["", " ", "a b", "a\tb", "ä", "a\u{7f}", &too_long] {
            assert_eq!(take(id.as_bytes()), None, "{id:?}");
        }
        let new = [(); 2].map(|()| identify(&HeaderMap::new()));
        assert_eq!(new[0].as_str().len(), 32);
        assert_ne!(new[0], new[1]);
    }
}
