//! What speaks against serving with the settings as a whole.

use super::{Secret, Settings, SettingsError};

/// Shorter secrets can be guessed, in bytes.
const SHORTEST_SECRET: usize = 16;

impl Settings {
    /// What speaks against serving with these settings, and what does not but should be known.
    ///
    /// # Errors
    /// When secrets that everyone knows would be served to other machines.
    pub fn check(&self) -> Result<Vec<String>, SettingsError> {
        let mut findings = Findings::default();
        self.check_secrets(&mut findings);
        if findings.problems.is_empty() { Ok(findings.warnings) } else { Err(SettingsError(findings.problems)) }
    }

    fn check_secrets(&self, findings: &mut Findings) {
        let secrets = [("secret", &self.secret), ("admin_secret", &self.admin_secret), ("cookie_secret", &self.cookie_secret)];
        let defaults = self.default_secrets();
        for (key, secret) in secrets {
            let variable = format!("CHANNELSTREAM_{}", key.to_uppercase());
            if secret.as_str().is_empty() && key == "cookie_secret" {
                // A random one is made at the start.
            } else if secret.as_str().is_empty() {
                findings.problems.push(format!("{key} is empty; set it, or {variable}"));
            } else if !defaults.contains(&key) {
                findings.warnings.extend(warn_of_length(key, secret));
            } else if self.is_local() {
                let warning = format!("{key} is the default that everyone knows; set it before others can reach this server");
                findings.warnings.push(warning);
            } else {
                findings.problems.push(format!(
                    "{key} is the default that everyone knows, and host = \"{}\" lets others reach this server; set {key}, or {variable}",
                    self.host
                ));
            }
        }
    }
}

#[derive(Default)]
struct Findings {
    warnings: Vec<String>,
    problems: Vec<String>,
}

fn warn_of_length(key: &str, secret: &Secret) -> Option<String> {
    let length = secret.as_str().len();
    (length < SHORTEST_SECRET).then(|| {
        format!(
            "{key} is {length} bytes long and can be guessed; use at least {SHORTEST_SECRET} random ones \
             (`channelstream config make` makes such secrets)"
        )
    })
}
