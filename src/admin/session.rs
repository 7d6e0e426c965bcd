//! The session of the admin panel: a signed cookie that says which it is and until when it counts.

use actix::{Actor, Addr};
use actix_web::cookie::time::Duration;
use actix_web::cookie::{Cookie, Key};
use actix_web::dev::Payload;
use actix_web::web::Data;
use actix_web::{FromRequest, HttpRequest};
use futures_util::future::LocalBoxFuture;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::admin::cookies::{build, key, sign, verify};
use crate::admin::device::Devices;
use crate::admin::ended_sessions::{End, EndedSessions, HasEnded, Session};
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
    ended: Addr<EndedSessions>,
    pub(super) devices: Devices,
}

impl Sessions {
    /// With the secret of the settings, or a random one, which ends with the process.
    pub fn new(settings: &Settings) -> Self {
        let secret = settings.cookie_secret.as_str();
        let secret = if secret.is_empty() {
            Uuid::new_v4().to_string() + &Uuid::new_v4().to_string()
        } else {
            secret.to_owned()
        };
        Self {
            key: key("session", &secret),
            ended: EndedSessions::default().start(),
            devices: Devices::new(settings),
        }
    }

    /// A cookie that opens the panel.
    pub fn open(&self, caller: &Caller) -> Cookie<'static> {
        let until = OffsetDateTime::now_utc().unix_timestamp() + LIFETIME.whole_seconds();
        build(
            COOKIE,
            sign(&self.key, COOKIE, format!("{until}.{}", Uuid::new_v4())),
            LIFETIME,
            caller,
        )
    }

    /// A cookie that takes its place and opens nothing.
    pub fn close(caller: &Caller) -> Cookie<'static> {
        build(COOKIE, String::new(), Duration::ZERO, caller)
    }

    /// Ends the session of a request for every copy of its cookie.
    pub(super) async fn end(&self, request: &HttpRequest) {
        if let Some(session) = self.named_by(request) {
            // An error means that the server is stopping.
            let _ = self.ended.send(End(session)).await;
        }
    }

    /// Returns whether a request has a session that has not ended.
    async fn is_open(&self, request: &HttpRequest) -> bool {
        let Some(session) = self.named_by(request) else {
            return false;
        };
        !self.ended.send(HasEnded(session)).await.unwrap_or(true)
    }

    /// The session that the cookie of a request names, if its time has not come.
    fn named_by(&self, request: &HttpRequest) -> Option<Session> {
        let value = verify(&self.key, request.cookie(COOKIE)?)?;
        let (until, id) = value.split_once('.')?;
        let session = Session {
            until: until.parse().ok()?,
            id: id.parse().ok()?,
        };
        (session.until > OffsetDateTime::now_utc().unix_timestamp()).then_some(session)
    }
}

/// Proof that a request has a session or a signature. A signature is looked at only where there is
/// no session.
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

/// What a page of another site sends in the name of somebody who is signed in here must do nothing.
/// Browsers say where a request comes from; what says nothing is no browser.
///
/// # Errors
/// When it comes from elsewhere.
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

async fn check(request: HttpRequest) -> Result<Admin, ApiError> {
    let sessions = request
        .app_data::<Data<Sessions>>()
        .ok_or(ApiError::Internal("no sessions"))?;
    if sessions.is_open(&request).await {
        return if request.method().is_safe() {
            Ok(Admin)
        } else {
            refuse_foreign_pages(&request).map(|()| Admin)
        };
    }
    if signature_of(&request).is_none() {
        // Whoever wanted to go there is led on after signing in.
        let to = if request.path() == "/api-explorer" {
            "/admin/sign_in?to=api-explorer"
        } else {
            "/admin/sign_in"
        };
        return Err(ApiError::NoSession {
            sign_in: Caller::of(&request).url(to),
        });
    }
    let gate = request
        .app_data::<Data<Gate>>()
        .ok_or(ApiError::Internal("no gate"))?;
    gate.check(&request).map(|()| Admin)
}
