//! Checks the signatures by which the application lets a page listen as a user
//! (`socketio_username`).
//!
//! They have a salt of their own. With the salt of signed calls, the signature of a user would be
//! the signature of a call too, and every page could publish.

use std::time::Duration;

use super::signer::{SignedContent, seconds_since_1970};
use super::signers::Signers;
use crate::settings::Settings;

/// The salt of these signatures.
pub const USER_SALT: &str = "channelstream.socketio";

/// The check of the signatures of users.
pub struct UserSignatures {
    signers: Signers,
    max_age: Duration,
}

impl UserSignatures {
    /// Creates the check that the settings describe; `None` if they allow no such signatures.
    pub fn new(settings: &Settings) -> Option<Self> {
        settings.socketio_username.then(|| Self {
            signers: Signers::with_salt(&settings.secret, USER_SALT),
            max_age: settings.socketio_signature_age,
        })
    }

    /// Returns whether a signature lets a page listen as this user now. The signature may be whole,
    /// or begin after the name of the user.
    pub fn allow(&self, username: &str, signature: &str) -> bool {
        let whole = format!("{username}.{signature}");
        let is_valid = |signature: &str| {
            let content = self.signers.open(signature);
            content.is_some_and(|content| self.is_for(content, username, seconds_since_1970()))
        };
        is_valid(signature) || is_valid(&whole)
    }

    fn is_for(&self, content: SignedContent<'_>, username: &str, now: u64) -> bool {
        let age = now.saturating_sub(content.signed_at);
        content.text == username && age <= self.max_age.as_secs()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signature::Signer;

    fn signatures() -> UserSignatures {
        let settings = Settings {
            socketio_username: true,
            ..Settings::default()
        };
        UserSignatures::new(&settings).unwrap()
    }

    #[test]
    fn a_signature_is_for_one_user_whole_or_without_the_name() {
        let signatures = signatures();
        let signer = Signer::with_salt("secret", USER_SALT);
        for name in ["alice", "a.b", "", "ü/message"] {
            let whole = signer.sign(name);
            let rest = whole.strip_prefix(&format!("{name}.")).unwrap();
            assert!(signatures.allow(name, &whole), "{name}");
            assert!(signatures.allow(name, rest), "{name}");
            assert!(!signatures.allow("bob", &whole), "{name}");
            assert!(!signatures.allow("bob", rest), "{name}");
        }
    }

    #[test]
    fn a_signature_of_a_call_is_not_that_of_a_user() {
        assert!(!signatures().allow("alice", &Signer::new("secret").sign("alice")));
        assert!(UserSignatures::new(&Settings::default()).is_none());
    }

    #[test]
    fn a_signature_is_valid_for_a_day() {
        let content = SignedContent {
            text: "alice",
            signed_at: 1000,
            mac: Default::default(),
        };
        for (now, expected) in [(0, true), (1000, true), (87_400, true), (87_401, false)] {
            assert_eq!(
                signatures().is_for(content, "alice", now),
                expected,
                "{now}"
            );
        }
    }
}
