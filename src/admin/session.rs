//! The session of the admin panel: a signed cookie that says which it is and until when it counts.

use actix::Addr;
use actix_web::cookie::time::Duration;
use actix_web::cookie::{Cookie, CookieJar, Key, SameSite};
use actix_web::dev::Payload;
use actix_web::web::Data;
use actix_web::{FromRequest, HttpRequest};
use futures_util::future::LocalBoxFuture;
use sha1::{Digest, Sha1};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::admin::doorkeeper::{Doorkeeper, HasEnded, Session};
use crate::caller::Caller;
use crate::error::ApiError;
use crate::settings::Settings;
use crate::signature::{Gate, Signed, signature_of};

/// As in the original.
pub const COOKIE: &str = "auth_tkt";
const LIFETIME: Duration = Duration::days(30);

/// Makes and reads session cookies.
pub struct Sessions {
    key: Key,
}

impl Sessions {
    /// With the secret of the settings, or a random one, which ends with the process.
    pub fn new(settings: &Settings) -> Self {
        let secret = settings.cookie_secret.as_str();
        let secret = if secret.is_empty() { Uuid::new_v4().to_string() + &Uuid::new_v4().to_string() } else { secret.to_owned() };
        // A key has 64 bytes, a secret any number.
        let block = |count: u8| Sha1::new().chain_update([count]).chain_update("session").chain_update(&secret).finalize();
        let bytes: Vec<u8> = (0..4).flat_map(block).collect();
        Self { key: Key::from(&bytes) }
    }

    /// A cookie that opens the panel.
    pub fn open(&self, caller: &Caller) -> Cookie<'static> {
        let until = OffsetDateTime::now_utc().unix_timestamp() + LIFETIME.whole_seconds();
        let mut jar = CookieJar::new();
        jar.signed_mut(&self.key).add(Cookie::new(COOKIE, format!("{until}.{}", Uuid::new_v4())));
        let signed = jar.get(COOKIE).map(|cookie| cookie.value().to_owned()).unwrap_or_default();
        cookie(caller, signed, LIFETIME)
    }

    /// A cookie that takes its place and opens nothing.
    pub fn close(caller: &Caller) -> Cookie<'static> {
        cookie(caller, String::new(), Duration::ZERO)
    }

    /// The session of a request, if its time has not come.
    pub(super) fn of(&self, request: &HttpRequest) -> Option<Session> {
        let mut jar = CookieJar::new();
        jar.add_original(request.cookie(COOKIE)?);
        let cookie = jar.signed(&self.key).get(COOKIE)?;
        let (until, id) = cookie.value().split_once('.')?;
        let session = Session { until: until.parse().ok()?, id: id.parse().ok()? };
        (session.until > OffsetDateTime::now_utc().unix_timestamp()).then_some(session)
    }
}

fn cookie(caller: &Caller, value: String, lifetime: Duration) -> Cookie<'static> {
    Cookie::build(COOKIE, value)
        .path("/")
        .http_only(true)
        .same_site(SameSite::Strict)
        .secure(caller.scheme == "https")
        .max_age(lifetime)
        .finish()
}

/// Proof that a request has a session or a signature. A signature is looked at only where there is no session.
#[derive(Clone, Copy, Debug)]
pub struct Admin;

/// Who looks after the server may do what its application may.
impl From<Admin> for Signed {
    fn from(_: Admin) -> Self {
        Self
    }
}

impl FromRequest for Admin {
    type Error = ApiError;
    type Future = LocalBoxFuture<'static, Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        Box::pin(check(request.clone()))
    }
}

/// What a page of another site sends in the name of somebody who is signed in here must do nothing. Browsers say where a request comes from;
/// what says nothing is no browser.
///
/// # Errors
/// When it comes from elsewhere.
pub fn refuse_foreign_pages(request: &HttpRequest) -> Result<(), ApiError> {
    let header = |name: &str| request.headers().get(name).map(|value| value.to_str().unwrap_or("unreadable"));
    let is_ours = match (header("sec-fetch-site"), header("origin")) {
        (Some(site), _) => matches!(site, "same-origin" | "none"),
        (None, Some(origin)) => origin.split_once("://").is_some_and(|(_, host)| host == Caller::of(request).host),
        (None, None) => true,
    };
    if is_ours { Ok(()) } else { Err(ApiError::ForeignPage) }
}

async fn check(request: HttpRequest) -> Result<Admin, ApiError> {
    let sessions = request.app_data::<Data<Sessions>>().ok_or(ApiError::Internal("no sessions"))?;
    let doorkeeper = request.app_data::<Data<Addr<Doorkeeper>>>().ok_or(ApiError::Internal("no doorkeeper"))?;
    if let Some(session) = sessions.of(&request)
        && !doorkeeper.send(HasEnded(session)).await.unwrap_or(true)
    {
        return if request.method().is_safe() { Ok(Admin) } else { refuse_foreign_pages(&request).map(|()| Admin) };
    }
    if signature_of(&request).is_none() {
        // Whoever wanted to go there is led on after signing in.
        let to = if request.path() == "/api-explorer" { "/admin/sign_in?to=api-explorer" } else { "/admin/sign_in" };
        return Err(ApiError::NoSession { sign_in: Caller::of(&request).url(to) });
    }
    let gate = request.app_data::<Data<Gate>>().ok_or(ApiError::Internal("no gate"))?;
    gate.check(&request).map(|()| Admin)
}
