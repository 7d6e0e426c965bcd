//! The settings of signatures that are not plain values.

use std::time::Duration;

use super::store::words;
use super::value::SettingValue;

words! {
    /// What the text that was signed must be.
    SignatureScope {
        /// Any text.
        #[default]
        Any = "any",
        /// The path of the call, up to a `|`.
        Path = "path",
    }
    "expected any or path"
}

/// How far ahead of this server's clock a signature may be dated.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct SignatureTolerance(Option<Duration>);

impl SignatureTolerance {
    /// Returns the longest time that is allowed; `None` where any is.
    pub fn limit(self) -> Option<Duration> {
        self.0
    }
}

impl SettingValue for SignatureTolerance {
    fn parse(text: &str) -> Result<Self, String> {
        if text.trim().eq_ignore_ascii_case("off") {
            return Ok(Self(None));
        }
        Duration::parse(text)
            .map(|limit| Self(Some(limit)))
            .map_err(|_| "expected off, or a number of seconds such as 30".to_owned())
    }

    fn to_text(&self) -> String {
        self.0
            .map_or_else(|| "off".to_owned(), |limit| limit.to_text())
    }

    fn to_masked(&self) -> String {
        self.0
            .map_or_else(|| "\"off\"".to_owned(), |limit| limit.to_text())
    }
}
