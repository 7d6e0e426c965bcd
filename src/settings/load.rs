//! Loads the settings: from a file, then from the environment, which overrides the file, and then
//! from flags, which override both.

use std::collections::BTreeMap;

use super::error::SettingsError;
use super::file::SettingsFile;
use super::file_values::{FileValue, FileValues};
use super::former_keys::{self, FormerKey};
use super::secret::is_secret;
use super::secret_files;
use super::table::{KEYS, Settings};

/// The prefix of the environment variables that hold settings.
const PREFIX: &str = "CHANNELSTREAM_";

/// The smallest length, in bytes, of a secret for which texts that contain it are masked. Shorter
/// secrets occur inside many ordinary words.
const SHORTEST_MASKED_SECRET: usize = 4;

/// The keys that must fit together: the time after which a silent connection ends, and the times
/// for which healthy connections may be silent.
const IDLE_KEYS: [&str; 3] = [
    "gc_conns_after",
    "heartbeat_interval",
    "wake_connections_after",
];

/// The settings that were loaded, with remarks about their sources.
#[derive(Debug)]
pub struct Loaded {
    /// The settings.
    pub settings: Settings,
    /// The warnings and notes to log once logging has started.
    pub remarks: Vec<(log::Level, String)>,
}

/// Loads the settings from the file, from the variables that begin with `CHANNELSTREAM_`, and from
/// flags. Later sources override earlier ones. An empty value counts as not given.
///
/// # Errors
/// Returns a problem for each key that is unknown or has a wrong value: its place, what was found,
/// and what is expected.
pub fn load(
    file: Option<&SettingsFile>,
    mut environment: BTreeMap<String, String>,
    flags: &[(&str, String)],
) -> Result<Loaded, SettingsError> {
    environment.retain(|_, text| !text.is_empty());
    let flags: Vec<_> = flags.iter().filter(|(_, text)| !text.is_empty()).collect();
    let mut reader = SettingsReader {
        settings: Settings::default(),
        problems: Vec::new(),
        remarks: Vec::new(),
    };
    let read = file.map_or_else(|| Ok(FileValues::new()), SettingsFile::read);
    let in_file = read.unwrap_or_else(|problem| {
        reader.problems.push(problem);
        FileValues::new()
    });
    if let Some(file) = file {
        reader.set_from_file(file, &in_file);
    }
    let is_over =
        |key: &str| environment.contains_key(key) || flags.iter().any(|(flag, _)| *flag == key);
    let is_in_file = |key: &str| in_file.get(key).is_some_and(|value| !value.text.is_empty());
    let file_decides_idle =
        !is_over("gc_conns_after") && IDLE_KEYS.iter().any(|key| is_in_file(key) && !is_over(key));
    let has_host = ["host", "listen"]
        .into_iter()
        .any(|key| is_over(key) || is_in_file(key));
    let mut given_secrets = secret_files::SECRETS.to_vec();
    given_secrets.retain(|key| is_over(key) || is_in_file(key));
    reader.set_from_environment(environment);
    for (key, text) in flags {
        if let Some(Err(reason)) = reader.settings.set(key, text) {
            reader
                .problems
                .push(format!("--{} {text}: {reason}", key.replace('_', "-")));
        }
    }
    let problems = secret_files::read(&mut reader.settings, &given_secrets);
    reader.problems.extend(problems);
    // The original read none of these keys, so a wrong value in one of its files does not stop the
    // start.
    if let Some(file @ SettingsFile::Ini(_)) = file
        && file_decides_idle
        && let Some(remark) = reader.settings.raise_idle()
    {
        reader
            .remarks
            .push((log::Level::Warn, format!("{file}: {remark}")));
    }
    if let Some(file @ SettingsFile::Ini(_)) = file
        && !has_host
    {
        reader.set_host_of_original(file);
    }
    if reader.problems.is_empty() {
        Ok(Loaded {
            settings: reader.settings,
            remarks: reader.remarks,
        })
    } else {
        Err(SettingsError(reader.problems))
    }
}

struct SettingsReader {
    settings: Settings,
    problems: Vec<String>,
    remarks: Vec<(log::Level, String)>,
}

impl SettingsReader {
    fn set_from_file(&mut self, file: &SettingsFile, values: &FileValues) {
        // The value of another key may contain a secret, since `%(secret)s` inserts it.
        let secrets = values
            .iter()
            .filter(|(key, value)| is_secret(key) && value.text.len() >= SHORTEST_MASKED_SECRET);
        let secrets: Vec<_> = secrets.map(|(_, value)| value.text.as_str()).collect();
        for (key, value) in values {
            self.set_key_of_file(file, key, value, &secrets);
        }
    }

    /// Sets a key from its value in a file. No text that contains one of `secrets` is printed.
    fn set_key_of_file(
        &mut self,
        file: &SettingsFile,
        key: &str,
        value: &FileValue,
        secrets: &[&str],
    ) {
        let text = value.text.as_str();
        let is_of_original = matches!(file, SettingsFile::Ini(_));
        let former = is_of_original.then(|| former_keys::find(key)).flatten();
        if let Some(FormerKey::Ignored(effect)) = former {
            self.remarks
                .push((log::Level::Warn, format!("{file}: {key} {effect}.")));
            return;
        }
        if text.is_empty() && KEYS.iter().any(|known| known.name == key) {
            return;
        }
        let must_hide =
            |text: &str| is_secret(key) || secrets.iter().any(|secret| text.contains(secret));
        let mut remarks = Vec::new();
        let set = if is_of_original && former_keys::takes_any_value(key) {
            self.settings.set_as_original(key, text, &mut remarks)
        } else {
            self.settings.set(key, text)
        };
        for remark in remarks {
            let found = if must_hide(&remark.found) {
                "***"
            } else {
                &remark.found
            };
            self.remarks.push((
                remark.level,
                format!("{file}: {key}: {found} {}.", remark.effect),
            ));
        }
        match set {
            Some(Ok(())) if former.is_some() => {
                let remark = format!("{file}: {key} counts here; the original did not read it.");
                self.remarks.push((log::Level::Info, remark));
            }
            Some(Ok(())) => {}
            Some(Err(reason)) => {
                let found = if key == "secret" {
                    // The reason never quotes the secret.
                    format!("***: {reason}")
                } else if must_hide(text) {
                    "***: not a value of this key".to_owned()
                } else {
                    format!("{text}: {reason}")
                };
                if former.is_some() {
                    let remark = format!(
                        "{file}: {key} = {found}. The original did not read this key, so its \
                         default counts."
                    );
                    self.remarks.push((log::Level::Warn, remark));
                } else {
                    let place = file.format_place(value.value_at);
                    self.problems.push(format!("{place}: {key} = {found}"));
                }
            }
            None => self.report_unknown_key(file, key, value),
        }
    }

    fn report_unknown_key(&mut self, file: &SettingsFile, key: &str, value: &FileValue) {
        let did_you_mean = suggest_key(key, |name| name.to_owned());
        // The original accepts any key.
        if matches!(file, SettingsFile::Ini(_)) && !former_keys::is_mistyped(key) {
            let remark = format!("{file}: {key} has no effect: there is no such key{did_you_mean}");
            self.remarks.push((log::Level::Warn, remark));
        } else {
            let place = file.format_place(value.key_at);
            self.problems
                .push(format!("{place}: {key}: unknown key{did_you_mean}"));
        }
    }

    /// Sets the host for an `.ini` file that does not set one. The original then listens on all
    /// addresses. This server does the same, unless a secret still has its default, which everyone
    /// knows.
    fn set_host_of_original(&mut self, file: &SettingsFile) {
        let known = self.settings.default_secrets();
        let remark = if known.is_empty() {
            "0.0.0.0".clone_into(&mut self.settings.host);
            format!(
                "{file}: host is not set, so this server listens on 0.0.0.0, as the original does."
            )
        } else {
            let (host, known) = (&self.settings.host, known.join(" and "));
            format!(
                "{file}: host is not set, and this server listens on {host} only, since everyone \
                 knows the default of {known}. With secrets of your own it listens on 0.0.0.0, as \
                 the original does."
            )
        };
        self.remarks.push((log::Level::Info, remark));
    }

    fn set_from_environment(&mut self, variables: BTreeMap<String, String>) {
        let (of_kubernetes, ours): (Vec<_>, Vec<_>) = variables
            .into_iter()
            .partition(|(key, text)| is_of_kubernetes(key, text));
        if !of_kubernetes.is_empty() {
            let names: Vec<_> = of_kubernetes.iter().map(|(key, _)| variable(key)).collect();
            let remark = format!(
                "ignoring variables that Kubernetes sets for a service of this name: {}",
                names.join(", ")
            );
            self.remarks.push((log::Level::Info, remark));
        }
        for (key, text) in ours {
            match self.settings.set(&key, &text) {
                Some(Ok(())) => {}
                Some(Err(reason)) => {
                    let found = if is_secret(&key) { "***" } else { &text };
                    self.problems
                        .push(format!("{}={found}: {reason}", variable(&key)));
                }
                None if key == "ini" || key == "config" => {}
                None => {
                    let remark = format!(
                        "{}: unknown variable{}",
                        variable(&key),
                        suggest_key(&key, variable)
                    );
                    self.remarks.push((log::Level::Warn, remark));
                }
            }
        }
    }
}

fn variable(key: &str) -> String {
    format!("{PREFIX}{}", key.to_uppercase())
}

/// Returns the variables of this process that begin with `CHANNELSTREAM_`, by key.
pub fn environment() -> BTreeMap<String, String> {
    let ours = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
        let name = name.to_str()?.to_uppercase();
        Some((
            name.strip_prefix(PREFIX)?.to_lowercase(),
            value.to_string_lossy().into_owned(),
        ))
    };
    std::env::vars_os().filter_map(ours).collect()
}

/// Returns whether Kubernetes set this variable. Kubernetes gives every pod the addresses of all
/// services in variables such as
/// `CHANNELSTREAM_PORT=tcp://10.0.0.1:8000`, `CHANNELSTREAM_SERVICE_HOST`,
/// `CHANNELSTREAM_PORT_8000_TCP_ADDR`.
fn is_of_kubernetes(key: &str, text: &str) -> bool {
    let is_address = text.starts_with("tcp://") || text.starts_with("udp://");
    let words: Vec<_> = key.split('_').collect();
    let names_port = |words: &[&str]| match words {
        ["port", number, "tcp" | "udp"] => number.parse::<u16>().is_ok(),
        _ => false,
    };
    let names_service = |words: &[&str]| matches!(words, ["service", "host" | "port"]);
    (is_address && key.ends_with("port"))
        || words.windows(3).any(names_port)
        || words.windows(2).any(names_service)
}

fn suggest_key(key: &str, spell: impl Fn(&str) -> String) -> String {
    let key = key.to_lowercase();
    let similar = KEYS
        .iter()
        .map(|known| (strsim::jaro_winkler(&key, known.name), known.name));
    match similar.max_by(|a, b| a.0.total_cmp(&b.0)) {
        Some((likeness, name)) if likeness > 0.75 => format!("; did you mean {}?", spell(name)),
        _ => "; `channelstream config show` lists all keys".to_owned(),
    }
}
