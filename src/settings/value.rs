//! The types of settings. Each type is read from a text and written as a text.

use std::time::Duration;

use log::LevelFilter;

/// A type that a setting can have.
pub trait SettingValue: Sized {
    /// Reads a value from a text.
    ///
    /// # Errors
    /// Returns a description of what is expected instead.
    fn parse(text: &str) -> Result<Self, String>;

    /// Reads a value from a text in an `.ini` file of the original. The original accepted values
    /// that had no effect. This server accepts them too, and adds a remark about each.
    ///
    /// # Errors
    /// Returns a description of what is expected instead. The original refuses such a value as
    /// well.
    fn parse_as_original(text: &str, remarks: &mut Vec<ValueRemark>) -> Result<Self, String> {
        let _ = remarks;
        Self::parse(text)
    }

    /// Returns the value as a text that [`parse`](Self::parse) reads back.
    fn to_text(&self) -> String;

    /// Returns the value as a text for people, in quotes if it needs them, with secrets masked.
    fn to_masked(&self) -> String {
        quote(&self.to_text())
    }

    /// Returns the value as TOML, with secrets in clear.
    fn to_toml(&self) -> String {
        self.to_masked()
    }
}

/// A remark about a value in an `.ini` file.
#[derive(Debug)]
pub struct ValueRemark {
    /// The level of the remark: `Warn` if the value has no effect, `Info` if the value has an
    /// effect that it did not have in the original.
    pub(super) level: log::Level,
    /// The value, or the item of a list, that the remark is about.
    pub(super) found: String,
    /// The effect of the value. The text completes a sentence that begins with the value.
    pub(super) effect: &'static str,
}

/// Quotes a text as TOML does.
pub(super) fn quote(text: &str) -> String {
    // A JSON string is also a TOML string, except that TOML requires DEL (U+007F) to be escaped.
    let json = serde_json::Value::from(text).to_string();
    json.replace('\u{7f}', r"\u007f")
}

impl SettingValue for String {
    fn parse(text: &str) -> Result<Self, String> {
        Ok(text.to_owned())
    }

    fn to_text(&self) -> String {
        self.clone()
    }
}

impl SettingValue for bool {
    fn parse(text: &str) -> Result<Self, String> {
        match text.trim().to_lowercase().as_str() {
            "true" | "yes" | "on" | "1" | "t" | "y" => Ok(true),
            "false" | "no" | "off" | "0" | "f" | "n" | "" => Ok(false),
            _ => Err("expected true or false".to_owned()),
        }
    }

    fn parse_as_original(text: &str, remarks: &mut Vec<ValueRemark>) -> Result<Self, String> {
        Ok(Self::parse(text).unwrap_or_else(|_| {
            warn(
                remarks,
                text,
                "is neither true nor false and counts as false, as in the original",
            );
            false
        }))
    }

    fn to_text(&self) -> String {
        self.to_string()
    }

    fn to_masked(&self) -> String {
        self.to_text()
    }
}

impl SettingValue for u16 {
    fn parse(text: &str) -> Result<Self, String> {
        text.trim()
            .parse()
            .map_err(|_| "expected a whole number from 0 to 65535".to_owned())
    }

    fn to_text(&self) -> String {
        self.to_string()
    }

    fn to_masked(&self) -> String {
        self.to_text()
    }
}

impl SettingValue for usize {
    fn parse(text: &str) -> Result<Self, String> {
        let number: u32 = text
            .trim()
            .parse()
            .map_err(|_| "expected a whole number from 0 to 4294967295".to_owned())?;
        Self::try_from(number).map_err(|error| error.to_string())
    }

    fn to_text(&self) -> String {
        self.to_string()
    }

    fn to_masked(&self) -> String {
        self.to_text()
    }
}

impl SettingValue for Duration {
    fn parse(text: &str) -> Result<Self, String> {
        const TEN_YEARS: f64 = 10.0 * 365.25 * 86_400.0;
        match text.trim().parse::<f64>() {
            Ok(seconds) if (0.0..=TEN_YEARS).contains(&seconds) => Ok(Self::from_secs_f64(seconds)),
            _ => Err("expected a number of seconds, such as 15 or 2.5".to_owned()),
        }
    }

    fn to_text(&self) -> String {
        self.as_secs_f64().to_string()
    }

    fn to_masked(&self) -> String {
        self.to_text()
    }
}

impl<T: SettingValue> SettingValue for Vec<T> {
    /// Reads items that are separated by commas or line breaks. Spaces around them are ignored.
    fn parse(text: &str) -> Result<Self, String> {
        items(text)
            .map(|item| T::parse(item).map_err(|reason| format!("{item}: {reason}")))
            .collect()
    }

    fn parse_as_original(text: &str, remarks: &mut Vec<ValueRemark>) -> Result<Self, String> {
        let mut parse = |item| {
            T::parse_as_original(item, remarks).map_err(|reason| format!("{item}: {reason}"))
        };
        items(text).map(&mut parse).collect()
    }

    /// Returns the items with commas between them. A list without items is written as a comma,
    /// since an empty text would count as not given.
    fn to_text(&self) -> String {
        let items: Vec<_> = self.iter().map(SettingValue::to_text).collect();
        if items.is_empty() {
            ",".to_owned()
        } else {
            items.join(", ")
        }
    }

    fn to_masked(&self) -> String {
        let items: Vec<_> = self.iter().map(SettingValue::to_masked).collect();
        format!("[{}]", items.join(", "))
    }

    fn to_toml(&self) -> String {
        let items: Vec<_> = self.iter().map(SettingValue::to_toml).collect();
        format!("[{}]", items.join(", "))
    }
}

fn items(text: &str) -> impl Iterator<Item = &str> {
    text.split([',', '\n'])
        .map(str::trim)
        .filter(|item| !item.is_empty())
}

/// Adds a remark of the level `Warn`.
pub(super) fn warn(remarks: &mut Vec<ValueRemark>, found: &str, effect: &'static str) {
    remarks.push(ValueRemark {
        level: log::Level::Warn,
        found: found.to_owned(),
        effect,
    });
}

/// The scheme of links, if the settings fix it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Scheme(Option<&'static str>);

impl Scheme {
    /// Returns the scheme that is set, or `None` if links have the scheme of the request.
    pub fn forced(self) -> Option<&'static str> {
        self.0
    }
}

impl SettingValue for Scheme {
    fn parse(text: &str) -> Result<Self, String> {
        match text.trim() {
            "" => Ok(Self(None)),
            "http" => Ok(Self(Some("http"))),
            "https" => Ok(Self(Some("https"))),
            _ => Err("expected http, https or nothing".to_owned()),
        }
    }

    fn parse_as_original(text: &str, remarks: &mut Vec<ValueRemark>) -> Result<Self, String> {
        Ok(Self::parse(text).unwrap_or_else(|_| {
            warn(
                remarks,
                text,
                "is neither http nor https and counts as empty, as in the original",
            );
            Self(None)
        }))
    }

    fn to_text(&self) -> String {
        self.0.unwrap_or_default().to_owned()
    }
}

/// A log level, read by its name in Python or in Rust.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LogLevel(LevelFilter);

impl LogLevel {
    /// Returns the level as a filter of the `log` crate.
    pub fn filter(self) -> LevelFilter {
        self.0
    }
}

impl Default for LogLevel {
    fn default() -> Self {
        Self(LevelFilter::Info)
    }
}

impl SettingValue for LogLevel {
    fn parse(text: &str) -> Result<Self, String> {
        Ok(Self(match text.to_uppercase().as_str() {
            "TRACE" => LevelFilter::Trace,
            "DEBUG" | "NOTSET" => LevelFilter::Debug,
            "INFO" => LevelFilter::Info,
            "WARNING" | "WARN" => LevelFilter::Warn,
            "ERROR" | "CRITICAL" | "FATAL" => LevelFilter::Error,
            _ => return Err("expected DEBUG, INFO, WARNING, ERROR or CRITICAL".to_owned()),
        }))
    }

    fn to_text(&self) -> String {
        if self.0 == LevelFilter::Warn {
            "WARNING"
        } else {
            self.0.as_str()
        }
        .to_owned()
    }
}

/// The setting `signature_checker`, which has only one value: this server checks signatures in only
/// one way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SignatureChecker;

/// The only value that `signature_checker` may have.
const SIGNATURE_CHECKER: &str = "channelstream.utils.DefaultSigner";

impl SettingValue for SignatureChecker {
    fn parse(text: &str) -> Result<Self, String> {
        if text == SIGNATURE_CHECKER {
            Ok(Self)
        } else {
            Err(format!(
                "this server cannot load Python classes; the only value that it accepts is \
                 {SIGNATURE_CHECKER}"
            ))
        }
    }

    fn to_text(&self) -> String {
        SIGNATURE_CHECKER.to_owned()
    }
}
