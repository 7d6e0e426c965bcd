//! Origins of pages.

use super::value::{SettingValue, ValueRemark, warn};

/// The origins that an item of `allow_cors` or `allow_origins` allows, in lower case.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Origin {
    /// One origin, with its scheme, host and port.
    Whole(String),
    /// All origins with this host, and with this port if one is given. Any scheme is allowed.
    Host(String),
    /// No origin. An `.ini` file of the original may hold any text here.
    Nothing(String),
}

impl Origin {
    /// Returns whether a page is allowed whose requests carry this `Origin` header.
    pub fn allows(&self, origin: &[u8]) -> bool {
        match self {
            Self::Whole(whole) => origin.eq_ignore_ascii_case(whole.as_bytes()),
            Self::Host(host) => {
                std::str::from_utf8(origin).is_ok_and(|origin| has_host(origin, host))
            }
            Self::Nothing(_) => false,
        }
    }
}

/// Returns whether an origin has this host, or this host and port.
fn has_host(origin: &str, host: &str) -> bool {
    let Some((_, found)) = origin.split_once("://") else {
        return false;
    };
    let without_port = || {
        found
            .rsplit_once(':')
            .filter(|(_, port)| is_port(port))
            .map(|(found, _)| found)
    };
    found.eq_ignore_ascii_case(host)
        || without_port().is_some_and(|found| found.eq_ignore_ascii_case(host))
}

fn is_port(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Returns whether a text is a host, or a host and a port: `app.example`, `app.example:8443`,
/// `[::1]:8443`.
fn is_host(text: &str) -> bool {
    let host = text
        .rsplit_once(':')
        .filter(|(_, port)| is_port(port))
        .map_or(text, |(host, _)| host);
    let is_address = |text: &str| text.parse::<std::net::Ipv6Addr>().is_ok();
    let is_label = |label: &str| {
        !label.is_empty()
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    };
    match host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
    {
        Some(address) => is_address(address),
        None => host.split('.').all(is_label),
    }
}

impl SettingValue for Origin {
    fn parse(text: &str) -> Result<Self, String> {
        let small = text.trim_end_matches('/').to_ascii_lowercase();
        match small.split_once("://") {
            // Browsers send `Origin: null` for pages from a file or in a sandbox.
            None if small == "null" => Ok(Self::Whole(small)),
            None if is_host(&small) => Ok(Self::Host(small)),
            Some((scheme, host)) if is_scheme(scheme) && is_host(host) => Ok(Self::Whole(small)),
            _ => Err(
                "expected an origin such as https://app.example, or a host such as app.example"
                    .to_owned(),
            ),
        }
    }

    fn parse_as_original(text: &str, remarks: &mut Vec<ValueRemark>) -> Result<Self, String> {
        Ok(Self::parse(text).unwrap_or_else(|_| {
            warn(
                remarks,
                text,
                "never matches an origin; write one such as https://app.example, or a host such as \
                 app.example",
            );
            Self::Nothing(text.to_owned())
        }))
    }

    fn to_text(&self) -> String {
        let (Self::Whole(text) | Self::Host(text) | Self::Nothing(text)) = self;
        text.clone()
    }
}

/// Returns whether a text is a scheme (RFC 3986 §3.1).
fn is_scheme(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_lowercase())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_origin_allows_itself_and_a_host_all_of_its_origins() {
        for (item, origin, expected) in [
            ("https://app.example", "https://app.example", true),
            ("https://App.example/", "https://app.example", true),
            ("https://app.example", "http://app.example", false),
            ("https://app.example", "https://app.example:8443", false),
            ("app.example", "https://app.example", true),
            ("app.example", "http://app.example:8080", true),
            ("app.example:8080", "http://app.example:8080", true),
            ("app.example:8080", "http://app.example", false),
            ("app.example", "https://evil-app.example", false),
            ("app.example", "https://app.example.evil.example", false),
            ("app.example", "https://evil.example/app.example", false),
            ("app.example", "app.example", false),
            ("[::1]", "http://[::1]:8000", true),
            ("null", "null", true),
        ] {
            assert_eq!(
                Origin::parse(item).unwrap().allows(origin.as_bytes()),
                expected,
                "{item} {origin}"
            );
        }
    }

    #[test]
    fn an_item_that_can_never_match_is_refused() {
        for item in [
            "*",
            "https://*",
            "*.app.example",
            ".app.example",
            "https://app.example/path",
            "https://",
            "://x",
            "a b",
            "[x]",
        ] {
            assert!(Origin::parse(item).is_err(), "{item}");
        }
    }
}
