//! A list of secrets that are valid at the same time, so that one can be replaced while calls
//! continue.

use super::secret::Secret;
use super::value::{SettingValue, quote};

/// The secrets that calls may be signed with. The server itself signs with the first one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SecretList {
    first: Secret,
    others: Vec<Secret>,
}

impl SecretList {
    /// Returns the secret that the server itself signs with.
    pub fn first(&self) -> &Secret {
        &self.first
    }

    /// Returns all secrets, beginning with the first.
    pub fn iter(&self) -> impl Iterator<Item = &Secret> {
        std::iter::once(&self.first).chain(&self.others)
    }

    /// Creates the list from secrets, and keeps their order.
    ///
    /// # Errors
    /// Fails if there is no secret, or if one of them is empty.
    pub(super) fn new(secrets: Vec<String>) -> Result<Self, String> {
        if secrets.iter().any(String::is_empty) {
            return Err("expected secrets that are not empty".to_owned());
        }
        let mut secrets = secrets.iter().map(|secret| Secret::from(secret.as_str()));
        Ok(Self {
            first: secrets
                .next()
                .ok_or_else(|| "expected at least one secret".to_owned())?,
            others: secrets.collect(),
        })
    }

    /// Formats a single secret as a text, and several secrets as a list.
    fn format(&self, format: impl Fn(&Secret) -> String) -> String {
        if self.others.is_empty() {
            return format(&self.first);
        }
        let secrets: Vec<_> = self.iter().map(format).collect();
        format!("[{}]", secrets.join(", "))
    }
}

impl From<&str> for SecretList {
    fn from(text: &str) -> Self {
        Self {
            first: text.into(),
            others: Vec::new(),
        }
    }
}

impl From<Secret> for SecretList {
    fn from(secret: Secret) -> Self {
        Self {
            first: secret,
            others: Vec::new(),
        }
    }
}

impl SettingValue for SecretList {
    /// Reads a list such as `["new", "old"]`. Any other text is a single secret, which may hold
    /// commas.
    fn parse(text: &str) -> Result<Self, String> {
        match serde_json::from_str(text) {
            Ok(secrets) => Self::new(secrets),
            Err(_) => Ok(text.into()),
        }
    }

    fn to_text(&self) -> String {
        // A single secret that looks like a list is written as a list of one. Otherwise it would be
        // read again as several secrets.
        let is_plain = serde_json::from_str::<Vec<String>>(self.first.as_str()).is_err();
        if self.others.is_empty() && !is_plain {
            return format!("[{}]", self.first.to_toml());
        }
        if self.others.is_empty() {
            return self.first.to_text();
        }
        self.format(Secret::to_toml)
    }

    fn to_masked(&self) -> String {
        self.format(Secret::to_masked)
    }

    fn to_toml(&self) -> String {
        if self.others.is_empty() {
            return quote(&self.to_text());
        }
        self.format(Secret::to_toml)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(list: &SecretList) -> Vec<&str> {
        list.iter().map(Secret::as_str).collect()
    }

    #[test]
    fn a_text_is_one_secret_and_a_list_is_several() {
        for (text, expected) in [
            ("one", vec!["one"]),
            ("a,b", vec!["a,b"]),
            ("[a, b]", vec!["[a, b]"]),
            (r#"["new", "old"]"#, vec!["new", "old"]),
            (r#"["a,b"]"#, vec!["a,b"]),
        ] {
            let list = SecretList::parse(text).unwrap();
            assert_eq!(texts(&list), expected, "{text}");
            assert_eq!(SecretList::parse(&list.to_text()), Ok(list), "{text}");
        }
        assert!(SecretList::parse("[]").is_err());
        assert!(SecretList::parse(r#"["new", ""]"#).is_err());
    }

    #[test]
    fn a_list_is_masked_item_by_item() {
        let list = SecretList::parse(r#"["new", "old"]"#).unwrap();
        assert_eq!(list.to_masked(), r#"["***", "***"]"#);
        assert_eq!(list.to_toml(), r#"["new", "old"]"#);
        assert!(!format!("{list:?}").contains("new"));
    }
}
