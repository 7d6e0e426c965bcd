//! What the settings of `store = "redis"` say together.

use std::fs;

use channelstream_actors::store::redis::resolver::Servers;

use super::table::Settings;

impl Settings {
    /// Returns the servers of Redis, and reads the file that `redis_ca` names.
    ///
    /// # Errors
    /// Returns which setting cannot be used, why, and what to do. No address is printed.
    pub fn redis_servers(&self) -> Result<Servers, String> {
        let path = &self.redis_ca;
        let ca = match path.as_str() {
            "" => None,
            path => Some(fs::read_to_string(path).map_err(|error| {
                format!("redis_ca = {path}: {error}; name a file with certificates in PEM")
            })?),
        };
        Servers::new(&self.redis_urls, &self.redis_sentinel, ca.as_deref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::StoreKind;
    use crate::settings::value::SettingValue;

    /// Returns the only problem of settings with these values.
    fn problem(urls: &str, sentinel: &str, ca: &str) -> String {
        let settings = Settings {
            store: StoreKind::Redis,
            redis_urls: SettingValue::parse(urls).unwrap(),
            redis_sentinel: sentinel.to_owned(),
            redis_ca: ca.to_owned(),
            ..Settings::default()
        };
        settings.check().unwrap_err().to_string()
    }

    #[test]
    fn settings_that_cannot_be_used_are_refused_without_a_password() {
        for (urls, ca, expected) in [
            (",", "", "redis_urls names no server"),
            ("http://user:geheim@redis", "", "redis_urls: address 1"),
            ("redis://a, user:geheim@b:6379", "", "redis_urls: address 2"),
            ("redis://:geheim@a/first", "", "Invalid database number"),
            ("redis://:ge/heim@redis", "", "%2F"),
            ("rediss://:geheim@a/#insecure", "", "name the authority"),
            ("rediss://:geheim@a", "/none.pem", "redis_ca = /none.pem"),
            ("redis://:geheim@a", "Cargo.toml", "redis_ca is set, but"),
            ("rediss://:geheim@a", "Cargo.toml", "no certificate in PEM"),
        ] {
            let problem = problem(urls, "", ca);
            assert!(problem.contains(expected), "{urls}: {problem}");
            assert!(!problem.contains("heim"), "{urls}: {problem}");
        }
    }

    #[test]
    fn redis_over_a_network_without_encryption_brings_a_warning() {
        let warnings = |urls: &str| {
            let settings = Settings {
                store: StoreKind::Redis,
                redis_urls: SettingValue::parse(urls).unwrap(),
                ..Settings::default()
            };
            settings.check().unwrap().join("\n")
        };
        let text = warnings("redis://:geheim@redis.internal:6379");
        assert!(text.contains("redis.internal"), "{text}");
        assert!(text.contains("rediss://"), "{text}");
        assert!(!text.contains("geheim"), "{text}");
        for urls in [
            "redis://127.0.0.1:6379, redis://[::1], redis://localhost",
            "rediss://redis",
        ] {
            assert!(!warnings(urls).contains("encrypt"), "{urls}");
        }
    }
}
