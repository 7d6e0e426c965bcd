//! Checks who may make signed calls: first the caller's address, then the signature.

use std::net::IpAddr;

use actix_web::HttpRequest;
use actix_web::http::header::HeaderName;

use super::signer::{HEADER, MAX_AGE, SignatureFlaw};
use super::signers::Signers;
use crate::caller::Caller;
use crate::settings::{Network, Settings};
use crate::validation::query;

/// Why a caller may not make signed calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotVerified {
    /// The address is not in `allow_posting_from`; `None` stands for an unknown address.
    Address(Option<IpAddr>),
    /// The call has no signature.
    NotSigned,
    /// The signature is wrong or too old.
    Signature(SignatureFlaw),
}

/// Checks the addresses and the signatures of calls.
pub struct SignatureVerifier {
    signers: Signers,
    allowed: Vec<Network>,
}

impl SignatureVerifier {
    /// Creates the verifier that the settings describe.
    pub fn new(settings: &Settings) -> Self {
        let max_age = settings.validate_requests.then_some(MAX_AGE);
        Self {
            signers: Signers::new(&settings.secret, max_age),
            allowed: settings.allow_posting_from.clone(),
        }
    }

    /// Checks the address of a call, then its signature.
    ///
    /// # Errors
    /// Fails when the address is not allowed, or when the signature is missing, wrong or too old.
    pub fn verify(&self, request: &HttpRequest) -> Result<(), NotVerified> {
        let caller = Caller::of(request).address;
        if !caller.map_or_else(|| self.allows_all(), |address| self.allows(address)) {
            return Err(NotVerified::Address(caller));
        }
        let signature = find_signature(request).ok_or(NotVerified::NotSigned)?;
        self.signers
            .check(&signature)
            .map_err(NotVerified::Signature)
    }

    fn allows_all(&self) -> bool {
        self.allowed.iter().any(Network::is_everything)
    }

    fn allows(&self, address: IpAddr) -> bool {
        self.allowed.iter().any(|network| network.contains(address))
    }
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
