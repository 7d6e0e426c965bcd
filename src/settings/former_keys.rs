//! The keys in `.ini` files of the original whose treatment differs from other settings: keys that
//! the original did not read, and keys for which it accepted any value.

use super::table::KEYS;

/// The treatment of a key that the original did not read.
#[derive(Clone, Copy, Debug)]
pub(super) enum FormerKey {
    /// This server does not read the key either. The text completes a sentence that begins with the
    /// key.
    Ignored(&'static str),
    /// This server reads the key.
    ReadNow,
}

/// The effect of keys that only older releases knew.
const OLD: &str = "has no effect; it is a key of older releases";

/// The keys for which the original accepted any value. This server therefore accepts values without
/// effect for them too, with a warning.
const ANY_VALUE_KEYS: &[&str] = &[
    "allow_posting_from",
    "allow_cors",
    "debug",
    "validate_requests",
    "enforce_https",
    "http_scheme",
];

/// The keys that some release of the original or its documentation named, and that this server does
/// not read, each with its effect.
const IGNORED: &[(&str, &str)] = &[
    (
        "demo",
        "has no effect in an .ini file, since the original never read it; --demo true or \
         CHANNELSTREAM_DEMO=true turns the demo on",
    ),
    ("demo_app_url", OLD),
    ("external_port", OLD),
    ("status_codes", OLD),
    (
        "policy_server",
        "has no effect; this server has no flash policy server",
    ),
    (
        "policy_listener_host",
        "has no effect; this server has no flash policy server",
    ),
    (
        "policy_listener_port",
        "has no effect; this server has no flash policy server",
    ),
    (
        "resource",
        "has no effect; clients of Socket.IO always use /socket.io/",
    ),
    (
        "transports",
        "has no effect; clients of Socket.IO may always poll and use websockets",
    ),
    (
        "heartbeat_timeout",
        "has no effect; gc_conns_after says when a silent connection ends",
    ),
];

/// The keys that some release of the original or its documentation named but did not read, and that
/// this server reads.
const NOW_READ_KEYS: &[&str] = &[
    "gc_conns_after",
    "gc_channels_after",
    "wake_connections_after",
    "heartbeat_interval",
];

/// Returns whether the original accepted any value for a key.
pub(super) fn takes_any_value(key: &str) -> bool {
    ANY_VALUE_KEYS.contains(&key)
}

/// Returns the treatment of a key, or `None` if the original reads it or never knew it.
pub(super) fn find(key: &str) -> Option<FormerKey> {
    if let Some((_, effect)) = IGNORED.iter().find(|(name, _)| *name == key) {
        return Some(FormerKey::Ignored(effect));
    }
    NOW_READ_KEYS.contains(&key).then_some(FormerKey::ReadNow)
}

/// Returns whether an unknown key is probably a known key with a typing error: at most one letter
/// in four, and at most two in all, is added, missing, wrong or swapped with its neighbour.
pub(super) fn is_mistyped(key: &str) -> bool {
    let distance = |known: &str| strsim::osa_distance(key, known);
    KEYS.iter()
        .any(|known| (1..=(known.name.len() / 4).min(2)).contains(&distance(known.name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typing_error_is_distinguished_from_another_key() {
        for key in [
            "prot",
            "ports",
            "hots",
            "secert",
            "admin-secret",
            "alow_cors",
            "allow_posting_form",
            "enforce_http",
        ] {
            assert!(is_mistyped(key), "{key}");
        }
        for key in [
            "here",
            "path",
            "use",
            "paste.app_factory",
            "allow_posting",
            "password",
            "sentry_dsn",
        ] {
            assert!(!is_mistyped(key), "{key}");
        }
    }
}
