//! Output of commands on standard output.

use std::io::{ErrorKind, Write};
use std::process::ExitCode;

use crate::settings::SettingsError;

/// Prints a text to standard output. It is not an error if the reader has closed the pipe.
///
/// # Errors
/// Fails if standard output cannot be written to.
pub(super) fn print(text: &str) -> Result<ExitCode, SettingsError> {
    let mut output = std::io::stdout().lock();
    match output
        .write_all(text.as_bytes())
        .and_then(|()| output.flush())
    {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(SettingsError(vec![format!("standard output: {error}")]))
        }
        _ => Ok(ExitCode::SUCCESS),
    }
}
