//! Checks signatures with several secrets, so that a secret can be replaced while calls continue.

use super::signer::{CALL_SALT, SignedContent, Signer};
use crate::settings::{Secret, SecretList};

/// The signers of all secrets in force.
#[derive(Clone)]
pub struct Signers(Vec<Signer>);

impl Signers {
    /// Creates the signers of all secrets.
    pub fn new(secrets: &SecretList) -> Self {
        Self::with_salt(secrets, CALL_SALT)
    }

    /// Creates the signers of all secrets with a salt.
    pub fn with_salt(secrets: &SecretList, salt: &str) -> Self {
        let signer = |secret: &Secret| Signer::with_salt(secret.as_str(), salt);
        Self(secrets.iter().map(signer).collect())
    }

    /// Signs a text at the current time, with the first secret.
    pub(super) fn sign(&self, text: &str) -> String {
        let signed = self.0.first().map(|signer| signer.sign(text));
        signed.unwrap_or_default()
    }

    /// Returns the content of a signature, or `None` if no secret matches.
    pub(super) fn open<'a>(&self, signature: &'a str) -> Option<SignedContent<'a>> {
        // Every secret is tried, so the duration of a check does not reveal which one matched.
        let mut result = None;
        for signer in &self.0 {
            let opened = signer.open(signature);
            result = result.or(opened);
        }
        result
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::SettingValue;

    #[test]
    fn a_signature_by_any_of_the_secrets_is_valid() {
        let secrets = SecretList::parse(r#"["new", "old"]"#).unwrap();
        let signers = Signers::new(&secrets);
        for (secret, expected) in [("new", true), ("old", true), ("older", false)] {
            let signature = Signer::new(secret).sign("/message");
            assert_eq!(signers.open(&signature).is_some(), expected, "{secret}");
        }
    }
}
