//! Signing in to the panel, and out.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use actix::Addr;
use actix_web::http::{StatusCode, header};
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use serde::Deserialize;
use subtle::ConstantTimeEq;

use crate::admin::session::{Sessions, refuse_foreign_pages};
use crate::admin::throttle::{Attempt, SignInThrottle, Source, Succeeded, Wait};
use crate::caller::Caller;
use crate::error::ApiError;
use crate::logging::refusals::{Refusal, refused};
use crate::pages::{escaped, page};
use crate::settings::Settings;
use crate::validation::{body, query};

const PAGE: &str = include_str!("assets/sign_in.html");

/// `GET /admin/sign_in`.
pub async fn form(request: HttpRequest, settings: Data<Settings>) -> HttpResponse {
    form_saying(&request, &settings, "")
}

fn form_saying(request: &HttpRequest, settings: &Settings, message: &str) -> HttpResponse {
    // Such a server is reached from its own machine only; who tries it need not look for what
    // everyone knows.
    let hint = if settings.has_known_admin_secret() {
        format!(
            "Not set yet, so: <code>{}</code> and <code>admin_secret</code>.",
            escaped(&settings.admin_user)
        )
    } else {
        String::new()
    };
    page(
        request,
        &PAGE.replace("{message}", message).replace("{hint}", &hint),
    )
}

fn too_early(request: &HttpRequest, settings: &Settings, left: Duration) -> HttpResponse {
    let seconds = left.as_secs() + 1;
    let mut response = form_saying(
        request,
        settings,
        &format!("Too many attempts. Try again in {seconds} s."),
    );
    *response.status_mut() = StatusCode::TOO_MANY_REQUESTS;
    response
        .headers_mut()
        .insert(header::RETRY_AFTER, seconds.into());
    response
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
    throttle: Data<Addr<SignInThrottle>>,
) -> Result<HttpResponse, ApiError> {
    refuse_foreign_pages(&request)?;
    let caller = Caller::of(&request);
    let address = caller
        .address
        .unwrap_or(IpAddr::from(Ipv4Addr::UNSPECIFIED));
    let device = sessions.devices.of(&request);
    let source = device.map_or(Source::Address(address), Source::Device);
    match throttle.send(Attempt(source)).await {
        Ok(Ok(())) => {}
        Ok(Err(Wait(left))) => return Ok(too_early(&request, &settings, left)),
        Err(_) => return Err(ApiError::Internal("no sign-in throttle")),
    }
    let bytes = body::read(&request, payload.into_inner()).await?;
    let Form { username, password } = serde_urlencoded::from_bytes(&bytes).unwrap_or_default();
    let is_same = |given: &str, expected: &str| given.trim().as_bytes().ct_eq(expected.as_bytes());
    let is_right = is_same(&username, &settings.admin_user)
        & is_same(&password, settings.admin_secret.as_str());
    if !bool::from(is_right) {
        let line = format_args!(
            "a sign-in to the admin panel from {address} was refused (admin_user, admin_secret)"
        );
        refused(Refusal::SignIn, line);
        return Ok(form_saying(&request, &settings, "Wrong name or password."));
    }
    // Cannot fail: the actor has just replied.
    let _ = throttle.send(Succeeded(source)).await;
    let wanted = query(&request)
        .remove("to")
        .is_some_and(|to| to == "api-explorer");
    let location = (
        header::LOCATION,
        caller.url(if wanted { "/api-explorer" } else { "/admin" }),
    );
    let remembered = sessions.devices.remember(device, &caller);
    Ok(HttpResponse::Found()
        .insert_header(location)
        .cookie(sessions.open(&caller))
        .cookie(remembered)
        .finish())
}

/// `/admin/sign_out`: the session ends, and its cookie goes.
pub async fn sign_out(request: HttpRequest, sessions: Data<Sessions>) -> HttpResponse {
    let caller = Caller::of(&request);
    sessions.end(&request).await;
    let location = (header::LOCATION, caller.url("/admin/sign_in"));
    HttpResponse::Found()
        .insert_header(location)
        .cookie(Sessions::close(&caller))
        .finish()
}
