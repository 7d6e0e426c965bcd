//! Signatures of calls. The first line of an input is a text to sign. After it come edits of the
//! signature, two bytes each: a position, and the new byte at that position. The whole input is
//! also used as a signature, as a stranger sends it.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::LazyLock;

use actix_web::http::header::HeaderValue;
use actix_web::test::TestRequest;
use channelstream::settings::{SettingValue, Settings, SignatureScope};
use channelstream::signature::verifier::SignatureVerifier;
use channelstream::signature::{HEADER, Signer};

use crate::head::{percent_encode, with_target};
use crate::time_limit::in_linear_time;

const SECRET: &str = "the secret of this target";

/// The verifier of a server with default settings.
static LENIENT: LazyLock<SignatureVerifier> =
    LazyLock::new(|| verifier(SignatureScope::Any, false));

/// The verifier of a server that accepts a signature for its path only, and once.
static STRICT: LazyLock<SignatureVerifier> = LazyLock::new(|| verifier(SignatureScope::Path, true));

/// Asserts that a signature is valid exactly if this secret made it. A changed signature is never
/// valid, except for other spellings of the same bytes.
pub(super) fn run(input: &[u8]) {
    in_linear_time(input.len(), || {
        let signer = Signer::new(SECRET);
        if let Ok(text) = std::str::from_utf8(input) {
            check_everywhere(&signer, text, false);
        }
        let mut parts = input.splitn(2, |byte| *byte == b'\n');
        let (Some(text), edits) = (parts.next(), parts.next().unwrap_or_default()) else {
            return;
        };
        let Ok(text) = std::str::from_utf8(text) else {
            return;
        };
        let signature = signer.sign(text);
        assert_eq!(signer.verify(&signature), Ok(text));
        check_everywhere(&signer, &signature, true);
        assert!(Signer::new("another secret").check(&signature).is_err());
        if let Some(changed) = edit(&signature, edits) {
            let is_same = normalized(&changed) == normalized(&signature);
            check_everywhere(&signer, &changed, is_same);
        }
    });
}

/// Asserts that a signature is valid, or not, alone and in a request.
fn check_everywhere(signer: &Signer, signature: &str, is_valid: bool) {
    assert_eq!(signer.check(signature).is_ok(), is_valid, "{signature:?}");
    let peer = (IpAddr::V4(Ipv4Addr::LOCALHOST), 1).into();
    let by_query = with_target(&format!(
        "/message?secret={}",
        percent_encode(signature.as_bytes())
    ));
    let by_header = HeaderValue::from_str(signature)
        .ok()
        .filter(|value| value.to_str().is_ok());
    let by_header = by_header
        .map(|value| TestRequest::with_uri("/message?secret=x").append_header((HEADER, value)));
    for request in by_query.into_iter().chain(by_header) {
        let request = request.peer_addr(peer).to_http_request();
        let verified = LENIENT.verify(&request);
        assert_eq!(
            verified.is_ok(),
            is_valid && !signature.is_empty(),
            "{verified:?}"
        );
        let is_for_call = || {
            let text = signer.verify(signature).unwrap_or_default();
            text.strip_prefix("/message|")
                .is_some_and(|nonce| !nonce.is_empty())
        };
        assert_eq!(STRICT.verify(&request).is_ok(), is_valid && is_for_call());
    }
}

fn verifier(signature_scope: SignatureScope, reject_replays: bool) -> SignatureVerifier {
    SignatureVerifier::new(&Settings {
        secret: SECRET.into(),
        allow_posting_from: SettingValue::parse("127.0.0.1").unwrap_or_default(),
        signature_scope,
        reject_replays,
        ..Settings::default()
    })
}

/// Replaces bytes of a text. A position beyond the end starts again.
fn edit(text: &str, edits: &[u8]) -> Option<String> {
    let mut bytes = text.as_bytes().to_vec();
    let (edits, _) = edits.as_chunks();
    for [place, byte] in edits {
        // The position counts from the end, where the signature is.
        let place = usize::from(*place) % bytes.len();
        *bytes.iter_mut().rev().nth(place)? = *byte;
    }
    String::from_utf8(bytes).ok()
}

/// Returns the content of a signature: the signed text, and the bytes of the MAC. As in Python,
/// base64 may contain any other characters.
fn normalized(signature: &str) -> Option<(&str, Vec<u8>)> {
    let (signed, mac) = signature.rsplit_once('.')?;
    let six_bits = |letter: u8| match letter {
        b'A'..=b'Z' => Some(letter - b'A'),
        b'a'..=b'z' => Some(letter - b'a' + 26),
        b'0'..=b'9' => Some(letter - b'0' + 52),
        b'-' | b'+' => Some(62),
        b'_' | b'/' => Some(63),
        _ => None,
    };
    let letters: Vec<u8> = mac.bytes().filter_map(six_bits).collect();
    if letters.len() % 4 == 1 {
        return None;
    }
    let (mut bits, mut count, mut bytes) = (0_u32, 0, Vec::new());
    for letter in letters {
        bits = bits << 6 | u32::from(letter);
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push(u8::try_from(bits >> count & 255).ok()?);
        }
    }
    Some((signed, bytes))
}
