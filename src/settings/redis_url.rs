//! The type of `redis_urls`: addresses whose passwords must not be printed.

use std::fmt;

use super::value::{SettingValue, quote};

/// The address of a Redis, which may have a user and a password in it. They are not printed.
#[derive(Clone, PartialEq, Eq)]
pub struct RedisUrl(String);

impl From<&str> for RedisUrl {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl AsRef<str> for RedisUrl {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl RedisUrl {
    /// Returns the address without its user and password.
    fn mask(&self) -> String {
        let Some((scheme, rest)) = self.0.split_once("://") else {
            // Nobody knows what a text of another form contains.
            return "***".to_owned();
        };
        let place = match rest.rsplit_once('@') {
            Some((_, place)) => format!("***@{place}"),
            None => rest.to_owned(),
        };
        match place.split_once('?') {
            Some((place, _)) => format!("{scheme}://{place}?***"),
            None => format!("{scheme}://{place}"),
        }
    }
}

impl fmt::Debug for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.mask())
    }
}

impl SettingValue for RedisUrl {
    /// Takes any text. `Settings::check` refuses addresses that cannot be used, since an error of
    /// this function would be printed with the text.
    fn parse(text: &str) -> Result<Self, String> {
        Ok(text.into())
    }

    fn to_text(&self) -> String {
        self.0.clone()
    }

    fn to_masked(&self) -> String {
        quote(&self.mask())
    }

    fn to_toml(&self) -> String {
        quote(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_password_is_printed() {
        for (url, masked) in [
            ("redis://127.0.0.1:6379", "redis://127.0.0.1:6379"),
            ("redis://:geheim@redis:6379/1", "redis://***@redis:6379/1"),
            ("rediss://user:ge@he/im@redis", "rediss://***@redis"),
            ("redis://redis/?password=geheim", "redis://redis/?***"),
            ("user:geheim@redis", "***"),
        ] {
            let url = RedisUrl::from(url);
            assert_eq!(url.to_masked(), format!("\"{masked}\""));
            assert_eq!(format!("{url:?}"), masked);
        }
    }
}
