//! Checks that the settings as a whole are safe to serve with.

use std::time::Duration;

use channelstream_actors::store::redis::resolver::Servers;

use super::error::SettingsError;
use super::listen::ListenAddress;
use super::network::Network;
use super::secret::Secret;
use super::store::StoreKind;
use super::table::Settings;
use super::value::SettingValue;

/// The length, in bytes, below which a secret can be guessed. The server warns of such a secret.
const SHORTEST_SECRET: usize = 16;

/// The largest number of threads that `workers` may set.
const MOST_WORKERS: usize = 256;

impl Settings {
    /// Checks that the server can safely start with these settings, and returns warnings.
    ///
    /// # Errors
    /// Returns all problems: settings that do not go with the store, a default secret where other
    /// machines can reach the server, an idle time that would end healthy connections,
    /// `reject_replays` without `validate_requests`, a demo without a TCP address to call, or too
    /// many threads.
    pub fn check(&self) -> Result<Vec<String>, SettingsError> {
        let mut findings = CheckFindings::default();
        self.check_secrets(&mut findings);
        if !self.has_valid_idle_time() {
            findings.problems.push(format!(
                "gc_conns_after = {}: {}",
                self.gc_conns_after.to_masked(),
                self.describe_idle_rule()
            ));
        }
        if self
            .allow_posting_from
            .iter()
            .all(|network| matches!(network, Network::Nothing(_)))
        {
            findings.warnings.push(
                "allow_posting_from names no address, so nobody can make signed calls".to_owned(),
            );
        }
        self.check_addresses(&mut findings);
        self.check_store(&mut findings);
        if self.reject_replays && !self.validate_requests {
            findings.problems.push(
                "reject_replays = true needs validate_requests = true: without it signatures never \
                 expire, and the server would have to remember each of them for ever"
                    .to_owned(),
            );
        }
        if self.workers > MOST_WORKERS {
            findings.problems.push(format!(
                "workers must be at most {MOST_WORKERS} (got {})",
                self.workers
            ));
        }
        if findings.problems.is_empty() {
            Ok(findings.warnings)
        } else {
            Err(SettingsError(findings.problems))
        }
    }

    /// Returns a remark if the limits per address have no effect, since no address of a client is
    /// known to this server.
    pub fn find_idle_limits(&self) -> Option<String> {
        let is_counted =
            self.max_connections_per_address > 0 || self.unsigned_rate > 0 || self.signed_rate > 0;
        let addresses = self.public_addresses();
        let is_private = addresses.iter().all(ListenAddress::is_private);
        (is_counted && is_private && self.trusted_proxies.is_empty()).then(|| {
            format!(
                "the limits per address (max_connections_per_address, unsigned_rate, signed_rate) \
                 have no effect: the server listens on private addresses only ({}), and \
                 trusted_proxies names no proxy that reports the addresses of clients",
                addresses.to_text()
            )
        })
    }

    fn check_secrets(&self, findings: &mut CheckFindings) {
        let of_calls = self.secret.iter().map(|secret| ("secret", secret));
        let secrets = of_calls.chain([
            ("admin_secret", &self.admin_secret),
            ("cookie_secret", &self.cookie_secret),
        ]);
        let defaults = self.default_secrets();
        let open = self.find_open_address();
        for (key, secret) in secrets {
            let variable = format!("CHANNELSTREAM_{}", key.to_uppercase());
            if secret.as_str().is_empty() {
                // Only `cookie_secret` may be empty. Then the server makes a random one at its
                // start.
            } else if !defaults.contains(&key) {
                findings.warnings.extend(warn_of_length(key, secret));
            } else if open.is_none() {
                let warning = format!(
                    "{key} is the default that everyone knows; set it before others can reach \
                     this server"
                );
                findings.warnings.push(warning);
            } else {
                findings.problems.push(format!(
                    "{key} is the default that everyone knows, and {} lets others reach this \
                     server; set {key}, or {variable}",
                    open.as_deref().unwrap_or_default()
                ));
            }
        }
    }

    fn check_store(&self, findings: &mut CheckFindings) {
        if self.store != StoreKind::Redis {
            return;
        }
        if self.socketio_username {
            findings.problems.push(
                "socketio_username = true does not work with store = \"redis\": which channels a \
                 client may join by itself is not shared between servers"
                    .to_owned(),
            );
        }
        if self.redis_prefix.contains(['{', '}']) {
            findings.problems.push(
                "redis_prefix must not contain { or }: they would change which part of a key \
                 decides where a Redis Cluster keeps it"
                    .to_owned(),
            );
        }
        match self.redis_servers() {
            Ok(servers) => findings.warnings.extend(warn_of_hosts(&servers)),
            Err(problem) => findings.problems.push(problem),
        }
    }

    fn check_addresses(&self, findings: &mut CheckFindings) {
        let default = Self::default();
        if !self.listen.is_empty() && (&self.host, self.port) != (&default.host, default.port) {
            let warning = "host and port have no effect, since listen is set".to_owned();
            findings.warnings.push(warning);
        }
        let is_unix = |address: &ListenAddress| matches!(address, ListenAddress::Unix(_));
        if self.demo && self.call_addresses().iter().all(is_unix) {
            findings.problems.push(
                "demo = true: the demo calls this server over TCP, but only Unix sockets are \
                 listed; add an address such as 127.0.0.1:8000 to internal_listen, or to listen if \
                 internal_listen is empty"
                    .to_owned(),
            );
        }
    }

    /// Returns whether every healthy client gives a sign of life before it counts as idle.
    fn has_valid_idle_time(&self) -> bool {
        self.gc_conns_after > self.longest_silence()
    }

    /// Returns the longest time for which a healthy client may give no sign of life.
    fn longest_silence(&self) -> Duration {
        self.heartbeat_interval.max(self.wake_connections_after)
    }

    fn describe_idle_rule(&self) -> String {
        let (heartbeat, wake) = (
            self.heartbeat_interval.to_masked(),
            self.wake_connections_after.to_masked(),
        );
        format!(
            "must be larger than heartbeat_interval ({heartbeat}) and wake_connections_after \
             ({wake}); otherwise healthy connections are closed as idle"
        )
    }

    /// Raises `gc_conns_after`, if it is too small, to the smallest whole number of seconds that is
    /// large enough.
    ///
    /// Returns a remark that says what was wrong and what was done.
    pub(super) fn raise_idle(&mut self) -> Option<String> {
        if self.has_valid_idle_time() {
            return None;
        }
        let (given, rule) = (self.gc_conns_after.to_masked(), self.describe_idle_rule());
        self.gc_conns_after = Duration::from_secs(self.longest_silence().as_secs() + 1);
        Some(format!(
            "gc_conns_after = {given}: {rule}; it is raised to {}",
            self.gc_conns_after.to_masked()
        ))
    }
}

#[derive(Default)]
struct CheckFindings {
    warnings: Vec<String>,
    problems: Vec<String>,
}

fn warn_of_hosts(servers: &Servers) -> Option<String> {
    let hosts = servers.unencrypted_hosts();
    (!hosts.is_empty()).then(|| {
        format!(
            "redis_urls: what is said to {} is not encrypted; write rediss:// if Redis has TLS, or \
             let only the servers reach that network",
            hosts.join(", ")
        )
    })
}

fn warn_of_length(key: &str, secret: &Secret) -> Option<String> {
    let length = secret.as_str().len();
    (length < SHORTEST_SECRET).then(|| {
        format!(
            "{key} is {length} bytes long and can be guessed; use at least {SHORTEST_SECRET} \
             random bytes (`channelstream config make` makes such secrets)"
        )
    })
}
