//! Makes and checks signatures in the format of itsdangerous' `TimestampSigner` (`protocol.md` §2).

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, URL_SAFE_NO_PAD};
use base64::{Engine, alphabet};
use hmac::{Hmac, KeyInit, Mac};
use sha1::{Digest, Sha1};
use thiserror::Error;
use uuid::Uuid;

/// The header that carries a signature. It takes precedence over the query parameter `secret`.
pub const HEADER: &str = "x-channelstream-secret";

/// The salt of the signatures of calls, which is the default of itsdangerous.
pub(super) const CALL_SALT: &str = "itsdangerous.Signer";

/// The largest age of a call's signature.
pub(super) const MAX_AGE: Duration = Duration::from_secs(60);

/// The separator between the path and the nonce in a signed text.
pub const NONCE_SEPARATOR: char = '|';

/// The length of a signature's HMAC, in bytes.
pub(super) const MAC_BYTES: usize = 20;

/// The base64 decoder. It ignores leftover bits at the end, as Python does.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::URL_SAFE,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_encode_padding(false)
        .with_decode_padding_mode(base64::engine::DecodePaddingMode::RequireNone),
);

/// A signer with one secret. It signs texts and checks signatures. Its key is derived only once.
#[derive(Clone)]
pub struct Signer {
    mac: Hmac<Sha1>,
}

/// The reason why a signature is not valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum SignatureFlaw {
    /// The signature was not made with this secret, or the text is not a signature at all.
    #[error("the signature does not match; compare the secrets (secret)")]
    Foreign,
    /// The signature was made too long ago.
    #[error("the signature is more than 60 seconds old; compare the clocks (validate_requests)")]
    Old,
    /// The signature is dated too far ahead of this server's clock.
    #[error("the signature is dated too far ahead; compare the clocks (signature_tolerance)")]
    Ahead,
    /// The text that was signed is not the path of the call.
    #[error("the signature is for another path (signature_scope)")]
    OtherPath,
    /// The text that was signed has no nonce.
    #[error("the signed text has no nonce; sign PATH|NONCE (reject_replays)")]
    NoNonce,
    /// The signature was accepted before.
    #[error(
        "the signature was used before; sign each call anew, with another nonce (reject_replays)"
    )]
    Used,
}

/// The content of a signature that was made with the right secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SignedContent<'a> {
    /// The text that was signed.
    pub(super) text: &'a str,
    /// The time at which it was signed, in seconds since 1970.
    pub(super) signed_at: u64,
    /// The decoded MAC.
    pub(super) mac: [u8; MAC_BYTES],
}

impl Signer {
    /// Creates a signer with the key of a secret.
    pub fn new(secret: &str) -> Self {
        Self::with_salt(secret, CALL_SALT)
    }

    /// Creates a signer with the key of a secret and a salt. Signatures with different salts do not
    /// match, although the secret is the same.
    pub fn with_salt(secret: &str, salt: &str) -> Self {
        // itsdangerous' key derivation `django-concat`.
        let key = Sha1::new()
            .chain_update(salt)
            .chain_update("signer")
            .chain_update(secret)
            .finalize();
        Self {
            mac: create_mac(&key),
        }
    }

    /// Signs a text at the current time. Returns `text.timestamp.signature`.
    pub fn sign(&self, text: &str) -> String {
        let timestamp = seconds_since_1970().to_be_bytes();
        let leading = timestamp.iter().take_while(|byte| **byte == 0).count();
        let signed = format!(
            "{text}.{}",
            URL_SAFE_NO_PAD.encode(timestamp.get(leading..).unwrap_or_default())
        );
        let signature = self
            .mac
            .clone()
            .chain_update(&signed)
            .finalize()
            .into_bytes();
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    /// Signs the path of a call with a random nonce, so that each call has a different signature
    /// (`reject_replays`).
    pub fn sign_call(&self, path: &str) -> String {
        self.sign(&format!(
            "{path}{NONCE_SEPARATOR}{}",
            Uuid::new_v4().simple()
        ))
    }

    /// Checks that a signature was made with this secret, at any time. A signature without a
    /// timestamp is not valid.
    ///
    /// # Errors
    /// Returns what is wrong with the signature.
    pub fn check(&self, signature: &str) -> Result<(), SignatureFlaw> {
        self.verify(signature).map(drop)
    }

    /// Returns the text that was signed, if the signature passes [`check`](Self::check).
    ///
    /// # Errors
    /// Returns what is wrong with the signature.
    pub fn verify<'a>(&self, signature: &'a str) -> Result<&'a str, SignatureFlaw> {
        let opened = self.open(signature).ok_or(SignatureFlaw::Foreign)?;
        Ok(opened.text)
    }

    /// Returns the content of a signature, or `None` if it was not made with this secret.
    pub(super) fn open<'a>(&self, signature: &'a str) -> Option<SignedContent<'a>> {
        let (signed, mac) = signature.rsplit_once('.')?;
        let mac = decode(mac)?;
        // `verify_slice` compares the bytes in constant time.
        let expected = self.mac.clone().chain_update(signed);
        if cfg!(feature = "planted-faults") {
            expected.verify_truncated_left(mac.get(..8)?).ok()?;
        } else {
            expected.verify_slice(&mac).ok()?;
        }
        let (text, timestamp) = signed.rsplit_once('.')?;
        let bytes = decode(timestamp).filter(|bytes| bytes.len() <= size_of::<u64>())?;
        Some(SignedContent {
            text,
            signed_at: bytes
                .iter()
                .fold(0, |time, byte| time << 8 | u64::from(*byte)),
            mac: mac.try_into().ok()?,
        })
    }
}

/// Decodes base64 in the standard or the URL-safe alphabet, with or without padding. All other
/// characters are skipped.
///
/// itsdangerous 1.1.0 reads all of these. The original's JavaScript signer mixes the alphabets, PHP
/// and Ruby use the standard one, and some encoders add a line break at the end.
fn decode(text: &str) -> Option<Vec<u8>> {
    let url_safe = |letter| match letter {
        b'+' => Some(b'-'),
        b'/' => Some(b'_'),
        b'-' | b'_' => Some(letter),
        _ => letter.is_ascii_alphanumeric().then_some(letter),
    };
    let letters: Vec<u8> = text.bytes().filter_map(url_safe).collect();
    LENIENT.decode(letters).ok()
}

/// Creates an HMAC with a key that is at most one block of SHA-1 long. The key is padded with
/// zeros.
pub(crate) fn create_mac(key: &[u8]) -> Hmac<Sha1> {
    let mut block = hmac::digest::Key::<Hmac<Sha1>>::default();
    for (to, from) in block.iter_mut().zip(key) {
        *to = *from;
    }
    Hmac::new(&block)
}

pub(super) fn seconds_since_1970() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A signature of the original, from `protocol.md` §2.
    const RECORDED: &str = "channelstream.awCsHQ.W11cNagMMZSrL45zYa0hvA_gnTk";

    #[test]
    fn a_signature_of_the_original_is_valid() {
        let signer = Signer::new("secret");
        let opened = signer.open(RECORDED).unwrap();
        assert_eq!(
            (opened.text, opened.signed_at),
            ("channelstream", 1_795_206_173)
        );
        assert_eq!(signer.check(RECORDED), Ok(()));
        assert_eq!(
            Signer::new("other").check(RECORDED),
            Err(SignatureFlaw::Foreign)
        );
        assert_eq!(
            signer.check(&RECORDED.replace("channel", "chanel")),
            Err(SignatureFlaw::Foreign)
        );
    }

    #[test]
    fn both_alphabets_are_read_with_and_without_padding() {
        let signer = Signer::new("secret");
        for signature in [
            "channelstream.awCsHQ.W11cNagMMZSrL45zYa0hvA/gnTk",
            "channelstream.awCsHQ.W11cNagMMZSrL45zYa0hvA_gnTk=",
            "channelstream.awCsHQ.W11cNagMMZSrL45zYa0hvA/gnTk==",
            // The last letter holds two leftover bits, which are ignored.
            "channelstream.awCsHQ.W11cNagMMZSrL45zYa0hvA_gnTl",
            "channelstream.awCsHQ.W11cNagMMZSr L45zYa0hvA/gnTk=\n",
        ] {
            assert_eq!(signer.check(signature), Ok(()), "{signature}");
        }
        let open = |signed: &str| {
            let mac = URL_SAFE_NO_PAD.encode(
                signer
                    .mac
                    .clone()
                    .chain_update(signed)
                    .finalize()
                    .into_bytes(),
            );
            signer
                .open(&format!("{signed}.{mac}"))
                .map(|opened| opened.signed_at)
        };
        assert_eq!(open("channelstream.awCsHQ="), Some(1_795_206_173));
        assert_eq!(
            open("channelstream.AAAAAGsArB0"),
            Some(1_795_206_173),
            "zeros in front, to 8 bytes"
        );
        assert_eq!(open("channelstream.AAAAAABrAKwd"), None, "9 bytes");
    }

    #[test]
    fn own_signatures_are_valid_also_for_texts_with_dots() {
        let signer = Signer::new("s");
        assert_eq!(signer.check(&signer.sign("/message")), Ok(()));
        assert_eq!(signer.check(&signer.sign("a.b.c")), Ok(()));
    }

    #[test]
    fn other_texts_are_refused() {
        let signer = Signer::new("secret");
        for text in [
            "",
            ".",
            "..",
            "a.b",
            "ä.ö.ü",
            "channelstream.W11cNagMMZSrL45zYa0hvA_gnTk",
        ] {
            assert_eq!(signer.check(text), Err(SignatureFlaw::Foreign), "{text}");
        }
    }
}
