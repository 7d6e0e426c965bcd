//! Settings files in TOML and in the form of the original. An input is a file.

use std::collections::BTreeMap;

use channelstream::settings::{
    FileFormat, Loaded, Settings, SettingsError, SettingsFile, load, write,
};
use log::Level;

use crate::files;
use crate::time_limit::in_linear_time;

/// A secret that no message may hold.
const SECRET: &str = "kept-from-everyone-0123456789";

/// A key that the server raises in an `.ini` file if it does not fit other keys.
const RAISED: &str = "gc_conns_after";

/// Asserts the rules of settings files for a file in TOML.
pub(super) fn run_toml(input: &[u8]) {
    check(input, "toml");
    check_secret(input, "toml", &format!("\nsecret = \"{SECRET}\"\n"));
}

/// Asserts the rules of settings files for a file of the original.
pub(super) fn run_ini(input: &[u8]) {
    check(input, "ini");
    check_secret(input, "ini", &format!("\nsecret = {SECRET}\n"));
}

/// Asserts that the settings that were read are written so that they can be read again.
fn check(input: &[u8], ending: &str) {
    let Some(Ok(loaded)) = load_text(input, ending) else {
        return;
    };
    let settings = loaded.settings;
    let _ = settings.check();
    let toml = write(&settings, FileFormat::Toml).expect("TOML can hold all values");
    // Only an `.ini` file may hold values without effect, and each causes a warning.
    let has_warning = loaded
        .remarks
        .iter()
        .any(|(level, _)| *level == Level::Warn);
    if !has_warning {
        assert_eq!(values(&read_again(&toml, "toml")), values(&settings));
    }
    let Ok(ini) = write(&settings, FileFormat::Ini) else {
        return;
    };
    let again = values(&read_again(&ini, "ini"));
    for ((key, now), (_, before)) in again.into_iter().zip(values(&settings)) {
        let is_written = ini.contains(&format!("\n{key} = "));
        assert!(
            now == before || !is_written || key == RAISED,
            "{key}: {now} {before}"
        );
    }
}

/// Returns all values by their keys, with secrets in clear.
fn values(settings: &Settings) -> Vec<(&'static str, String)> {
    let values = settings.to_toml().into_iter();
    values.map(|(key, value)| (key.name, value)).collect()
}

/// Asserts that no message holds the secret of a file, whatever else is in the file.
fn check_secret(input: &[u8], ending: &str, line: &str) {
    if input
        .windows(SECRET.len())
        .any(|text| text == SECRET.as_bytes())
    {
        return;
    }
    let messages = match load_text(&[input, line.as_bytes()].concat(), ending) {
        Some(Ok(loaded)) => loaded.remarks.into_iter().map(|(_, text)| text).collect(),
        Some(Err(error)) => error.to_string(),
        None => return,
    };
    assert!(!messages.contains(SECRET), "{messages}");
}

/// Loads a text, unless it names a file with a secret, which must not be read.
fn load_text(text: &[u8], ending: &str) -> Option<Result<Loaded, SettingsError>> {
    let names_file = text
        .to_ascii_lowercase()
        .windows(11)
        .any(|word| word == b"secret_file");
    if names_file {
        return None;
    }
    let file = files::write(ending, text);
    Some(in_linear_time(text.len(), || load_file(&file)))
}

fn read_again(text: &str, ending: &str) -> Settings {
    let loaded = load_file(&files::write(ending, text.as_bytes()));
    loaded.expect("what was written is read again").settings
}

fn load_file(file: &SettingsFile) -> Result<Loaded, SettingsError> {
    load(Some(file), BTreeMap::new(), &[])
}
