//! Writes settings as the text of a settings file, with the meaning of each.

use std::path::Path;

use super::error::SettingsError;
use super::file::SECTION;
use super::former_keys::{self, FormerKey};
use super::ini;
use super::table::Settings;

/// The format of a settings file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FileFormat {
    /// TOML, as in `channelstream.toml`.
    Toml,
    /// The `.ini` files of the original.
    Ini,
}

impl FileFormat {
    /// Chooses the format by the extension of the file's name. Returns `None` if it is not known.
    pub fn by_extension(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()? {
            "toml" => Some(Self::Toml),
            "ini" => Some(Self::Ini),
            _ => None,
        }
    }
}

/// Writes every setting with its meaning. Settings with their default are commented out. The `host`
/// of an `.ini` file is always written, since in a file without it the default of the original
/// would apply. Keys that have no effect in an `.ini` file are left out of it.
///
/// # Errors
/// Fails if an `.ini` file cannot hold a value.
pub fn write(settings: &Settings, format: FileFormat) -> Result<String, SettingsError> {
    let values = |settings: &Settings| match format {
        FileFormat::Toml => settings.to_toml(),
        FileFormat::Ini => settings.to_texts(),
    };
    let mut text = String::from("# Settings of Channelstream. A commented line shows a default.\n");
    if format == FileFormat::Ini {
        text.push_str(&format!("[{SECTION}]\n"));
    }
    for ((key, value), (_, default)) in values(settings)
        .into_iter()
        .zip(values(&Settings::default()))
    {
        if format == FileFormat::Ini
            && matches!(former_keys::find(key.name), Some(FormerKey::Ignored(_)))
        {
            continue;
        }
        text.push('\n');
        for line in key.meaning.trim().lines() {
            text.push_str(&format!("# {}\n", line.trim()));
        }
        let must_be_there = format == FileFormat::Ini && key.name == "host";
        let mark = if value == default && !must_be_there {
            "#"
        } else {
            ""
        };
        let value = match format {
            FileFormat::Toml => value,
            FileFormat::Ini => ini::escape(&value)
                .map_err(|reason| SettingsError(vec![format!("{key}: {reason}")]))?,
        };
        text.push_str(&format!("{mark}{key} = {value}\n"));
    }
    Ok(text)
}
