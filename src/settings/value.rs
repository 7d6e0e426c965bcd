//! The types settings have: how each is read from a text and shown again.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use ipnet::IpNet;
use log::LevelFilter;

/// A type a setting can have.
pub trait Value: Sized {
    /// Reads it.
    ///
    /// # Errors
    /// What is expected instead.
    fn parse(text: &str) -> Result<Self, String>;

    /// Prints it, secrets masked.
    fn shown(&self) -> String;

    /// Prints it as a TOML value, secrets in clear.
    fn as_toml(&self) -> String {
        self.shown()
    }
}

fn quoted(text: &str) -> String {
    // A JSON string is a TOML string.
    serde_json::Value::from(text).to_string()
}

impl Value for String {
    fn parse(text: &str) -> Result<Self, String> {
        Ok(text.to_owned())
    }

    fn shown(&self) -> String {
        quoted(self)
    }
}

impl Value for bool {
    fn parse(text: &str) -> Result<Self, String> {
        match text.to_lowercase().as_str() {
            "true" | "yes" | "on" | "1" | "t" | "y" => Ok(true),
            "false" | "no" | "off" | "0" | "f" | "n" | "" => Ok(false),
            _ => Err("expected true or false".to_owned()),
        }
    }

    fn shown(&self) -> String {
        self.to_string()
    }
}

impl Value for u16 {
    fn parse(text: &str) -> Result<Self, String> {
        text.parse().map_err(|_| "expected a whole number from 0 to 65535".to_owned())
    }

    fn shown(&self) -> String {
        self.to_string()
    }
}

impl Value for usize {
    fn parse(text: &str) -> Result<Self, String> {
        let number: u32 = text.parse().map_err(|_| "expected a whole number from 0 to 4294967295".to_owned())?;
        Self::try_from(number).map_err(|error| error.to_string())
    }

    fn shown(&self) -> String {
        self.to_string()
    }
}

impl Value for Duration {
    fn parse(text: &str) -> Result<Self, String> {
        const TEN_YEARS: f64 = 10.0 * 365.25 * 86_400.0;
        match text.parse::<f64>() {
            Ok(seconds) if (0.0..=TEN_YEARS).contains(&seconds) => Ok(Self::from_secs_f64(seconds)),
            _ => Err("expected a number of seconds, such as 15 or 2.5".to_owned()),
        }
    }

    fn shown(&self) -> String {
        self.as_secs_f64().to_string()
    }
}

impl<T: Value> Value for Vec<T> {
    /// Separated by commas; line breaks and blanks around the items do not matter.
    fn parse(text: &str) -> Result<Self, String> {
        let items = text.split([',', '\n']).map(str::trim).filter(|item| !item.is_empty());
        items.map(|item| T::parse(item).map_err(|reason| format!("{item}: {reason}"))).collect()
    }

    fn shown(&self) -> String {
        let items: Vec<_> = self.iter().map(Value::shown).collect();
        format!("[{}]", items.join(", "))
    }
}

/// A text that logs and `config show` do not print.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
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

impl Value for Secret {
    fn parse(text: &str) -> Result<Self, String> {
        Ok(text.into())
    }

    fn shown(&self) -> String {
        quoted(if self.0.is_empty() { "" } else { "***" })
    }

    fn as_toml(&self) -> String {
        quoted(&self.0)
    }
}

/// A network, or a single address as the network of one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Network(IpNet);

impl Network {
    /// Whether it holds all addresses.
    pub fn is_everything(&self) -> bool {
        self.0.addr().is_unspecified()
    }

    /// Whether the address is in it. `0.0.0.0` holds all addresses (`protocol.md` §2).
    pub fn contains(&self, address: IpAddr) -> bool {
        // A v4 peer of a socket that takes both shows as ::ffff:a.b.c.d.
        self.is_everything() || self.0.contains(&address.to_canonical())
    }
}

impl From<IpAddr> for Network {
    fn from(address: IpAddr) -> Self {
        Self(address.into())
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.prefix_len() == self.0.max_prefix_len() { self.0.addr().fmt(f) } else { self.0.fmt(f) }
    }
}

impl Value for Network {
    fn parse(text: &str) -> Result<Self, String> {
        let address = || text.parse::<IpAddr>().ok().map(IpNet::from);
        text.parse()
            .ok()
            .or_else(address)
            .map(Self)
            .ok_or_else(|| "expected an address or a network, such as 10.0.0.0/8 or ::1".to_owned())
    }

    fn shown(&self) -> String {
        quoted(&self.to_string())
    }
}

/// The scheme of links.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Scheme(Option<&'static str>);

impl Scheme {
    /// The one that is set.
    pub fn forced(self) -> Option<&'static str> {
        self.0
    }
}

impl Value for Scheme {
    fn parse(text: &str) -> Result<Self, String> {
        match text.trim() {
            "" => Ok(Self(None)),
            "http" => Ok(Self(Some("http"))),
            "https" => Ok(Self(Some("https"))),
            _ => Err("expected http, https or nothing".to_owned()),
        }
    }

    fn shown(&self) -> String {
        quoted(self.0.unwrap_or_default())
    }
}

/// A level by its name in Python, or in Rust.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LogLevel(LevelFilter);

impl LogLevel {
    /// The level.
    pub fn filter(self) -> LevelFilter {
        self.0
    }
}

impl Default for LogLevel {
    fn default() -> Self {
        Self(LevelFilter::Info)
    }
}

impl Value for LogLevel {
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

    fn shown(&self) -> String {
        let name = if self.0 == LevelFilter::Warn { "WARNING" } else { self.0.as_str() };
        quoted(name)
    }
}

/// The one way to check signatures.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SignatureChecker;

const SIGNATURE_CHECKER: &str = "channelstream.utils.DefaultSigner";

impl Value for SignatureChecker {
    fn parse(text: &str) -> Result<Self, String> {
        if text == SIGNATURE_CHECKER {
            Ok(Self)
        } else {
            Err(format!("this server cannot load Python classes; the only one it knows is {SIGNATURE_CHECKER}"))
        }
    }

    fn shown(&self) -> String {
        quoted(SIGNATURE_CHECKER)
    }
}
