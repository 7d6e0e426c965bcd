//! `channelstream health`: asks `/health` of the running server with these settings.

use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::process::ExitCode;
use std::time::Duration;

use super::print;
use crate::settings::Settings;

const TIMEOUT: Duration = Duration::from_secs(3);

/// Asks, and prints the answer.
pub(super) fn ask(settings: &Settings) -> ExitCode {
    match answer(settings) {
        Ok(status) if status.starts_with("HTTP/1.1 200") => {
            // Nobody has to read this: the exit code tells.
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

fn answer(settings: &Settings) -> std::io::Result<String> {
    let host = match settings.host.as_str() {
        "0.0.0.0" => "127.0.0.1",
        "::" | "[::]" => "::1",
        host => host.trim_start_matches('[').trim_end_matches(']'),
    };
    let address = (host, settings.port)
        .to_socket_addrs()?
        .next()
        .ok_or_else(|| std::io::Error::other("there is no such address"))?;
    let mut stream = TcpStream::connect_timeout(&address, TIMEOUT)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.write_all(b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    Ok(text.lines().next().unwrap_or_default().to_owned())
}
