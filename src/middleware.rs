//! What every request passes before its path is looked at, and every answer on its way back. One
//! middleware, since each costs every call; the steps stand in modules of their own.

mod admission;
mod cors;
mod default_secrets;
mod ignored_headers;
mod proxy;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::{Method, header};
use actix_web::middleware::Next;
use actix_web::web::Data;
use actix_web::{Error, HttpResponse};

use self::admission::Admission;
use crate::error::ApiError;
use crate::settings::Settings;

/// The middleware.
pub async fn doors(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let settings = request
        .app_data::<Data<Settings>>()
        .cloned()
        .ok_or(ApiError::Internal("no settings"))?;
    let origin = request.headers().get(header::ORIGIN).cloned();
    let mut response = answer(request, next, &settings).await?;
    cors::add_headers(
        response.headers_mut(),
        &settings.allow_cors,
        origin.as_ref(),
    );
    Ok(response)
}

async fn answer(
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
    settings: &Settings,
) -> Result<ServiceResponse<BoxBody>, Error> {
    // A browser asks whether its page may call. Any path answers.
    if request.method() == Method::OPTIONS {
        return Ok(request.into_response(HttpResponse::Ok().finish()));
    }
    if let Some(refusal) = proxy::refusal(&mut request, settings) {
        return Ok(request.into_response(refusal));
    }
    let admission = match Admission::of(&mut request).await {
        Ok(admission) => admission,
        Err(refusal) => return Ok(request.error_response(refusal)),
    };
    let response = next.call(request).await?.map_into_boxed_body();
    Ok(admission.end(response))
}
