//! The page `/api-explorer`: Swagger UI, whose files are in the binary, and a field for the secret.
//! The secret stays in the page.

use std::sync::Arc;

use actix_web::http::header;
use actix_web::web::Path;
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use utoipa_swagger_ui::Config;

use crate::error::ApiError;
use crate::error_name::{ERROR_NAME, ErrorName};
use crate::extractors::operator::Operator;
use crate::pages::{PageLinks, PageStyles, render_with_styles};

/// The page to read and try the API.
#[derive(Template)]
#[template(path = "explorer/explorer.html")]
struct ExplorerPage {
    links: PageLinks,
}

/// Shows the page. A caller without session or signature is redirected to the sign-in page.
pub(super) async fn show_page(request: HttpRequest, _: Operator) -> Result<HttpResponse, ApiError> {
    let links = PageLinks::of(&request);
    // Swagger UI sets inline styles on its elements.
    render_with_styles(&ExplorerPage { links }, PageStyles::Inline)
}

/// Serves a file of Swagger UI.
pub(super) async fn serve_file(name: Path<String>) -> HttpResponse {
    match utoipa_swagger_ui::serve(&name, Arc::new(Config::from("openapi.json"))) {
        Ok(Some(file)) => {
            let cache_control = (header::CACHE_CONTROL, "public, max-age=86400");
            HttpResponse::Ok()
                .content_type(file.content_type)
                .insert_header(cache_control)
                .body(file.bytes.to_vec())
        }
        Ok(None) | Err(_) => HttpResponse::NotFound()
            .insert_header((ERROR_NAME, ErrorName::NotFound.as_str()))
            .content_type("text/plain; charset=utf-8")
            .body("There is no such file.\n"),
    }
}
