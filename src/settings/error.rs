//! The error of settings.

use thiserror::Error;

/// All that is wrong with the settings, a line for each problem.
#[derive(Debug, Error)]
#[error("{}", .0.join("\n"))]
pub struct SettingsError(pub Vec<String>);
