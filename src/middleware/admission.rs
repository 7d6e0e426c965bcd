//! Decides whether a request is let in, before its handler runs. Behind the proxy's middleware, which has cut its prefix off the path.

use actix_http::h1;
use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::middleware::Next;
use actix_web::web::Data;
use actix_web::{Error, HttpMessage};

use crate::error::ApiError;
use crate::lifecycle::{Lifecycle, UnderWay};
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
    let under_way = match admit(&mut request, purpose).await {
        Ok(under_way) => under_way,
        Err(refusal) => return Ok(request.error_response(refusal)),
    };
    let lifecycle = request.app_data::<Data<Lifecycle>>().cloned();
    let response = next.call(request).await?.map_into_boxed_body();
    drop(under_way);
    let is_unknown = response.status() == StatusCode::UNAUTHORIZED && matches!(purpose, Purpose::Stream | Purpose::Poll);
    if is_unknown && lifecycle.is_some_and(|lifecycle| lifecycle.is_draining()) {
        // Its connection was closed since the server stops: it shall come back, not think that it was forgotten.
        return Ok(response.error_response(ApiError::Stopping));
    }
    Ok(response)
}

/// Lets a request in, or says why not. The server does not end before what is returned is dropped.
async fn admit(request: &mut ServiceRequest, purpose: Purpose) -> Result<Option<UnderWay>, ApiError> {
    if purpose != Purpose::Socket && request.extensions().contains::<Upgrading>() {
        return Err(ApiError::Upgrade);
    }
    let lifecycle = request.app_data::<Data<Lifecycle>>().ok_or(ApiError::Internal("no lifecycle"))?;
    let under_way = match purpose {
        Purpose::Change | Purpose::Stream => Some(lifecycle.begin().ok_or(ApiError::Stopping)?),
        // Its handler closes it, which a page can see, other than a status.
        Purpose::Socket => lifecycle.begin(),
        // It may wait for long. When the server stops, its handler gives it what waits for its client, or refuses it.
        Purpose::Poll => None,
        Purpose::Question | Purpose::Open => None,
    };
    match purpose {
        // Its handler reads the body once the signature is checked.
        Purpose::Change | Purpose::Question => {}
        Purpose::Stream | Purpose::Poll | Purpose::Socket | Purpose::Open => read_small_body(request).await?,
    }
    Ok(under_way)
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
