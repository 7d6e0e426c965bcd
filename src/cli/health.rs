//! `channelstream health`: asks `/health` of the running server with these settings.

use std::process::ExitCode;

use super::output::print;
use super::running::{address_of, client, describe, find_address};
use crate::settings::Settings;

/// Asks the server whether it is well. The exit code tells, and a line for people.
pub(super) fn check_health(settings: &Settings) -> ExitCode {
    match actix::System::new().block_on(read_status(settings)) {
        Ok(status) if status.starts_with("HTTP/1.1 200") => {
            // Nobody has to read this, since the exit code tells.
            print("well\n").unwrap_or(ExitCode::SUCCESS)
        }
        Ok(status) => {
            eprintln!("channelstream: unexpected answer: {status}");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!(
                "channelstream: no answer from {}: {error}",
                find_address(settings).map_or_else(String::new, |address| address.to_string())
            );
            ExitCode::FAILURE
        }
    }
}

/// Returns the status line of the answer.
async fn read_status(settings: &Settings) -> Result<String, String> {
    let answer = client(settings, None)
        .get(address_of(settings, "/health"))
        .send()
        .await
        .map_err(|error| describe(&error))?;
    Ok(format!("{:?} {}", answer.version(), answer.status()))
}
