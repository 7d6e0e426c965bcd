//! Signatures of calls: itsdangerous' `TimestampSigner` (`protocol.md` §2), and the extractor
//! [`Signed`] that demands one.

use std::future::{Ready, ready};
use std::net::IpAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use actix_web::dev::Payload;
use actix_web::http::header::HeaderName;
use actix_web::web::Data;
use actix_web::{FromRequest, HttpRequest};
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, URL_SAFE_NO_PAD};
use base64::{Engine, alphabet};
use hmac::{Hmac, KeyInit, Mac};
use sha1::{Digest, Sha1};
use thiserror::Error;

use crate::caller::Caller;
use crate::error::ApiError;
use crate::logging::refusals::{Refusal, refused};
use crate::settings::{Network, Settings};

/// The header that carries a signature; it counts before the query parameter `secret`.
pub const HEADER: &str = "x-channelstream-secret";

const MAX_AGE: Duration = Duration::from_secs(60);

/// Reads base64 as Python does, which ignores the bits that are left over at the end.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::URL_SAFE,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_encode_padding(false)
        .with_decode_padding_mode(base64::engine::DecodePaddingMode::RequireNone),
);

/// Signs texts and checks signatures. The key is derived once.
#[derive(Clone)]
pub struct Signer {
    mac: Hmac<Sha1>,
    max_age: Option<Duration>,
}

/// What is wrong with a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Flaw {
    /// Not made with this secret, or no signature at all.
    #[error("the signature does not match; compare the secrets (secret)")]
    Foreign,
    /// Made too long ago.
    #[error("the signature is more than 60 seconds old; compare the clocks (validate_requests)")]
    Old,
}

impl Signer {
    /// For a secret. `max_age`: older signatures are refused.
    pub fn new(secret: &str, max_age: Option<Duration>) -> Self {
        // itsdangerous' key derivation `django-concat`.
        let key = Sha1::new()
            .chain_update("itsdangerous.Signer")
            .chain_update("signer")
            .chain_update(secret)
            .finalize();
        Self {
            mac: keyed(&key),
            max_age,
        }
    }

    /// Signs a text, as of now: `text.timestamp.signature`.
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

    /// Looks whether the signature is ours and not too old. One from the future is valid; one
    /// without a timestamp is not.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn check(&self, signature: &str) -> Result<(), Flaw> {
        self.text(signature).map(drop)
    }

    /// The text that was signed, if [`check`](Self::check) has nothing against the signature.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn text<'a>(&self, signature: &'a str) -> Result<&'a str, Flaw> {
        let (text, signed_at) = self.opened(signature).ok_or(Flaw::Foreign)?;
        let age = seconds_since_1970().saturating_sub(signed_at);
        if self.max_age.is_some_and(|max_age| age > max_age.as_secs()) {
            Err(Flaw::Old)
        } else {
            Ok(text)
        }
    }

    /// The text and the time of a signature that is ours.
    fn opened<'a>(&self, signature: &'a str) -> Option<(&'a str, u64)> {
        let (signed, mac) = signature.rsplit_once('.')?;
        // Compares the bytes, in constant time.
        self.mac
            .clone()
            .chain_update(signed)
            .verify_slice(&decode(mac)?)
            .ok()?;
        let (text, timestamp) = signed.rsplit_once('.')?;
        let bytes = decode(timestamp).filter(|bytes| bytes.len() <= size_of::<u64>())?;
        Some((
            text,
            bytes
                .iter()
                .fold(0, |time, byte| time << 8 | u64::from(*byte)),
        ))
    }
}

/// Decodes base64 in either alphabet, with or without padding. Characters of neither alphabet are
/// skipped.
///
/// itsdangerous 1.1.0 reads all of these. The original's JavaScript signer writes a mixture of
/// them, the base64 of PHP and Ruby is the standard one, and some encoders end it with a line
/// break.
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

/// HMAC with a key that is no longer than the block of SHA-1; it pads with zeros.
pub(crate) fn keyed(key: &[u8]) -> Hmac<Sha1> {
    let mut block = hmac::digest::Key::<Hmac<Sha1>>::default();
    for (to, from) in block.iter_mut().zip(key) {
        *to = *from;
    }
    Hmac::new(&block)
}

fn seconds_since_1970() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs()
}

/// Who may make signed calls, and how their signatures are checked.
pub struct Gate {
    signer: Signer,
    allowed: Vec<Network>,
}

impl Gate {
    /// As the settings say.
    pub fn new(settings: &Settings) -> Self {
        let max_age = settings.validate_requests.then_some(MAX_AGE);
        Self {
            signer: Signer::new(settings.secret.as_str(), max_age),
            allowed: settings.allow_posting_from.clone(),
        }
    }

    /// Looks at the address, then at the signature.
    pub fn check(&self, request: &HttpRequest) -> Result<(), ApiError> {
        let caller = Caller::of(request).address;
        let path = request.path().escape_debug();
        if !caller.map_or_else(|| self.allows_all(), |address| self.allows(address)) {
            let address =
                caller.map_or_else(|| "unknown".to_owned(), |address| address.to_string());
            let advice = "add the address to allow_posting_from";
            refused(
                Refusal::Address,
                format_args!("refused a call to {path} from {address}: {advice}"),
            );
            return Err(ApiError::AddressNotAllowed { address });
        }
        let Some(signature) = signature_of(request) else {
            refused(
                Refusal::NotSigned,
                format_args!("refused a call to {path}: it has no signature ({HEADER})"),
            );
            return Err(ApiError::NotSigned);
        };
        self.signer.check(&signature).map_err(|flaw| {
            let kind = match flaw {
                Flaw::Foreign => Refusal::ForeignSignature,
                Flaw::Old => Refusal::OldSignature,
            };
            refused(kind, format_args!("refused a call to {path}: {flaw}"));
            ApiError::BadSignature(flaw)
        })
    }

    fn allows_all(&self) -> bool {
        self.allowed.iter().any(Network::is_everything)
    }

    fn allows(&self, address: IpAddr) -> bool {
        self.allowed.iter().any(|network| network.contains(address))
    }
}

/// The header counts before the query, and an empty one counts as given: as no signature.
pub fn signature_of(request: &HttpRequest) -> Option<String> {
    static NAME: HeaderName = HeaderName::from_static(HEADER);
    let signature = match request.headers().get(&NAME) {
        Some(header) => header.to_str().unwrap_or("unreadable").to_owned(),
        None => crate::validation::query(request).remove("secret")?,
    };
    (!signature.is_empty()).then_some(signature)
}

/// Proof that a request is signed and comes from an allowed address. It stands before the body in a
/// handler's arguments, so it is checked before the body is looked at.
#[derive(Clone, Copy, Debug)]
pub struct Signed;

impl FromRequest for Signed {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let gate = request
            .app_data::<Data<Gate>>()
            .ok_or(ApiError::Internal("no gate"));
        ready(gate.and_then(|gate| gate.check(request)).map(|()| Self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From `protocol.md` §2.
    const RECORDED: &str = "channelstream.awCsHQ.W11cNagMMZSrL45zYa0hvA_gnTk";

    #[test]
    fn takes_what_the_original_signed() {
        let signer = Signer::new("secret", None);
        assert_eq!(
            signer.opened(RECORDED),
            Some(("channelstream", 1_795_206_173))
        );
        assert_eq!(signer.check(RECORDED), Ok(()));
        assert_eq!(
            Signer::new("other", None).check(RECORDED),
            Err(Flaw::Foreign)
        );
        assert_eq!(
            signer.check(&RECORDED.replace("channel", "chanel")),
            Err(Flaw::Foreign)
        );
    }

    #[test]
    fn takes_either_alphabet_with_and_without_padding() {
        let signer = Signer::new("secret", None);
        for signature in [
            "channelstream.awCsHQ.W11cNagMMZSrL45zYa0hvA/gnTk",
            "channelstream.awCsHQ.W11cNagMMZSrL45zYa0hvA_gnTk=",
            "channelstream.awCsHQ.W11cNagMMZSrL45zYa0hvA/gnTk==",
            // The last letter holds two bits that no byte needs.
            "channelstream.awCsHQ.W11cNagMMZSrL45zYa0hvA_gnTl",
            "channelstream.awCsHQ.W11cNagMMZSr L45zYa0hvA/gnTk=\n",
        ] {
            assert_eq!(signer.check(signature), Ok(()), "{signature}");
        }
        let opened = |signed: &str| {
            let mac = URL_SAFE_NO_PAD.encode(
                signer
                    .mac
                    .clone()
                    .chain_update(signed)
                    .finalize()
                    .into_bytes(),
            );
            signer
                .opened(&format!("{signed}.{mac}"))
                .map(|(_, signed_at)| signed_at)
        };
        assert_eq!(opened("channelstream.awCsHQ="), Some(1_795_206_173));
        assert_eq!(
            opened("channelstream.AAAAAGsArB0"),
            Some(1_795_206_173),
            "zeros in front, to 8 bytes"
        );
        assert_eq!(opened("channelstream.AAAAAABrAKwd"), None, "9 bytes");
    }

    #[test]
    fn takes_its_own_and_texts_with_dots() {
        let signer = Signer::new("s", Some(MAX_AGE));
        assert_eq!(signer.check(&signer.sign("/message")), Ok(()));
        assert_eq!(signer.check(&signer.sign("a.b.c")), Ok(()));
    }

    #[test]
    fn refuses_what_is_no_signature() {
        let signer = Signer::new("secret", None);
        for text in [
            "",
            ".",
            "..",
            "a.b",
            "ä.ö.ü",
            "channelstream.W11cNagMMZSrL45zYa0hvA_gnTk",
        ] {
            assert_eq!(signer.check(text), Err(Flaw::Foreign), "{text}");
        }
    }
}
