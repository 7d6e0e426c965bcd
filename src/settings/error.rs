//! The error for settings that cannot be used.

use thiserror::Error;

/// All problems of the settings, each in a line of its own.
#[derive(Debug, Error)]
#[error("{}", .0.join("\n"))]
pub struct SettingsError(pub Vec<String>);
