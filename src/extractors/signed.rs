//! The extractor [`Signed`], which requires a signature.

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use futures_util::future::{Either, LocalBoxFuture, Ready, ready};

use crate::error::ApiError;
use crate::services::Services;
use crate::signature::SignatureFlaw;
use crate::signature::replays::{Accept, NotAccepted};

/// Proof that a request is signed and comes from an allowed address. In a handler's arguments it
/// precedes the body, so the signature is checked before the body is read.
#[derive(Clone, Copy, Debug)]
pub struct Signed;

/// The future of [`verify`]. It is ready at once, unless each signature is accepted only once
/// (`reject_replays`).
type Verification =
    Either<Ready<Result<Signed, ApiError>>, LocalBoxFuture<'static, Result<Signed, ApiError>>>;

impl FromRequest for Signed {
    type Error = ApiError;
    type Future = Verification;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        verify(request)
    }
}

/// Checks the address and the signature of a request.
pub(super) fn verify(request: &HttpRequest) -> Verification {
    let services = match Services::of(request) {
        Ok(services) => services,
        Err(error) => return Either::Left(ready(Err(error))),
    };
    let current = services.live.current();
    let signature = match current.verifier.verify(request) {
        Ok(signature) => signature,
        Err(error) => return Either::Left(ready(Err(error.into()))),
    };
    if !current.settings.reject_replays {
        return Either::Left(ready(Ok(Signed)));
    }
    let accepted = services.used_signatures.send(Accept {
        signature,
        limit: current.settings.replay_bytes,
    });
    Either::Right(Box::pin(async move {
        match accepted.await {
            Ok(Ok(())) => Ok(Signed),
            Ok(Err(NotAccepted::Used)) => Err(ApiError::BadSignature(SignatureFlaw::Used)),
            Ok(Err(NotAccepted::Full)) => Err(ApiError::TooManySignatures),
            Err(_) => Err(ApiError::Internal(
                "the actor that remembers signatures has stopped",
            )),
        }
    }))
}
