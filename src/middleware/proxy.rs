//! Notes on every request who its [`Caller`] is, by what trusted proxies say.

use std::rc::Rc;

use actix_web::dev::ServiceRequest;
use actix_web::http::StatusCode;
use actix_web::http::uri::{PathAndQuery, Uri};
use actix_web::{HttpMessage, HttpResponse};
use serde_json::json;

use crate::caller::Caller;
use crate::demo::is_own_call;
use crate::middleware::{default_secrets, ignored_headers};
use crate::settings::Settings;

/// Notes the [`Caller`] and cuts its prefix off the path. Returns the answer to a request that must
/// not pass: one that came through a proxy while a default secret is in force, or without https
/// where `enforce_https` is set.
pub(super) fn refusal(request: &mut ServiceRequest, settings: &Settings) -> Option<HttpResponse> {
    let peer = request.peer_addr().map(|peer| peer.ip());
    ignored_headers::tell(request.headers(), peer, settings);
    if let Some(refusal) = default_secrets::refusal(request.headers(), settings) {
        return Some(refusal);
    }
    let caller = Caller::read(request.headers(), peer, settings);
    cut_prefix(request, &caller.prefix);
    // A container's health check comes from inside and has no https.
    let is_health = matches!(request.path(), "/health" | "/ready");
    let refused = settings.enforce_https
        && caller.scheme != "https"
        && !is_health
        && !is_own_call(request.headers());
    request.extensions_mut().insert(Rc::new(caller));
    if refused {
        let reason = json!({"request": "Only https is served here (enforce_https)."});
        return Some(HttpResponse::build(StatusCode::NOT_ACCEPTABLE).json(reason));
    }
    None
}

fn cut_prefix(request: &mut ServiceRequest, prefix: &str) {
    let uri = request.uri();
    let Some(path) = uri
        .path()
        .strip_prefix(prefix)
        .filter(|path| !prefix.is_empty() && path.starts_with('/'))
    else {
        return;
    };
    let path_and_query = uri
        .query()
        .map_or_else(|| path.to_owned(), |query| format!("{path}?{query}"));
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = PathAndQuery::try_from(path_and_query).ok();
    if let Ok(uri) = Uri::from_parts(parts) {
        request.match_info_mut().get_mut().update(&uri);
        request.head_mut().uri = uri;
    }
}
