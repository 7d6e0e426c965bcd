//! The description of the API, and the way to try it.

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse};

use crate::admin::session::Admin;
use crate::caller::Caller;
use crate::error::ApiError;

const DESCRIPTION: &str = include_str!("assets/openapi.json");

/// `/openapi.json`: 403 without session or signature.
pub async fn description(admin: Result<Admin, ApiError>) -> Result<HttpResponse, ApiError> {
    match admin {
        Ok(_) => Ok(HttpResponse::Ok().content_type("application/json").body(DESCRIPTION)),
        Err(ApiError::NoSession { .. }) => Err(ApiError::NotSigned),
        Err(error) => Err(error),
    }
}

/// `/api-explorer`: the way to the sign-in page, and from there to the description.
pub async fn explorer(request: HttpRequest, _: Admin) -> HttpResponse {
    HttpResponse::Found().insert_header((header::LOCATION, Caller::of(&request).url("/openapi.json"))).finish()
}
