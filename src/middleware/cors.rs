//! Lets pages of other origins read answers, errors too, in the original's words (`protocol.md` §9); answers `OPTIONS` on any path.

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::web::Data;
use actix_web::{Error, HttpResponse};

use crate::settings::Settings;

const HEADERS: [(HeaderName, &str); 3] = [
    (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, POST, OPTIONS, PUT, DELETE, PATCH"),
    (
        header::ACCESS_CONTROL_ALLOW_HEADERS,
        "Content-Type, Depth, User-Agent, X-File-Size, X-Requested-With, If-Modified-Since, X-File-Name, Cache-Control, Pragma, Origin, \
         Connection, Referer, Cookie",
    ),
    (header::ACCESS_CONTROL_MAX_AGE, "86400"),
];

/// The middleware.
pub async fn cors(request: ServiceRequest, next: Next<impl MessageBody + 'static>) -> Result<ServiceResponse<BoxBody>, Error> {
    let settings = request.app_data::<Data<Settings>>().cloned();
    let origin = request.headers().get(header::ORIGIN).cloned();
    let mut response = if request.method() == Method::OPTIONS {
        request.into_response(HttpResponse::Ok().finish())
    } else {
        next.call(request).await?.map_into_boxed_body()
    };
    let allowed: &[String] = settings.as_ref().map_or(&[], |settings| &settings.allow_cors);
    add_headers(response.headers_mut(), allowed, origin.as_ref());
    Ok(response)
}

fn add_headers(headers: &mut HeaderMap, allowed: &[String], origin: Option<&HeaderValue>) {
    let is_allowed =
        |origin: &HeaderValue| allowed.iter().any(|allowed| allowed.trim_end_matches('/').as_bytes() == origin.as_bytes());
    if allowed.is_empty() || origin.is_some_and(is_allowed) {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    }
    if !allowed.is_empty() {
        headers.append(header::VARY, HeaderValue::from_static("Origin"));
    }
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.insert(HeaderName::from_static("xdomainrequestallowed"), HeaderValue::from_static("1"));
    // Not for other origins, but for every answer as well: browsers shall not guess what it is.
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
}
