//! The extractor [`Signed`], which demands a signature.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::web::Data;
use actix_web::{FromRequest, HttpRequest};

use crate::error::ApiError;
use crate::services::Services;

/// Proof that a request is signed and comes from an allowed address. It stands before the body in a
/// handler's arguments, so the signature is checked before the body is read.
#[derive(Clone, Copy, Debug)]
pub struct Signed;

impl FromRequest for Signed {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let verify = |services: &Data<Services>| {
            services.verifier.verify(request)?;
            Ok(Self)
        };
        ready(Services::of(request).and_then(verify))
    }
}
