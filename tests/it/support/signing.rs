//! Signatures as a backend makes them. They are written anew from the specification, because the
//! server's own code would agree with its own mistakes.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha1::{Digest, Sha1};

pub(crate) fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs()
}

/// Returns `text.timestamp.signature`.
pub(crate) fn sign(secret: &str, text: &str, at: u64) -> String {
    sign_with_salt(secret, "itsdangerous.Signer", text, at)
}

/// Does the same with another salt.
pub(crate) fn sign_with_salt(secret: &str, salt: &str, text: &str, at: u64) -> String {
    let key = Sha1::digest(format!("{salt}signer{secret}"));
    let timestamp: Vec<u8> = at
        .to_be_bytes()
        .into_iter()
        .skip_while(|byte| *byte == 0)
        .collect();
    let signed = format!("{text}.{}", URL_SAFE_NO_PAD.encode(timestamp));
    let mac = Hmac::<Sha1>::new_from_slice(&key)
        .unwrap()
        .chain_update(&signed)
        .finalize()
        .into_bytes();
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(mac))
}
