//! The types of the settings `signature_scope` and `signature_tolerance`.

use std::time::Duration;

use super::store::setting_enum;
use super::value::SettingValue;

setting_enum! {
    /// The texts that a caller may sign.
    SignatureScope {
        /// Any text.
        #[default]
        Any = "any",
        /// The path of the call. A `|` and everything after it are ignored.
        Path = "path",
    }
    "expected any or path"
}

/// The time by which a signature may be dated ahead of this server's clock.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct SignatureTolerance(Option<Duration>);

impl SignatureTolerance {
    /// Returns the longest time that is allowed; `None` stands for no limit.
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
