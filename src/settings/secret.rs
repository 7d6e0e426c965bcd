//! Secret texts, which must not be printed.

use std::fmt;

use super::value::{SettingValue, quote};

/// A text that logs and `config show` do not print.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Returns the text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Returns whether the value of a key is a secret that must not be printed.
pub(crate) fn is_secret(key: &str) -> bool {
    let key = key.to_lowercase();
    key.contains("secret") && !key.ends_with("_file")
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl SettingValue for Secret {
    fn parse(text: &str) -> Result<Self, String> {
        Ok(text.into())
    }

    fn to_text(&self) -> String {
        self.0.clone()
    }

    fn to_masked(&self) -> String {
        quote(if self.0.is_empty() { "" } else { "***" })
    }

    fn to_toml(&self) -> String {
        quote(&self.0)
    }
}
