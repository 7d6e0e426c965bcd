//! Makes and checks the ids of the sessions of Socket.IO clients that poll, if nodes share them.
//!
//! Before a client has connected to a namespace, its session is nothing but its id. The id is
//! signed, with a salt of its own, so that every node knows the ids of the others without keeping
//! any.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::signer::seconds_since_1970;
use super::signers::Signers;
use crate::settings::Settings;

/// The salt of these signatures.
const SESSION_SALT: &str = "channelstream.socketio.session";

/// Makes and checks the ids of sessions.
pub struct SessionIds(Signers);

/// An id that one of the nodes has made.
#[derive(Debug, PartialEq, Eq)]
pub struct SessionId {
    /// What the id says.
    pub content: Vec<u8>,
    /// The time since it was made.
    pub age: Duration,
}

impl SessionIds {
    /// Creates the check with the secrets of the settings.
    pub fn new(settings: &Settings) -> Self {
        Self(Signers::with_salt(&settings.secret, SESSION_SALT))
    }

    /// Makes an id that says this.
    pub fn make(&self, content: &[u8]) -> String {
        self.0.sign(&URL_SAFE_NO_PAD.encode(content))
    }

    /// Reads an id. Returns `None` if no node with the same secret has made it.
    pub fn read(&self, id: &str) -> Option<SessionId> {
        let signed = self.0.open(id)?;
        let age = seconds_since_1970().saturating_sub(signed.signed_at);
        Some(SessionId {
            content: URL_SAFE_NO_PAD.decode(signed.text).ok()?,
            age: Duration::from_secs(age),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signature::Signer;

    #[test]
    fn an_id_says_what_it_was_made_with_and_no_other_text_is_an_id() {
        let ids = SessionIds::new(&Settings::default());
        let id = ids.make(b"content");
        assert_eq!(ids.read(&id).unwrap().content, b"content");
        let changed = format!("A{}", id.get(1..).unwrap());
        let of_a_call = Signer::new("secret").sign("Y29udGVudA");
        for text in ["", "Y29udGVudA", &changed, &of_a_call] {
            assert_eq!(ids.read(text), None, "{text}");
        }
    }
}
