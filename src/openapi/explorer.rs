//! `/api-explorer`: Swagger UI, whose files are in the binary, and a field for the secret, which
//! stays in the page.

use std::sync::Arc;

use actix_web::http::header;
use actix_web::web::Path;
use actix_web::{HttpRequest, HttpResponse};
use utoipa_swagger_ui::Config;

use crate::admin::session::Admin;
use crate::pages;

const PAGE: &str = include_str!("explorer.html");

/// Swagger UI puts styles into its elements.
const STYLES: &str = "'self' 'unsafe-inline'";

/// The page; without session or signature the way to the sign-in page.
pub(super) async fn page(request: HttpRequest, _: Admin) -> HttpResponse {
    pages::page_with_styles(&request, PAGE, STYLES)
}

/// A file of Swagger UI.
pub(super) async fn file(name: Path<String>) -> HttpResponse {
    match utoipa_swagger_ui::serve(&name, Arc::new(Config::from("openapi.json"))) {
        Ok(Some(file)) => {
            let cache_control = (header::CACHE_CONTROL, "public, max-age=86400");
            HttpResponse::Ok()
                .content_type(file.content_type)
                .insert_header(cache_control)
                .body(file.bytes.to_vec())
        }
        Ok(None) | Err(_) => HttpResponse::NotFound()
            .content_type("text/plain; charset=utf-8")
            .body("There is no such file.\n"),
    }
}
