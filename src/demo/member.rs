//! The members of the demo: their names, and the tokens by which a page proves which member it is.
//!
//! The name of every user and channel of the demo begins with [`PREFIX`]. Therefore no request of a
//! visitor reaches a user or a channel of an application.

use std::fmt;

use uuid::Uuid;

use crate::signature::Signer;

/// The first characters of every user and channel of the demo.
pub(super) const PREFIX: &str = "demo:";

/// A user of the demo, as a token names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct DemoMember {
    /// The connection for which the token was issued. The token can subscribe and unsubscribe only
    /// this connection.
    pub(super) conn_id: Uuid,
    /// A random id, created when the name was taken. The server keeps it in the user's private
    /// state, so the token of a former owner of the name is not accepted.
    pub(super) owner: Uuid,
    /// The user's full name.
    pub(super) user: String,
}

impl fmt::Display for DemoMember {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.conn_id, self.owner, self.user)
    }
}

impl DemoMember {
    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.splitn(3, ' ');
        let (conn_id, owner, user) = (parts.next()?, parts.next()?, parts.next()?);
        let member = Self {
            conn_id: conn_id.parse().ok()?,
            owner: owner.parse().ok()?,
            user: user.to_owned(),
        };
        is_of_demo(user).then_some(member)
    }
}

/// Returns whether a user's or a channel's name belongs to the demo.
pub(super) fn is_of_demo(name: &str) -> bool {
    name.starts_with(PREFIX)
}

/// The signer of tokens.
pub(super) struct Tokens(Signer);

impl Tokens {
    pub(super) fn new(secret: &str) -> Self {
        Self(Signer::new(&format!("demo {secret}")))
    }

    /// Returns a token for this member.
    pub(super) fn issue(&self, member: &DemoMember) -> String {
        self.0.sign(&member.to_string())
    }

    /// Returns the member of a token, or `None` if this server did not issue the token.
    pub(super) fn read(&self, token: &str) -> Option<DemoMember> {
        self.0.verify(token).ok().and_then(DemoMember::parse)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(user: &str) -> DemoMember {
        DemoMember {
            conn_id: Uuid::new_v4(),
            owner: Uuid::new_v4(),
            user: user.to_owned(),
        }
    }

    #[test]
    fn a_token_names_its_member() {
        let tokens = Tokens::new("secret");
        for user in ["demo:alice", "demo:two words . and a dot", "demo:demo:x"] {
            let member = member(user);
            assert_eq!(tokens.read(&tokens.issue(&member)), Some(member));
        }
    }

    #[test]
    fn a_token_of_another_server_or_for_a_user_of_an_application_is_refused() {
        let tokens = Tokens::new("secret");
        assert_eq!(
            tokens.read(&Tokens::new("other").issue(&member("demo:alice"))),
            None
        );
        assert_eq!(tokens.read(&tokens.issue(&member("alice"))), None);
        // Tokens of earlier versions carry the name alone.
        assert_eq!(tokens.read(&tokens.0.sign("alice")), None);
        assert_eq!(
            tokens.read(&Signer::new("secret").sign(&member("demo:alice").to_string())),
            None
        );
    }
}
