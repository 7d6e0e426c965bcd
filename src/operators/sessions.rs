//! The sessions of operators. A signed cookie contains the id of the session and the time at which
//! the session ends.

use std::sync::Arc;

use actix::{Actor, Addr};
use actix_web::HttpRequest;
use actix_web::cookie::time::Duration;
use actix_web::cookie::{Cookie, Key};
use arc_swap::ArcSwap;
use time::OffsetDateTime;
use uuid::Uuid;

use super::cookies::{build, derive_key, sign, verify};
use super::devices::Devices;
use super::ended_sessions::{EndSession, EndedSessions, HasSessionEnded, Session};
use crate::caller::Caller;
use crate::settings::Settings;

/// The name of the session cookie, as in the original.
pub const COOKIE: &str = "auth_tkt";
const LIFETIME: Duration = Duration::days(30);

/// The sessions of operators, and the keys that sign their cookies.
pub struct Sessions {
    key: ArcSwap<Key>,
    ended: Addr<EndedSessions>,
    devices: ArcSwap<Devices>,
}

impl Sessions {
    /// Derives the key from `cookie_secret`. If it is empty, the key is random, and all sessions
    /// end with the process.
    pub fn new(settings: &Settings) -> Self {
        Self {
            key: ArcSwap::from_pointee(make_key(settings)),
            ended: EndedSessions::default().start(),
            devices: ArcSwap::from_pointee(Devices::new(settings)),
        }
    }

    /// Derives a new key, which ends all sessions.
    pub(crate) fn replace_key(&self, settings: &Settings) {
        self.key.store(Arc::new(make_key(settings)));
    }

    /// Derives the key of device cookies again. It changes only if one of the settings has changed
    /// from which it is derived.
    pub(crate) fn replace_devices(&self, settings: &Settings) {
        self.devices.store(Arc::new(Devices::new(settings)));
    }

    /// Returns the part that recognises browsers that signed in before.
    pub(crate) fn devices(&self) -> Arc<Devices> {
        self.devices.load_full()
    }

    /// Opens a session and returns its cookie.
    pub fn open(&self, caller: &Caller) -> Cookie<'static> {
        let until = OffsetDateTime::now_utc().unix_timestamp() + LIFETIME.whole_seconds();
        build(
            COOKIE,
            sign(
                &self.key.load(),
                COOKIE,
                format!("{until}.{}", Uuid::new_v4()),
            ),
            LIFETIME,
            caller,
        )
    }

    /// Returns a cookie that removes the session cookie from the browser.
    pub fn expire_cookie(caller: &Caller) -> Cookie<'static> {
        build(COOKIE, String::new(), Duration::ZERO, caller)
    }

    /// Ends the session of a request. Every copy of its cookie becomes invalid.
    pub(crate) async fn end(&self, request: &HttpRequest) {
        if let Some(session) = self.find(request) {
            // An error means that the server is stopping.
            let _ = self.ended.send(EndSession(session)).await;
        }
    }

    /// Returns whether a request has a session that has not ended.
    pub(crate) async fn is_open(&self, request: &HttpRequest) -> bool {
        let Some(session) = self.find(request) else {
            return false;
        };
        !self
            .ended
            .send(HasSessionEnded(session))
            .await
            .unwrap_or(true)
    }

    /// Returns the session that the cookie of a request names, if it has not expired.
    fn find(&self, request: &HttpRequest) -> Option<Session> {
        let value = verify(&self.key.load(), request.cookie(COOKIE)?)?;
        let (until, id) = value.split_once('.')?;
        let session = Session {
            until: until.parse().ok()?,
            id: id.parse().ok()?,
        };
        (session.until > OffsetDateTime::now_utc().unix_timestamp()).then_some(session)
    }
}

fn make_key(settings: &Settings) -> Key {
    let secret = settings.cookie_secret.as_str();
    let secret = if secret.is_empty() {
        format!("{}{}", Uuid::new_v4(), Uuid::new_v4())
    } else {
        secret.to_owned()
    };
    derive_key("session", &secret)
}
