//! Where settings come from: a file, over it the environment, over it flags.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use config::{Environment, File, FileFormat, Source as _, ValueKind};
use configparser::ini::{Ini, IniDefault};
use thiserror::Error;

use super::{KEYS, Settings};

const PREFIX: &str = "CHANNELSTREAM";
const SECTION: &str = "channelstream";

/// Everything that is wrong with the settings, a line each.
#[derive(Debug, Error)]
#[error("{}", .0.join("\n"))]
pub struct SettingsError(pub Vec<String>);

/// A settings file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// `channelstream.toml` and its like.
    Toml(PathBuf),
    /// A file of the original, with its `[channelstream]` section.
    Ini(PathBuf),
}

impl Source {
    /// By the file's ending.
    pub fn by_ending(path: PathBuf) -> Self {
        if path.extension().is_some_and(|ending| ending == "ini") { Self::Ini(path) } else { Self::Toml(path) }
    }

    fn path(&self) -> &Path {
        let (Self::Toml(path) | Self::Ini(path)) = self;
        path
    }

    fn read(&self) -> Result<BTreeMap<String, String>, String> {
        match self {
            Self::Toml(path) => read_toml(path),
            Self::Ini(path) => read_ini(path),
        }
        .map_err(|reason| format!("{}: {reason}", path_of(self)))
    }
}

fn path_of(source: &Source) -> impl fmt::Display + '_ {
    source.path().display()
}

/// Settings, and what should be known about where they came from.
#[derive(Debug)]
pub struct Loaded {
    /// The settings.
    pub settings: Settings,
    /// Warnings and information, to be logged once logging has begun.
    pub remarks: Vec<(log::Level, String)>,
}

/// Reads the file, the variables that begin with `CHANNELSTREAM_`, and flags, the later over the earlier.
///
/// # Errors
/// All keys that are unknown or wrong, each with where it stands, what was found, and what is expected.
pub fn load(
    file: Option<&Source>,
    environment: BTreeMap<String, String>,
    flags: &[(&str, String)],
) -> Result<Loaded, SettingsError> {
    let mut reader = Reader { settings: Settings::default(), problems: Vec::new(), remarks: Vec::new() };
    if let Some(file) = file {
        match file.read() {
            Ok(values) => values.iter().for_each(|(key, text)| reader.set_from_file(file, key, text)),
            Err(problem) => reader.problems.push(problem),
        }
    }
    reader.set_from_environment(environment);
    for (key, text) in flags {
        if let Some(Err(reason)) = reader.settings.set(key, text) {
            reader.problems.push(format!("--{} {text}: {reason}", key.replace('_', "-")));
        }
    }
    if reader.problems.is_empty() {
        Ok(Loaded { settings: reader.settings, remarks: reader.remarks })
    } else {
        Err(SettingsError(reader.problems))
    }
}

struct Reader {
    settings: Settings,
    problems: Vec<String>,
    remarks: Vec<(log::Level, String)>,
}

impl Reader {
    fn set_from_file(&mut self, file: &Source, key: &str, text: &str) {
        let path = path_of(file);
        match self.settings.set(key, text) {
            Some(Ok(())) => {}
            Some(Err(reason)) => {
                let found = if key.contains("secret") { "***" } else { text };
                self.problems.push(format!("{path}: {key} = {found}: {reason}"));
            }
            None => self.problems.push(format!("{path}: {key}: unknown key{}", did_you_mean(key, |name| name.to_owned()))),
        }
    }

    fn set_from_environment(&mut self, variables: BTreeMap<String, String>) {
        let (of_kubernetes, ours): (Vec<_>, Vec<_>) = variables.into_iter().partition(|(key, text)| is_of_kubernetes(key, text));
        if !of_kubernetes.is_empty() {
            let names: Vec<_> = of_kubernetes.iter().map(|(key, _)| variable(key)).collect();
            let remark = format!("passing over what Kubernetes sets for a service of this name: {}", names.join(", "));
            self.remarks.push((log::Level::Info, remark));
        }
        for (key, text) in ours {
            match self.settings.set(&key, &text) {
                Some(Ok(())) => {}
                Some(Err(reason)) => {
                    let found = if key.contains("secret") { "***" } else { &text };
                    self.problems.push(format!("{}={found}: {reason}", variable(&key)));
                }
                None if key == "ini" || key == "config" => {}
                None => {
                    let remark = format!("{}: unknown variable{}", variable(&key), did_you_mean(&key, variable));
                    self.remarks.push((log::Level::Warn, remark));
                }
            }
        }
    }
}

fn variable(key: &str) -> String {
    format!("{PREFIX}_{}", key.to_uppercase())
}

/// The variables of this process that begin with `CHANNELSTREAM_`, by their keys.
pub fn environment() -> BTreeMap<String, String> {
    let values = Environment::with_prefix(PREFIX).collect().unwrap_or_default();
    values.into_iter().map(|(key, value)| (key, value.into_string().unwrap_or_default())).collect()
}

/// Kubernetes tells every pod where the services are: `CHANNELSTREAM_PORT=tcp://10.0.0.1:8000`, `CHANNELSTREAM_SERVICE_HOST`,
/// `CHANNELSTREAM_PORT_8000_TCP_ADDR`.
fn is_of_kubernetes(key: &str, text: &str) -> bool {
    let is_address = text.starts_with("tcp://") || text.starts_with("udp://");
    let words: Vec<_> = key.split('_').collect();
    let names_port = |words: &[&str]| matches!(words, ["port", number, "tcp" | "udp"] if number.parse::<u16>().is_ok());
    let names_service = |words: &[&str]| matches!(words, ["service", "host" | "port"]);
    (is_address && key.ends_with("port")) || words.windows(3).any(names_port) || words.windows(2).any(names_service)
}

fn did_you_mean(key: &str, spell: impl Fn(&str) -> String) -> String {
    let key = key.to_lowercase();
    let similar = KEYS.iter().map(|known| (strsim::jaro_winkler(&key, known.name), known.name));
    match similar.max_by(|a, b| a.0.total_cmp(&b.0)) {
        Some((likeness, name)) if likeness > 0.75 => format!("; did you mean {}?", spell(name)),
        _ => "; `channelstream config show` lists all".to_owned(),
    }
}

fn read_toml(path: &Path) -> Result<BTreeMap<String, String>, String> {
    let values = File::from(path).format(FileFormat::Toml).collect().map_err(|error| error.to_string())?;
    values
        .into_iter()
        .map(|(key, value)| plain_text(value).map(|text| (key.clone(), text)).map_err(|reason| format!("{key}: {reason}")))
        .collect()
}

fn plain_text(value: config::Value) -> Result<String, String> {
    match value.kind {
        ValueKind::Array(items) => {
            let items: Result<Vec<_>, _> = items.into_iter().map(plain_text).collect();
            Ok(items?.join(","))
        }
        ValueKind::Table(_) => Err("expected a value, found a table".to_owned()),
        _ => value.into_string().map_err(|error| error.to_string()),
    }
}

/// Reads an ini file as Python's `ConfigParser` does: values over several lines, comments only on lines of their own, `%%` for `%`.
fn read_ini(path: &Path) -> Result<BTreeMap<String, String>, String> {
    let mut defaults = IniDefault::default();
    defaults.multiline = true;
    defaults.inline_comment_symbols = Some(Vec::new());
    let mut ini = Ini::new_from_defaults(defaults);
    let text = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
    let mut sections = ini.read(text)?;
    let mut values = sections.remove("default").unwrap_or_default();
    values.extend(sections.remove(SECTION).ok_or_else(|| format!("it has no section [{SECTION}]"))?);
    let values: BTreeMap<_, _> = values.into_iter().map(|(key, text)| (key, text.unwrap_or_default())).collect();
    values
        .iter()
        .map(|(key, text)| Ok((key.clone(), interpolate(text, &values).map_err(|reason| format!("{key}: {reason}"))?)))
        .collect()
}

fn interpolate(text: &str, values: &BTreeMap<String, String>) -> Result<String, String> {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('%') {
        out.push_str(before);
        if let Some(after) = after.strip_prefix('%') {
            out.push('%');
            rest = after;
        } else if let Some((name, after)) = after.strip_prefix('(').and_then(|after| after.split_once(")s")) {
            out.push_str(values.get(&name.to_lowercase()).ok_or_else(|| format!("%({name})s: no such key"))?);
            rest = after;
        } else {
            return Err("a % is written %%".to_owned());
        }
    }
    out.push_str(rest);
    Ok(out)
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        path_of(self).fmt(f)
    }
}
