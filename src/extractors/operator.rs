//! The extractor [`Operator`], which requires a session or a signature.

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use futures_util::future::LocalBoxFuture;

use super::signed::verify;
use crate::caller::Caller;
use crate::error::ApiError;
use crate::services::Services;
use crate::signature::verifier::find_signature;

/// Proof that a request has a session or a signature. The signature is checked only if there is no
/// session.
#[derive(Clone, Copy, Debug)]
pub struct Operator;

impl FromRequest for Operator {
    type Error = ApiError;
    type Future = LocalBoxFuture<'static, Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        Box::pin(authenticate(request.clone()))
    }
}

async fn authenticate(request: HttpRequest) -> Result<Operator, ApiError> {
    let services = Services::of(&request)?;
    if services.sessions.is_open(&request).await {
        if !request.method().is_safe() {
            refuse_foreign_pages(&request)?;
        }
        return Ok(Operator);
    }
    if find_signature(&request).is_none() {
        return Err(ApiError::NoSession {
            sign_in: Caller::of(&request).url(sign_in_path(&request)),
        });
    }
    verify(&request).await?;
    Ok(Operator)
}

/// Returns the path of the sign-in page. After the sign-in, that page leads to the requested page.
fn sign_in_path(request: &HttpRequest) -> &'static str {
    if request.path() == "/api-explorer" {
        "/admin/sign_in?to=api-explorer"
    } else {
        "/admin/sign_in"
    }
}

/// Refuses requests that a page of another site sends with the cookie of a signed-in operator.
/// Browsers say where a request comes from; a client that says nothing is not a browser.
///
/// # Errors
/// Fails when the request comes from a page of another site.
pub fn refuse_foreign_pages(request: &HttpRequest) -> Result<(), ApiError> {
    let header = |name: &str| {
        request
            .headers()
            .get(name)
            .map(|value| value.to_str().unwrap_or("unreadable"))
    };
    let is_ours = match (header("sec-fetch-site"), header("origin")) {
        (Some(site), _) => matches!(site, "same-origin" | "none"),
        (None, Some(origin)) => origin
            .split_once("://")
            .is_some_and(|(_, host)| host == Caller::of(request).host),
        (None, None) => true,
    };
    if is_ours {
        Ok(())
    } else {
        Err(ApiError::ForeignPage)
    }
}
