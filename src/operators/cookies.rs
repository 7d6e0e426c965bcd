//! Signs and builds the cookies of the admin pages.

use actix_web::cookie::time::Duration;
use actix_web::cookie::{Cookie, CookieJar, Key, SameSite};
use hkdf::Hkdf;
use sha1::Sha1;

use crate::caller::Caller;

/// Derives the key for the cookies of a purpose from a secret of any length (HKDF, RFC 5869).
pub(super) fn derive_key(purpose: &str, secret: &str) -> Key {
    let mut bytes = [0; 64];
    // Cannot fail: HKDF with SHA-1 can return up to 5,100 bytes.
    let expanded =
        Hkdf::<Sha1>::new(None, secret.as_bytes()).expand(purpose.as_bytes(), &mut bytes);
    debug_assert!(expanded.is_ok());
    Key::from(&bytes)
}

/// Returns a value with its signature.
pub(super) fn sign(key: &Key, name: &'static str, value: String) -> String {
    let mut jar = CookieJar::new();
    jar.signed_mut(key).add(Cookie::new(name, value));
    jar.get(name)
        .map(|cookie| cookie.value().to_owned())
        .unwrap_or_default()
}

/// Returns the value of a cookie, or `None` if its signature is wrong.
pub(super) fn verify(key: &Key, cookie: Cookie<'static>) -> Option<String> {
    let name = cookie.name().to_owned();
    let mut jar = CookieJar::new();
    jar.add_original(cookie);
    jar.signed(key)
        .get(&name)
        .map(|cookie| cookie.value().to_owned())
}

/// Returns a cookie for all paths. Scripts cannot read it, and requests from other sites do not
/// carry it.
pub(super) fn build(
    name: &'static str,
    value: String,
    lifetime: Duration,
    caller: &Caller,
) -> Cookie<'static> {
    Cookie::build(name, value)
        .path("/")
        .http_only(true)
        .same_site(SameSite::Strict)
        .secure(caller.scheme == "https")
        .max_age(lifetime)
        .finish()
}
