//! `channelstream config make`, and `channelstream_utils make_config` of the original: writes a
//! settings file.

use std::collections::BTreeMap;
use std::fs::{OpenOptions, Permissions};
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::process::ExitCode;

use clap::ArgMatches;
use serde_json::Value;
use uuid::Uuid;

use super::output::print;
use crate::settings::{
    FileFormat, Loaded, Secret, Settings, SettingsError, environment, is_secret, load, write,
};

/// Writes the settings from the environment and `--json` to the file that `--output` names, or to
/// standard output. The extension of the file's name chooses the format; the default is `format`.
pub(super) fn make(matches: &ArgMatches, format: FileFormat) -> Result<ExitCode, SettingsError> {
    let output = matches.get_one::<String>("output");
    let format = output
        .and_then(|path| FileFormat::by_extension(Path::new(path)))
        .unwrap_or(format);
    let mut given = environment();
    if let Some(json) = matches.get_one::<String>("json") {
        given.extend(parse_json(json)?);
    }
    let has_host = given.get("host").is_some_and(|host| !host.is_empty());
    let Loaded {
        mut settings,
        remarks,
    } = load(None, given, &[])?;
    make_secrets(&mut settings);
    if format == FileFormat::Ini && !has_host {
        // The original listens on all addresses if its file names no host.
        "0.0.0.0".clone_into(&mut settings.host);
    }
    for (_, remark) in remarks {
        eprintln!("note: {remark}");
    }
    if format == FileFormat::Ini && settings.demo {
        eprintln!(
            "note: demo is left out, since it has no effect in an .ini file; --demo true turns \
             the demo on"
        );
    }
    let text = write(&settings, format)?;
    match output {
        Some(path) => match write_private(path, &text) {
            Ok(()) => Ok(ExitCode::SUCCESS),
            Err(error) => Err(SettingsError(vec![format!("{path}: {error}")])),
        },
        None => print(&text),
    }
}

/// Reads the values of `--json`.
fn parse_json(json: &str) -> Result<BTreeMap<String, String>, SettingsError> {
    let values = serde_json::from_str(json)
        .map_err(|error| SettingsError(vec![format!("--json: {error}")]))?;
    // The error does not quote the value that was found, since it may be a secret.
    let Value::Object(values) = values else {
        return Err(SettingsError(vec!["--json: expected an object".to_owned()]));
    };
    Ok(values
        .into_iter()
        .map(|(key, value)| match value {
            // A list of secrets stays a JSON list, since a secret may contain a comma.
            Value::Array(_) if is_secret(&key) => (key, value.to_string()),
            value => (key, format_plain(value)),
        })
        .collect())
}

fn format_plain(value: Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text,
        Value::Array(items) => items
            .into_iter()
            .map(format_plain)
            .collect::<Vec<_>>()
            .join(","),
        other => other.to_string(),
    }
}

/// Sets random secrets in place of the defaults.
fn make_secrets(settings: &mut Settings) {
    let defaults = Settings::default();
    let random =
        || Secret::from(format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple()).as_str());
    // A secret that is kept in a file of its own is not copied into the settings file.
    if !settings.secret_file.is_empty() {
        settings.secret = defaults.secret;
    } else if settings.secret == defaults.secret {
        settings.secret = random().into();
    }
    let others = [
        (
            &mut settings.admin_secret,
            defaults.admin_secret,
            &settings.admin_secret_file,
        ),
        (
            &mut settings.cookie_secret,
            defaults.cookie_secret,
            &settings.cookie_secret_file,
        ),
    ];
    for (secret, default, file) in others {
        if !file.is_empty() {
            *secret = default;
        } else if *secret == default {
            *secret = random();
        }
    }
}

/// Writes a file that only its owner can read.
fn write_private(path: &str, text: &str) -> std::io::Result<()> {
    const PRIVATE: u32 = 0o600;
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(PRIVATE)
        .open(path)?;
    // `mode` applies to new files only. So the mode of an existing file is set before a secret is
    // written. The mode of a pipe or a terminal is left alone.
    if file.metadata()?.is_file() {
        file.set_permissions(Permissions::from_mode(PRIVATE))?;
        file.set_len(0)?;
    }
    file.write_all(text.as_bytes())
}
