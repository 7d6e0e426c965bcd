//! The pages for signing in to the panel and signing out.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use serde::Deserialize;
use subtle::ConstantTimeEq;
use uuid::Uuid;

use crate::caller::Caller;
use crate::error::ApiError;
use crate::error_name::{ERROR_NAME, ErrorName};
use crate::extractors::body::read_body;
use crate::extractors::operator::refuse_foreign_pages;
use crate::logging::refusals::{RefusalKind, log_refusal};
use crate::operators::sessions::Sessions;
use crate::operators::throttle::{Attempt, AttemptSource, Succeeded, Wait};
use crate::pages::{PageLinks, render};
use crate::services::Services;
use crate::settings::Settings;
use crate::validation::query;

/// The sign-in page.
#[derive(Template)]
#[template(path = "sign_in/sign_in.html")]
struct SignInPage<'a> {
    links: PageLinks,
    /// The error message about the last attempt; empty if there is none.
    message: &'a str,
    /// The name to sign in with, if the password is the default that everyone knows.
    known_user: Option<&'a str>,
}

/// Shows the form, at `GET /admin/sign_in`.
///
/// # Errors
/// Fails when the template cannot be rendered.
pub async fn show_form(
    request: HttpRequest,
    services: Data<Services>,
) -> Result<HttpResponse, ApiError> {
    let current = services.live.snapshot();
    render_form(&request, &current.settings, "")
}

/// Renders the form, with an error message about the last attempt.
fn render_form(
    request: &HttpRequest,
    settings: &Settings,
    message: &str,
) -> Result<HttpResponse, ApiError> {
    // A server with the default password can be reached only from its own machine. Its page shows
    // the name and the password, so that someone who tries the server need not search for them.
    let known_user = settings
        .has_default_admin_secret()
        .then_some(settings.admin_user.as_str());
    render(&SignInPage {
        links: PageLinks::of(request),
        message,
        known_user,
    })
}

/// Answers an attempt that comes too early with 429, and says when the next one is allowed.
fn answer_too_early(
    request: &HttpRequest,
    settings: &Settings,
    left: Duration,
) -> Result<HttpResponse, ApiError> {
    let seconds = left.as_secs() + 1;
    let message = format!("Too many attempts. Try again in {seconds} s.");
    let mut response = render_form(request, settings, &message)?;
    *response.status_mut() = StatusCode::TOO_MANY_REQUESTS;
    let name = HeaderValue::from_static(ErrorName::TooManySignIns.as_str());
    let headers = response.headers_mut();
    headers.insert(header::RETRY_AFTER, seconds.into());
    headers.insert(HeaderName::from_static(ERROR_NAME), name);
    Ok(response)
}

/// The name and password that the form sends. Spaces around them are ignored.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Credentials {
    username: String,
    password: String,
}

impl Credentials {
    async fn read(request: &HttpRequest, payload: Payload) -> Result<Self, ApiError> {
        let bytes = read_body(request, payload.into_inner()).await?;
        Ok(serde_urlencoded::from_bytes(&bytes).unwrap_or_default())
    }

    /// Returns whether name and password are right. The time that this takes does not depend on how
    /// many of their characters are right.
    fn are_right(&self, settings: &Settings) -> bool {
        let is_same =
            |given: &str, expected: &str| given.trim().as_bytes().ct_eq(expected.as_bytes());
        let is_right = is_same(&self.username, &settings.admin_user)
            & is_same(&self.password, settings.admin_secret.as_str());
        is_right.into()
    }
}

/// Signs in, at `POST /admin/sign_in`, with a form that has the fields `username` and `password`.
pub async fn sign_in(
    request: HttpRequest,
    payload: Payload,
    services: Data<Services>,
) -> Result<HttpResponse, ApiError> {
    refuse_foreign_pages(&request)?;
    let current = services.live.snapshot();
    let settings = &current.settings;
    let device = services.sessions.devices().of(&request);
    let source = device.map_or_else(
        || AttemptSource::Address(find_address(&request)),
        AttemptSource::Device,
    );
    match services.throttle.send(Attempt(source)).await {
        Ok(Ok(())) => {}
        Ok(Err(Wait(left))) => return answer_too_early(&request, settings, left),
        Err(_) => return Err(ApiError::Internal("no sign-in throttle")),
    }
    let credentials = Credentials::read(&request, payload).await?;
    if !credentials.are_right(settings) {
        log_wrong_credentials(&request);
        return render_form(&request, settings, "Wrong name or password.");
    }
    // Cannot fail: the actor has just replied.
    let _ = services.throttle.send(Succeeded(source)).await;
    Ok(open_session(&request, &services.sessions, device))
}

fn find_address(request: &HttpRequest) -> IpAddr {
    Caller::of(request)
        .address
        .unwrap_or(IpAddr::from(Ipv4Addr::UNSPECIFIED))
}

fn log_wrong_credentials(request: &HttpRequest) {
    log_refusal(
        RefusalKind::SignIn,
        format_args!(
            "a sign-in to the admin panel from {} was refused (admin_user, admin_secret)",
            find_address(request)
        ),
    );
}

/// Opens a session, and redirects the browser to the page that it wanted. `device` is the id of the
/// browser if it has signed in before.
fn open_session(request: &HttpRequest, sessions: &Sessions, device: Option<Uuid>) -> HttpResponse {
    let caller = Caller::of(request);
    let wants_explorer = query(request)
        .remove("to")
        .is_some_and(|to| to == "api-explorer");
    let path = if wants_explorer {
        "/api-explorer"
    } else {
        "/admin"
    };
    HttpResponse::Found()
        .insert_header((header::LOCATION, caller.url(path)))
        .cookie(sessions.open(&caller))
        .cookie(sessions.devices().remember(device, &caller))
        .finish()
}

/// Ends the session and removes its cookie, at `/admin/sign_out`.
pub async fn sign_out(request: HttpRequest, services: Data<Services>) -> HttpResponse {
    let caller = Caller::of(&request);
    services.sessions.end(&request).await;
    let location = (header::LOCATION, caller.url("/admin/sign_in"));
    HttpResponse::Found()
        .insert_header(location)
        .cookie(Sessions::expire_cookie(&caller))
        .finish()
}
