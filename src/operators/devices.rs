//! Device cookies: a signed cookie identifies a browser that signed in before, and the failures of
//! this browser are counted separately. Therefore a stranger's guesses never make the operator
//! wait, even from the same address (OWASP, "Slow Down Online Guessing Attacks with Device
//! Cookies").
//!
//! The cookie gives no access. It only decides for which source failures are counted.

use actix_web::HttpRequest;
use actix_web::cookie::time::Duration;
use actix_web::cookie::{Cookie, Key};
use uuid::Uuid;

use super::cookies::{build, derive_key, sign, verify};
use crate::caller::Caller;
use crate::settings::Settings;

const COOKIE: &str = "channelstream_device";
const LIFETIME: Duration = Duration::days(365);

/// The key that signs and checks device cookies.
pub(crate) struct Devices {
    key: Key,
}

impl Devices {
    /// Derives the key from the operator's name and all secrets of the settings. Device cookies
    /// stay valid after a restart, even without a `cookie_secret`. They become invalid when the
    /// name or the password changes.
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
        // The lengths ensure that different settings never give the same text.
        let text: String = parts
            .iter()
            .map(|part| format!("{}:{part}", part.len()))
            .collect();
        Self {
            key: derive_key("device", &text),
        }
    }

    /// Returns the id of the device that sent a request. `None` if the request has no valid device
    /// cookie.
    pub(crate) fn of(&self, request: &HttpRequest) -> Option<Uuid> {
        verify(&self.key, request.cookie(COOKIE)?)?.parse().ok()
    }

    /// Returns the cookie for a device that has just signed in. A device that had a cookie before
    /// keeps its id.
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
