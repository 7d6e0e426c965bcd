//! `channelstream health`: requests `/health` from the running server that has these settings.

use std::process::ExitCode;

use super::output::print;
use super::running::{address_of, client, describe, find_address};
use crate::settings::Settings;

/// Checks whether the server is healthy. Prints a line for people, and returns the exit code.
pub(super) fn check_health(settings: &Settings) -> ExitCode {
    match actix::System::new().block_on(read_status(settings)) {
        Ok(status) if status.starts_with("HTTP/1.1 200") => {
            // The exit code is the result, so a failure to print this line does not matter.
            print("healthy\n").unwrap_or(ExitCode::SUCCESS)
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
