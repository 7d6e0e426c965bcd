//! Identifies the [`Caller`] of every request, with the headers of trusted proxies.

use std::rc::Rc;

use actix_web::HttpMessage;
use actix_web::dev::ServiceRequest;
use actix_web::http::uri::{PathAndQuery, Uri};

use super::{default_secrets, ignored_headers};
use crate::caller::Caller;
use crate::demo::is_own_call;
use crate::error::ApiError;
use crate::purpose::is_probe;
use crate::settings::Settings;

/// Attaches the [`Caller`] to a request, and removes the prefix of a proxy from its path.
///
/// # Errors
/// Fails when the request came through a proxy while a default secret is in force, or when it came
/// over HTTP while `enforce_https` is set.
pub fn identify_caller(request: &mut ServiceRequest, settings: &Settings) -> Result<(), ApiError> {
    let peer = request.peer_addr().map(|peer| peer.ip());
    ignored_headers::warn(request.headers(), peer, settings);
    default_secrets::check(request.headers(), settings)?;
    let caller = Caller::read(request.headers(), peer, settings);
    cut_prefix(request, &caller.prefix);
    let is_refused = settings.enforce_https
        && caller.scheme != "https"
        // The health check of a container comes from its own machine, over plain HTTP.
        && !is_probe(request.path())
        && !is_own_call(request.headers());
    request.extensions_mut().insert(Rc::new(caller));
    if is_refused {
        Err(ApiError::NotHttps)
    } else {
        Ok(())
    }
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
