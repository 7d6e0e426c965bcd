//! `channelstream health`: asks `/health` of the running server with these settings.

use std::process::ExitCode;
use std::time::Duration;

use awc::error::{ConnectError, SendRequestError};
use awc::{Client, Connector};

use super::output::print;
use crate::settings::Settings;

/// How long the server may take to answer.
const TIMEOUT: Duration = Duration::from_secs(3);

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
                "channelstream: no answer from {}:{}: {error}",
                settings.host, settings.port
            );
            ExitCode::FAILURE
        }
    }
}

/// Returns the status line of the answer.
async fn read_status(settings: &Settings) -> Result<String, String> {
    let host = match settings.host.as_str() {
        "0.0.0.0" => "127.0.0.1",
        "::" | "[::]" => "[::1]",
        host => host,
    };
    let is_bare_v6 = host.contains(':') && !host.starts_with('[');
    let host = if is_bare_v6 {
        format!("[{host}]")
    } else {
        host.to_owned()
    };
    let client = Client::builder()
        .connector(Connector::new().timeout(TIMEOUT))
        .timeout(TIMEOUT)
        .disable_redirects()
        .finish();
    let answer = client
        .get(format!("http://{host}:{}/health", settings.port))
        .send()
        .await
        .map_err(|error| describe(&error))?;
    Ok(format!("{:?} {}", answer.version(), answer.status()))
}

/// Describes why there is no answer. What the system says of a connection needs no words before it.
fn describe(error: &SendRequestError) -> String {
    match error {
        SendRequestError::Connect(ConnectError::Io(error)) => error.to_string(),
        other => other.to_string(),
    }
}
