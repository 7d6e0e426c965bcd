//! The steps that every request passes before routing, and every answer on its way back. They are
//! one middleware, because each middleware adds to the cost of every call. Each step has its own
//! module.

mod admission;
mod cors;
mod default_secrets;
mod ignored_headers;
pub(crate) mod proxy;
mod refusals;
mod request_id;

use std::pin::pin;

use actix_http::ConnectionType;
use actix_web::Error;
use actix_web::HttpResponse;
use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::{Method, header};
use actix_web::middleware::Next;
use channelstream_actors::request::run_in_scope;

use self::admission::Admission;
use crate::exchange::Exchange;
use crate::services::Services;

/// Takes a request through all steps, to its handler and back.
///
/// # Errors
/// Fails in an application that was built without its services.
pub async fn handle(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let services = Services::of(request.request())?.clone();
    let origin = request.headers().get(header::ORIGIN).cloned();
    // A socket that exceeds a limit is closed as soon as its request is answered.
    let is_over_limit = Exchange::exceeded_limit(request.request()).is_some();
    let id = request_id::identify(request.headers());
    // The future is large. Pinning it here avoids a move into the scope of `run_in_scope`.
    let answered = pin!(answer(request, next, &services));
    let mut response = run_in_scope(Some(id.clone()), answered).await?;
    request_id::add_header(response.headers_mut(), &id);
    let status = response.status().as_u16();
    services
        .metrics
        .requests
        .add(response.request().path(), status);
    cors::add_headers(
        response.headers_mut(),
        &services.live.current().settings.allow_cors,
        origin.as_ref(),
    );
    if services.accepting.has_stopped() || is_over_limit {
        end_connection(&mut response);
    }
    Ok(response)
}

/// Tells the client that this connection accepts no further request.
fn end_connection(response: &mut ServiceResponse<BoxBody>) {
    let head = response.response_mut().head_mut();
    if !head.upgrade() {
        head.set_connection_type(ConnectionType::Close);
    }
}

async fn answer(
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
    services: &Services,
) -> Result<ServiceResponse<BoxBody>, Error> {
    // A browser sends this to ask whether its page may call. Every path answers it.
    if request.method() == Method::OPTIONS {
        return Ok(request.into_response(HttpResponse::Ok().finish()));
    }
    if let Err(refusal) = proxy::identify_caller(&mut request, &services.live.current().settings) {
        return Ok(request.error_response(refusal));
    }
    let response = match Admission::admit(&mut request, services).await {
        Ok(admission) => {
            let response = next.call(request).await?.map_into_boxed_body();
            admission.end(response)
        }
        Err(refusal) => request.error_response(refusal),
    };
    refusals::record(&response, services.broker.counters());
    Ok(response)
}
