//! Device cookies: a browser that signed in before is known by a signed cookie and has a sign-in
//! throttle of its own. So a stranger's guesses, also from the same address, never make the
//! operator wait (OWASP, "Slow Down Online Guessing Attacks with Device Cookies").
//!
//! The cookie opens nothing. It only says in whose name failures are counted.

use actix_web::HttpRequest;
use actix_web::cookie::time::Duration;
use actix_web::cookie::{Cookie, Key};
use uuid::Uuid;

use super::cookies::{build, derive_key, sign, verify};
use crate::caller::Caller;
use crate::settings::Settings;

const COOKIE: &str = "channelstream_device";
const LIFETIME: Duration = Duration::days(365);

/// Makes and reads device cookies.
pub(crate) struct Devices {
    key: Key,
}

impl Devices {
    /// Derives the key from all secrets of the settings. Device cookies outlive a restart, also
    /// without a `cookie_secret`, and become invalid when the name or the password changes.
    pub(super) fn new(settings: &Settings) -> Self {
        let (cookie, secret, password) = (
            &settings.cookie_secret,
            settings.secret.first(),
            &settings.admin_secret,
        );
        let parts = [
            cookie.as_str(),
            secret.as_str(),
            &settings.admin_user,
            password.as_str(),
        ];
        // With their lengths, so that no two settings give the same text.
        let text: String = parts
            .iter()
            .map(|part| format!("{}:{part}", part.len()))
            .collect();
        Self {
            key: derive_key("device", &text),
        }
    }

    /// Returns the id of the device that sent this request, if it brings a cookie of this server.
    pub(crate) fn of(&self, request: &HttpRequest) -> Option<Uuid> {
        verify(&self.key, request.cookie(COOKIE)?)?.parse().ok()
    }

    /// Returns the cookie of a device that has just signed in. One that had a cookie keeps its id.
    pub(crate) fn remember(&self, device: Option<Uuid>, caller: &Caller) -> Cookie<'static> {
        let id = device.unwrap_or_else(Uuid::new_v4);
        build(
            COOKIE,
            sign(&self.key, COOKIE, id.to_string()),
            LIFETIME,
            caller,
        )
    }
}
