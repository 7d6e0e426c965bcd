//! Settings files: TOML, and the `.ini` files of the original.

use std::fmt;
use std::path::{Path, PathBuf};

use super::file_values::{FilePosition, FileProblem, FileValue, FileValues};
use super::{ini, toml_file};

/// The section of an `.ini` file that holds the settings.
pub(super) const SECTION: &str = "channelstream";

/// A settings file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SettingsFile {
    /// A TOML file such as `channelstream.toml`.
    Toml(PathBuf),
    /// An `.ini` file of the original, with the section `[channelstream]`.
    Ini(PathBuf),
}

impl SettingsFile {
    /// Chooses the format by the extension of the file's name: `.ini`, or TOML for any other.
    pub fn by_extension(path: PathBuf) -> Self {
        if path.extension().is_some_and(|extension| extension == "ini") {
            Self::Ini(path)
        } else {
            Self::Toml(path)
        }
    }

    /// Reads the keys of the file, with their values as texts.
    ///
    /// # Errors
    /// Returns what is wrong, with the name of the file and the place in it.
    pub(super) fn read(&self) -> Result<FileValues, String> {
        match self {
            Self::Toml(path) => read_text(path).and_then(|text| toml_file::read(&text)),
            Self::Ini(path) => read_text(path).and_then(|text| read_ini(&text)),
        }
        .map_err(|problem| format!("{}: {}", self.format_place(problem.at), problem.reason))
    }

    /// Formats the name of this file and a place in it: `channelstream.toml:12:8`.
    pub(super) fn format_place(&self, at: Option<FilePosition>) -> String {
        match at {
            Some(FilePosition { line, column }) => format!("{self}:{line}:{column}"),
            None => self.to_string(),
        }
    }
}

impl fmt::Display for SettingsFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Toml(path) | Self::Ini(path)) = self;
        path.display().fmt(f)
    }
}

fn read_text(path: &Path) -> Result<String, FileProblem> {
    std::fs::read_to_string(path).map_err(|error| FileProblem {
        at: None,
        reason: error.to_string(),
    })
}

fn read_ini(text: &str) -> Result<FileValues, FileProblem> {
    let values = ini::read(text, SECTION).map_err(|reason| FileProblem { at: None, reason })?;
    let with_place = |(key, text)| {
        let value = FileValue {
            text,
            ..FileValue::default()
        };
        (key, value)
    };
    Ok(values.into_iter().map(with_place).collect())
}
