//! Checks whether a caller may make signed calls: first the caller's address, then the signature.

use std::net::IpAddr;
use std::time::Duration;

use actix_web::HttpRequest;
use actix_web::http::header::HeaderName;

use super::replays::ValidSignature;
use super::signer::{
    HEADER, MAX_AGE, NONCE_SEPARATOR, SignatureFlaw, SignedContent, seconds_since_1970,
};
use super::signers::Signers;
use crate::caller::Caller;
use crate::settings::{Network, Settings, SignatureScope};
use crate::validation::query;

/// The reason why a caller may not make signed calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotVerified {
    /// The address is not in `allow_posting_from`; `None` stands for an unknown address.
    Address(Option<IpAddr>),
    /// The call has no signature.
    NotSigned,
    /// The signature is not valid.
    Signature(SignatureFlaw),
}

/// The check of addresses and signatures that the settings demand.
pub struct SignatureVerifier {
    signers: Signers,
    max_age: Option<Duration>,
    /// The time by which a signature may be dated ahead of the clock; `None` stands for no limit.
    tolerance: Option<Duration>,
    scope: SignatureScope,
    needs_nonce: bool,
    allowed: Vec<Network>,
}

impl SignatureVerifier {
    /// Creates the verifier that the settings describe.
    pub fn new(settings: &Settings) -> Self {
        Self {
            signers: Signers::new(&settings.secret),
            max_age: settings.validate_requests.then_some(MAX_AGE),
            tolerance: settings.signature_tolerance.limit(),
            scope: settings.signature_scope,
            needs_nonce: settings.reject_replays,
            allowed: settings.allow_posting_from.clone(),
        }
    }

    /// Checks the address of a call, then its signature.
    ///
    /// # Errors
    /// Fails if the address is not allowed, or if the signature is missing or not valid.
    pub fn verify(&self, request: &HttpRequest) -> Result<ValidSignature, NotVerified> {
        let caller = Caller::of(request).address;
        if !self.allows_caller(caller) {
            return Err(NotVerified::Address(caller));
        }
        let signature = find_signature(request).ok_or(NotVerified::NotSigned)?;
        self.check(&signature, request)
            .map_err(NotVerified::Signature)
    }

    /// Checks the signature of a request.
    fn check(
        &self,
        signature: &str,
        request: &HttpRequest,
    ) -> Result<ValidSignature, SignatureFlaw> {
        let SignedContent {
            text,
            signed_at,
            mac,
        } = self.signers.open(signature).ok_or(SignatureFlaw::Foreign)?;
        self.check_time(signed_at, seconds_since_1970())?;
        if self.scope == SignatureScope::Path && !is_for_path(text, request) {
            return Err(SignatureFlaw::OtherPath);
        }
        if self.needs_nonce && !has_nonce(text) {
            return Err(SignatureFlaw::NoNonce);
        }
        Ok(ValidSignature { mac, signed_at })
    }

    fn check_time(&self, signed_at: u64, now: u64) -> Result<(), SignatureFlaw> {
        let (age, lead) = (now.saturating_sub(signed_at), signed_at.saturating_sub(now));
        if self.max_age.is_some_and(|limit| age > limit.as_secs()) {
            return Err(SignatureFlaw::Old);
        }
        // The timestamp has whole seconds, so a fraction of a second is rounded up.
        let is_ahead = |limit: Duration| lead > limit.as_secs_f64().ceil() as u64;
        if self.tolerance.is_some_and(is_ahead) {
            return Err(SignatureFlaw::Ahead);
        }
        Ok(())
    }

    /// Returns whether a caller's address is in `allow_posting_from`. An unknown address is allowed
    /// only if all addresses are.
    pub fn allows_caller(&self, address: Option<IpAddr>) -> bool {
        self.allowed.iter().any(|network| {
            address.map_or_else(|| network.is_everything(), |it| network.contains(it))
        })
    }
}

/// Returns whether the signed text is the path of the request. The path counts with and without the
/// prefix of a reverse proxy.
fn is_for_path(text: &str, request: &HttpRequest) -> bool {
    let signed = text.split(NONCE_SEPARATOR).next().unwrap_or_default();
    let path = request.path();
    signed == path
        || signed
            .strip_prefix(Caller::of(request).prefix.as_str())
            .is_some_and(|rest| rest == path)
}

fn has_nonce(text: &str) -> bool {
    text.split_once(NONCE_SEPARATOR)
        .is_some_and(|(_, nonce)| !nonce.is_empty())
}

/// Returns the signature that a request carries. The header takes precedence over the query, and an
/// empty header hides the query: such a request has no signature.
pub fn find_signature(request: &HttpRequest) -> Option<String> {
    static NAME: HeaderName = HeaderName::from_static(HEADER);
    let signature = match request.headers().get(&NAME) {
        Some(header) => header.to_str().unwrap_or("unreadable").to_owned(),
        None => query(request).remove("secret")?,
    };
    (!signature.is_empty()).then_some(signature)
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;
    use crate::settings::SettingValue;
    use crate::signature::Signer;

    fn verifier(change: impl FnOnce(&mut Settings)) -> SignatureVerifier {
        let mut settings = Settings::default();
        change(&mut settings);
        SignatureVerifier::new(&settings)
    }

    #[test]
    fn the_text_up_to_the_nonce_is_the_path_if_the_scope_is_path() {
        let any = verifier(|_| {});
        let path = verifier(|settings| settings.signature_scope = SignatureScope::Path);
        let request = TestRequest::with_uri("/message?x=1").to_http_request();
        for (text, expected) in [
            ("/message", Ok(())),
            ("/message|nonce", Ok(())),
            ("/message|", Ok(())),
            ("/messages", Err(SignatureFlaw::OtherPath)),
            ("/message?x=1", Err(SignatureFlaw::OtherPath)),
            ("/connect|/message", Err(SignatureFlaw::OtherPath)),
            ("channelstream", Err(SignatureFlaw::OtherPath)),
        ] {
            let signature = Signer::new("secret").sign(text);
            let checked = path.check(&signature, &request).map(drop);
            assert_eq!(checked, expected, "{text}");
            assert_eq!(any.check(&signature, &request).map(drop), Ok(()), "{text}");
        }
    }

    #[test]
    fn times_are_checked_in_both_directions() {
        let any = verifier(|_| {});
        let strict = verifier(|settings| {
            settings.signature_tolerance = SettingValue::parse("30").unwrap();
        });
        for (signed_at, of_any, of_strict) in [
            (1000, Ok(()), Ok(())),
            (940, Ok(()), Ok(())),
            (939, Err(SignatureFlaw::Old), Err(SignatureFlaw::Old)),
            (1030, Ok(()), Ok(())),
            (1031, Ok(()), Err(SignatureFlaw::Ahead)),
            (u64::MAX, Ok(()), Err(SignatureFlaw::Ahead)),
        ] {
            assert_eq!(any.check_time(signed_at, 1000), of_any, "{signed_at}");
            assert_eq!(strict.check_time(signed_at, 1000), of_strict, "{signed_at}");
        }
    }

    #[test]
    fn two_spellings_of_a_signature_are_equal() {
        let strict = verifier(|settings| settings.reject_replays = true);
        let request = TestRequest::with_uri("/message").to_http_request();
        let signer = Signer::new("secret");
        let signature = signer.sign("/message|1");
        let padded = format!("{signature}=");
        let checked = strict.check(&signature, &request);
        assert!(checked.is_ok());
        assert_eq!(checked, strict.check(&padded, &request));
        assert_ne!(checked, strict.check(&signer.sign("/message|2"), &request));
        for text in ["/message", "/message|"] {
            let checked = strict.check(&signer.sign(text), &request);
            assert_eq!(checked, Err(SignatureFlaw::NoNonce), "{text}");
        }
    }
}
