//! Decides whether a request is let in, before its handler runs. Behind the proxy's middleware,
//! which has cut its prefix off the path.

use actix_http::h1;
use actix_web::HttpMessage;
use actix_web::body::BoxBody;
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::web::Data;

use crate::error::ApiError;
use crate::lifecycle::{Lifecycle, UnderWay};
use crate::routes::Purpose;
use crate::transport::upgrade::Upgrading;
use crate::validation::reading::{Limit, announces_more_than, read};

/// The largest body, in bytes, of a request that needs no signature.
const UNSIGNED_LIMIT: usize = 4096;

/// A request that was let in. The server does not end before this is dropped.
pub(super) struct Admission {
    purpose: Purpose,
    lifecycle: Lifecycle,
    _under_way: Option<UnderWay>,
}

impl Admission {
    /// Lets a request in.
    ///
    /// # Errors
    /// Why it is not let in.
    pub(super) async fn of(request: &mut ServiceRequest) -> Result<Self, ApiError> {
        let purpose = Purpose::of(request.method(), request.path());
        if purpose != Purpose::Socket && request.extensions().contains::<Upgrading>() {
            return Err(ApiError::Upgrade);
        }
        let lifecycle = request
            .app_data::<Data<Lifecycle>>()
            .ok_or(ApiError::Internal("no lifecycle"))?;
        let lifecycle = Lifecycle::clone(lifecycle);
        let under_way = match purpose {
            Purpose::Change | Purpose::Stream => Some(lifecycle.begin().ok_or(ApiError::Stopping)?),
            // Its handler closes it, which a page can see, other than a status.
            Purpose::Socket => lifecycle.begin(),
            // It may wait for long. When the server stops, its handler gives it what waits for its
            // client, or refuses it.
            Purpose::Poll => None,
            Purpose::Question | Purpose::Open => None,
        };
        match purpose {
            // Its handler reads the body once the signature is checked.
            Purpose::Change | Purpose::Question => {}
            Purpose::Stream | Purpose::Poll | Purpose::Socket | Purpose::Open => {
                read_small_body(request).await?
            }
        }
        Ok(Self {
            purpose,
            lifecycle,
            _under_way: under_way,
        })
    }

    /// The request is answered.
    pub(super) fn end(self, response: ServiceResponse<BoxBody>) -> ServiceResponse<BoxBody> {
        let is_listener = matches!(self.purpose, Purpose::Stream | Purpose::Poll);
        if is_listener
            && response.status() == StatusCode::UNAUTHORIZED
            && self.lifecycle.is_draining()
        {
            // Its connection was closed since the server stops: it shall come back, not think that
            // it was forgotten.
            return response.error_response(ApiError::Stopping);
        }
        response
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
