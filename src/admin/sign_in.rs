//! Signing in to the panel, and out.

use std::time::Duration;

use actix_web::http::header;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use serde::Deserialize;
use subtle::ConstantTimeEq;

use crate::admin::session::Sessions;
use crate::caller::Caller;
use crate::error::ApiError;
use crate::pages::page;
use crate::settings::Settings;
use crate::validation::body;

/// Makes guessing slow.
const AFTER_FAILURE: Duration = Duration::from_millis(500);

const PAGE: &str = include_str!("assets/sign_in.html");

/// `GET /admin/sign_in`.
pub async fn form(request: HttpRequest) -> HttpResponse {
    form_saying(&request, "")
}

fn form_saying(request: &HttpRequest, message: &str) -> HttpResponse {
    page(request, &PAGE.replace("{message}", message))
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Form {
    username: String,
    password: String,
}

/// `POST /admin/sign_in`: a form with `username` and `password`; blanks around them do not matter.
pub async fn sign_in(
    request: HttpRequest,
    payload: Payload,
    settings: Data<Settings>,
    sessions: Data<Sessions>,
) -> Result<HttpResponse, ApiError> {
    let bytes = body::read(&request, payload.into_inner()).await?;
    let Form { username, password } = serde_urlencoded::from_bytes(&bytes).unwrap_or_default();
    let is_same = |given: &str, expected: &str| given.trim().as_bytes().ct_eq(expected.as_bytes());
    let is_right = is_same(&username, &settings.admin_user) & is_same(&password, settings.admin_secret.as_str());
    let caller = Caller::of(&request);
    if !bool::from(is_right) {
        log::warn!("a sign-in to the admin panel was refused (admin_user, admin_secret)");
        actix_web::rt::time::sleep(AFTER_FAILURE).await;
        return Ok(form_saying(&request, "Wrong name or password."));
    }
    let location = (header::LOCATION, caller.url("/admin"));
    Ok(HttpResponse::Found().insert_header(location).cookie(sessions.open(&caller)).finish())
}

/// `/admin/sign_out`.
pub async fn sign_out(request: HttpRequest) -> HttpResponse {
    let caller = Caller::of(&request);
    let location = (header::LOCATION, caller.url("/admin/sign_in"));
    HttpResponse::Found().insert_header(location).cookie(Sessions::close(&caller)).finish()
}
