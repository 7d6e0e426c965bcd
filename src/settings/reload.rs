//! The settings that can change while the server runs, and their reload.

use super::error::SettingsError;
use super::table::Settings;

/// The keys of the settings that take effect at once when they are read again. All others take
/// effect at the next start.
pub const LIVE_KEYS: &[&str] = &[
    "secret",
    "secret_file",
    "admin_user",
    "admin_secret",
    "admin_secret_file",
    "cookie_secret",
    "cookie_secret_file",
    "allow_posting_from",
    "allow_cors",
    "allow_origins",
    "validate_requests",
    "signature_scope",
    "signature_tolerance",
    "reject_replays",
    "replay_bytes",
    "socketio_signature_age",
    "enforce_https",
    "http_scheme",
    "trusted_proxies",
    "proxy_headers",
];

/// The result of reading the settings again.
#[derive(Debug)]
pub struct Reloaded {
    /// The settings that are in force from now on.
    pub settings: Settings,
    /// The changed keys that take effect at once.
    pub changed: Vec<&'static str>,
    /// The changed keys that take effect only at the next start.
    pub waiting: Vec<&'static str>,
    /// The warnings about the new settings.
    pub warnings: Vec<String>,
}

impl Settings {
    /// Combines these settings with those that were read again: keys in [`LIVE_KEYS`] change, and
    /// all other keys keep their values.
    ///
    /// # Errors
    /// Fails if the result is not safe to serve with, or if a secret would have its default again.
    pub fn reload(&self, read: &Self) -> Result<Reloaded, SettingsError> {
        let mut settings = self.clone();
        let (mut changed, mut waiting) = (Vec::new(), Vec::new());
        let pairs = self.to_texts().into_iter().zip(read.to_texts());
        let differing = pairs.filter(|((_, in_force), (_, text))| in_force != text);
        for (_, (key, text)) in differing {
            if !LIVE_KEYS.contains(&key.name) {
                waiting.push(key.name);
                continue;
            }
            if let Some(Err(reason)) = settings.set(key.name, &text) {
                return Err(SettingsError(vec![format!("{key}: {reason}")]));
            }
            changed.push(key.name);
        }
        let warnings = settings.check()?;
        if self.default_secrets().is_empty() && !settings.default_secrets().is_empty() {
            let keys = settings.default_secrets().join(" and ");
            return Err(SettingsError(vec![format!(
                "{keys} would have the default that everyone knows"
            )]));
        }
        Ok(Reloaded {
            settings,
            changed,
            waiting,
            warnings,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::{KEYS, SecretList};

    #[test]
    fn live_keys_change_and_others_wait_for_the_next_start() {
        let start = Settings {
            secret: SecretList::from("0123456789abcdef"),
            admin_secret: "fedcba9876543210".into(),
            ..Settings::default()
        };
        let mut read = start.clone();
        read.port = 9;
        read.secret = SecretList::from("another secret, long");
        let reloaded = start.reload(&read).unwrap();
        assert_eq!(reloaded.changed, ["secret"]);
        assert_eq!(reloaded.waiting, ["port"]);
        assert_eq!(reloaded.settings.port, start.port);
        assert_eq!(reloaded.settings.secret, read.secret);
        let again = reloaded.settings.reload(&read).unwrap();
        assert!(again.changed.is_empty(), "{:?}", again.changed);
        assert_eq!(again.waiting, ["port"]);
    }

    #[test]
    fn settings_that_are_not_safe_are_refused() {
        let start = Settings {
            secret: SecretList::from("0123456789abcdef"),
            admin_secret: "fedcba9876543210".into(),
            ..Settings::default()
        };
        let refused = start.reload(&Settings::default()).unwrap_err();
        assert!(refused.to_string().contains("everyone knows"), "{refused}");
    }

    #[test]
    fn every_live_key_is_a_setting() {
        for live in LIVE_KEYS {
            assert!(KEYS.iter().any(|key| key.name == *live), "{live}");
        }
    }
}
