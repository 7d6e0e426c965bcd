//! The extractor [`MetricsReader`], which requires that the caller may read the server's metrics.

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use futures_util::future::LocalBoxFuture;

use crate::caller::{Caller, is_address_certain};
use crate::error::ApiError;
use crate::extractors::signed::verify;
use crate::services::Services;
use crate::signature::verifier::find_signature;

/// Proof that a request may read the metrics.
#[derive(Clone, Copy, Debug)]
pub struct MetricsReader;

impl FromRequest for MetricsReader {
    type Error = ApiError;
    type Future = LocalBoxFuture<'static, Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        Box::pin(authorize(request.clone()))
    }
}

/// Authorizes a request that has a signature or a session, that comes for certain from an address
/// in `allow_posting_from`, or that came to an internal address. This is the only place that
/// decides who may read the metrics.
async fn authorize(request: HttpRequest) -> Result<MetricsReader, ApiError> {
    let services = Services::of(&request)?;
    let current = services.live.snapshot();
    // If there are internal addresses, only these addresses serve the metrics.
    if !current.settings.internal_listen.is_empty() {
        return Ok(MetricsReader);
    }
    if find_signature(&request).is_some() {
        verify(&request).await?;
        return Ok(MetricsReader);
    }
    let caller = Caller::of(&request).address;
    let peer = request.peer_addr().map(|peer| peer.ip());
    let is_certain = is_address_certain(request.headers(), peer, &current.settings);
    if is_certain && current.verifier.allows_caller(caller)
        || services.sessions.is_open(&request).await
    {
        return Ok(MetricsReader);
    }
    Err(ApiError::MetricsNotAllowed {
        address: caller.map_or_else(|| "unknown".to_owned(), |caller| caller.to_string()),
        is_forwarded: !is_certain,
    })
}
