//! Signs and builds the cookies of the admin pages.

use actix_web::cookie::time::Duration;
use actix_web::cookie::{Cookie, CookieJar, Key, SameSite};
use sha1::{Digest, Sha1};

use crate::caller::Caller;

/// Returns the key for cookies of this purpose. A key has 64 bytes, a secret any number.
pub(super) fn derive_key(purpose: &str, secret: &str) -> Key {
    let block = |count: u8| {
        Sha1::new()
            .chain_update([count])
            .chain_update(purpose)
            .chain_update(secret)
            .finalize()
    };
    let bytes: Vec<u8> = (0..4).flat_map(block).collect();
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

/// Returns the value of a cookie whose signature is right.
pub(super) fn verify(key: &Key, cookie: Cookie<'static>) -> Option<String> {
    let name = cookie.name().to_owned();
    let mut jar = CookieJar::new();
    jar.add_original(cookie);
    jar.signed(key)
        .get(&name)
        .map(|cookie| cookie.value().to_owned())
}

/// Returns a cookie for all paths that no script reads and no other site sends.
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
