//! Signers of several secrets, so that a secret can be replaced while calls go on.

use std::time::Duration;

use super::signer::{SignatureFlaw, Signer};
use crate::settings::SecretList;

/// Checks signatures by several secrets.
#[derive(Clone)]
pub struct Signers(Vec<Signer>);

impl Signers {
    /// Creates the signers of all secrets. Signatures older than `max_age` are refused.
    pub fn new(secrets: &SecretList, max_age: Option<Duration>) -> Self {
        let signer = |secret: &crate::settings::Secret| Signer::new(secret.as_str(), max_age);
        Self(secrets.iter().map(signer).collect())
    }

    /// Checks that a signature was made with one of the secrets and is not too old.
    ///
    /// # Errors
    /// Returns what is wrong with the signature.
    pub fn check(&self, signature: &str) -> Result<(), SignatureFlaw> {
        // Every secret is tried, so the time of a check does not tell which one has matched.
        let mut result = Err(SignatureFlaw::Foreign);
        for signer in &self.0 {
            let checked = signer.check(signature);
            if result == Err(SignatureFlaw::Foreign) {
                result = checked;
            }
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
        let signers = Signers::new(&secrets, None);
        for (secret, expected) in [
            ("new", Ok(())),
            ("old", Ok(())),
            ("older", Err(SignatureFlaw::Foreign)),
        ] {
            let signature = Signer::new(secret, None).sign("/message");
            assert_eq!(signers.check(&signature), expected, "{secret}");
        }
    }
}
