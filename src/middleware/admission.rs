//! Decides whether a request is let in, before its handler runs. Behind the proxy's middleware, which has cut its prefix off the path.

use actix_http::h1;
use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage};

use crate::error::ApiError;
use crate::routes::Purpose;
use crate::transport::upgrade::Upgrading;
use crate::validation::reading::{Limit, announces_more_than, read};

/// The largest body, in bytes, of a request that needs no signature.
const UNSIGNED_LIMIT: usize = 4096;

/// The middleware.
pub async fn admission(
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let purpose = Purpose::of(request.method(), request.path());
    if let Err(refusal) = admit(&mut request, purpose).await {
        return Ok(request.error_response(refusal));
    }
    Ok(next.call(request).await?.map_into_boxed_body())
}

async fn admit(request: &mut ServiceRequest, purpose: Purpose) -> Result<(), ApiError> {
    if purpose != Purpose::Socket && request.extensions().contains::<Upgrading>() {
        return Err(ApiError::Upgrade);
    }
    match purpose {
        // Its handler reads the body once the signature is checked.
        Purpose::Change | Purpose::Question => Ok(()),
        Purpose::Listen | Purpose::Socket | Purpose::Open => read_small_body(request).await,
    }
}

/// Reads the whole body of a request that anyone may send, so that its handler never waits for it.
async fn read_small_body(request: &mut ServiceRequest) -> Result<(), ApiError> {
    if announces_more_than(request.headers(), 0) {
        let payload = request.parts_mut().1.take();
        let bytes = read(request.request(), payload, Limit::Unsigned(UNSIGNED_LIMIT)).await?;
        let (_, mut payload) = h1::Payload::create(true);
        payload.unread_data(bytes);
        request.set_payload(Payload::from(payload));
    }
    Ok(())
}
