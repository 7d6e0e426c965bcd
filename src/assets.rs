//! The files that pages are made of: in the binary, and named by what is in them.

use std::sync::LazyLock;

use actix_web::http::header::{self, EntityTag, Header, IfNoneMatch};
use actix_web::middleware::Compress;
use actix_web::web::{Path, ServiceConfig, get, scope};
use actix_web::{HttpRequest, HttpResponse};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rust_embed::{EmbeddedFile, RustEmbed};
use sha1::{Digest, Sha1};

/// The browser client.
#[derive(RustEmbed)]
#[folder = "clients/javascript/src/"]
#[exclude = "*.d.ts"]
struct Client;

/// What the pages of this server have besides.
#[derive(RustEmbed)]
#[folder = "src/assets/"]
struct Pages;

fn file(name: &str) -> Option<EmbeddedFile> {
    Client::get(name).or_else(|| Pages::get(name))
}

/// Changes whenever a file does. It stands in the path of each, so files that import one another
/// change together.
static VERSION: LazyLock<String> = LazyLock::new(|| {
    let mut digest = Sha1::new();
    // Their names are sorted.
    for name in Client::iter().chain(Pages::iter()) {
        digest.update(&*name);
        digest.update(
            file(&name)
                .map(|file| file.metadata.sha256_hash())
                .unwrap_or_default(),
        );
    }
    URL_SAFE_NO_PAD.encode(digest.finalize().get(..9).unwrap_or_default())
});

/// Where the files are, seen from the root of the server, for pages that want those they were made
/// with.
pub fn folder() -> String {
    format!("static/{}", *VERSION)
}

/// Adds `/static` to an application.
pub fn routes(app: &mut ServiceConfig) {
    let files = scope("/static").wrap(Compress::default());
    app.service(
        files
            .route("/{version}/{name}", get().to(of_version))
            .route("/{name}", get().to(latest)),
    );
}

/// `GET /static/{version}/{name}`: never asked for again by a browser that has it.
async fn of_version(request: HttpRequest, path: Path<(String, String)>) -> HttpResponse {
    let (version, name) = path.into_inner();
    // After an upgrade a page that is still open gets the file as it is now, but shall not keep it.
    let cache_control = if version == *VERSION {
        "public, max-age=31536000, immutable"
    } else {
        "no-cache"
    };
    answer(&request, &name, cache_control)
}

/// `GET /static/{name}`: as it is now.
async fn latest(request: HttpRequest, name: Path<String>) -> HttpResponse {
    answer(&request, &name, "no-cache")
}

fn answer(request: &HttpRequest, name: &str, cache_control: &'static str) -> HttpResponse {
    let Some(file) = file(name) else {
        return HttpResponse::NotFound()
            .content_type("text/plain; charset=utf-8")
            .body("There is no such file.\n");
    };
    // Weak: the same file compressed has other bytes.
    let tag = EntityTag::new_weak(URL_SAFE_NO_PAD.encode(file.metadata.sha256_hash()));
    let is_known = match IfNoneMatch::parse(request) {
        Ok(IfNoneMatch::Items(tags)) => tags.iter().any(|known| known.weak_eq(&tag)),
        Ok(IfNoneMatch::Any) | Err(_) => false,
    };
    let mut response = if is_known {
        HttpResponse::NotModified()
    } else {
        HttpResponse::Ok()
    };
    response
        .insert_header((header::CACHE_CONTROL, cache_control))
        .insert_header(header::ETag(tag));
    if is_known {
        return response.finish();
    }
    response
        .content_type(content_type(name))
        .body(file.data.into_owned())
}

fn content_type(name: &str) -> &'static str {
    match name.rsplit_once('.').map(|(_, extension)| extension) {
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        _ => "application/octet-stream",
    }
}
