//! Serves the files that pages load. The binary contains them. Their paths change whenever one of
//! the files changes. The files of the pages have the same folders as in `web`, and the files of
//! the browser client lie beside these folders.

use std::sync::LazyLock;

use actix_web::http::header::{self, EntityTag, Header, IfNoneMatch};
use actix_web::middleware::Compress;
use actix_web::web::{Path, ServiceConfig, get, scope};
use actix_web::{HttpRequest, HttpResponse};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rust_embed::{EmbeddedFile, RustEmbed};
use sha1::{Digest, Sha1};

use crate::error_name::{ERROR_NAME, ErrorName};

/// The files of the browser client.
#[derive(RustEmbed)]
#[folder = "clients/javascript/src/"]
#[exclude = "*.d.ts"]
struct ClientFiles;

/// The style sheets, scripts and images of this server's pages.
#[derive(RustEmbed)]
#[folder = "web/"]
#[include = "{demo,explorer,front,panel,shared}/*"]
#[exclude = "*.html"]
struct PageFiles;

fn find_file(name: &str) -> Option<EmbeddedFile> {
    ClientFiles::get(name).or_else(|| PageFiles::get(name))
}

/// A function that finds a file by its name.
type Find = fn(&str) -> Option<EmbeddedFile>;

/// A hash of all files. The path of each file contains it, so files that import one another always
/// come from the same version.
static VERSION: LazyLock<String> = LazyLock::new(|| {
    let mut digest = Sha1::new();
    // Both iterators return the names in sorted order, so the hash is the same in every run.
    for name in ClientFiles::iter().chain(PageFiles::iter()) {
        digest.update(&*name);
        digest.update(
            find_file(&name)
                .map(|file| file.metadata.sha256_hash())
                .unwrap_or_default(),
        );
    }
    URL_SAFE_NO_PAD.encode(digest.finalize().get(..9).unwrap_or_default())
});

/// Returns the folder of the files that the pages of this build load, relative to the root of the
/// server.
pub fn folder() -> String {
    format!("static/{}", *VERSION)
}

/// Adds `/static` to an application.
pub fn routes(app: &mut ServiceConfig) {
    serve(app, find_file);
}

/// Adds `/static` with the files of the browser client only.
pub fn client_routes(app: &mut ServiceConfig) {
    serve(app, ClientFiles::get);
}

fn serve(app: &mut ServiceConfig, find: Find) {
    let serve_version = move |request: HttpRequest, path: Path<(String, String)>| async move {
        let (version, name) = path.into_inner();
        answer_version(&request, &version, find(&name))
    };
    // This path has no version, so the browser must check for a newer file each time.
    let serve_latest = move |request: HttpRequest, name: Path<String>| async move {
        answer(&request, find(&name), "no-cache")
    };
    let files = scope("/static").wrap(Compress::default());
    app.service(
        files
            .route("/{version}/{name:.+}", get().to(serve_version))
            .route("/{name}", get().to(serve_latest)),
    );
}

/// Answers with a file of this version, which a browser may keep for ever.
fn answer_version(
    request: &HttpRequest,
    version: &str,
    file: Option<EmbeddedFile>,
) -> HttpResponse {
    // A page that was opened before an upgrade asks for another version. It gets the current file,
    // but must not keep it.
    let cache_control = if version == *VERSION {
        "public, max-age=31536000, immutable"
    } else {
        "no-cache"
    };
    answer(request, file, cache_control)
}

fn answer(
    request: &HttpRequest,
    file: Option<EmbeddedFile>,
    cache_control: &'static str,
) -> HttpResponse {
    let Some(file) = file else {
        return HttpResponse::NotFound()
            .insert_header((ERROR_NAME, ErrorName::NotFound.as_str()))
            .content_type("text/plain; charset=utf-8")
            .body("There is no such file.\n");
    };
    // The tag is weak because the compressed form of the same file has other bytes.
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
        .content_type(content_type(&file))
        .body(file.data.into_owned())
}

/// Returns the content type of a file, which follows from its name.
fn content_type(file: &EmbeddedFile) -> String {
    let kind = file.metadata.mimetype();
    // All embedded text files are UTF-8.
    if kind.starts_with("text/") {
        format!("{kind}; charset=utf-8")
    } else {
        kind.to_owned()
    }
}
