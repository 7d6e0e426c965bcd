//! `channelstream store`: shows what the file of the store holds, checks it, and copies it.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use channelstream_actors::protocol::timestamp::{Moment, Timestamp};
use channelstream_actors::store::file::{self, BackupError, StoreSummary};
use clap::{Arg, ArgMatches, Command};
use futures_util::StreamExt;

use super::output::print;
use super::running::{address_of, client, describe};
use crate::settings::{Settings, SettingsError};
use crate::signature::Signer;

/// The path of the call that copies the file of a running server.
const BACKUP: &str = "/admin/backup";

/// The longest time until a running server begins to send a copy.
const BACKUP_TIMEOUT: Duration = Duration::from_secs(3600);

/// Builds the command line of `store`.
pub(super) fn command() -> Command {
    let file = |help: &'static str| {
        Arg::new("file")
            .value_name("FILE")
            .value_parser(clap::value_parser!(PathBuf))
            .help(help)
    };
    let of_store = "The file of a store [default: the setting store_path]";
    Command::new("store")
        .about("Show, check or copy the file in which the server keeps its state")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(
            Command::new("show")
                .about("Print a summary of the file")
                .arg(file(of_store)),
        )
        .subcommand(
            Command::new("check")
                .about("Read the whole file and check it; exit code 0 means that it is intact")
                .arg(file(of_store)),
        )
        .subcommand(
            Command::new("backup")
                .about(
                    "Copy the file of store_path to a new file from which a server can start; a \
                     server may run meanwhile",
                )
                .arg(file("The new file; it must not exist").required(true)),
        )
}

/// Runs a command of `store`.
///
/// # Errors
/// Fails if standard output cannot be written to.
pub(super) fn run(matches: &ArgMatches, settings: &Settings) -> Result<ExitCode, SettingsError> {
    // There is always a command, since `subcommand_required` is set.
    let (name, arguments) = matches.subcommand().unwrap_or(("show", matches));
    let given = arguments.get_one::<PathBuf>("file").cloned();
    let path = PathBuf::from(&settings.store_path);
    let done = match (name, given) {
        ("backup", Some(to)) => back_up(settings, &path, &to),
        ("check", given) => check(&given.unwrap_or(path)),
        (_, given) => show(&given.unwrap_or(path)),
    };
    match done {
        Ok(text) => print(&text),
        Err(error) => {
            eprintln!("channelstream: {error}");
            Ok(ExitCode::FAILURE)
        }
    }
}

fn show(path: &Path) -> Result<String, String> {
    let shown = file::show(path).map_err(|error| error.to_string())?;
    Ok(describe_summary(&shown))
}

fn describe_summary(shown: &StoreSummary) -> String {
    let time = |moment: Option<Moment>| {
        moment.map_or_else(
            || "none".to_owned(),
            |moment| Timestamp::from(moment).to_string(),
        )
    };
    let last_stop = match (&shown.holder, shown.is_clean) {
        (Some(holder), _) => format!("none yet: in use by {holder}"),
        (None, true) => "clean".to_owned(),
        (None, false) if shown.is_copy => "none: this is a backup".to_owned(),
        (None, false) => "not clean".to_owned(),
    };
    let rows = [
        ("file", shown.path.display().to_string()),
        ("bytes", (shown.file_bytes + shown.wal_bytes).to_string()),
        ("schema", shown.schema.to_string()),
        ("last stop", last_stop),
        ("last change", time(Some(shown.written_at))),
        ("channels", shown.channels.to_string()),
        ("users", shown.users.to_string()),
        ("connections", shown.connections.to_string()),
        ("channel entries", shown.entries.to_string()),
        ("private entries", shown.private_entries.to_string()),
        ("history messages", shown.history_messages.to_string()),
        ("oldest entry", time(shown.oldest_entry)),
        ("newest entry", time(shown.newest_entry)),
        ("idempotency keys", shown.calls.to_string()),
    ];
    let line = |(name, value): (&str, String)| format!("{:<23}{value}\n", format!("{name}:"));
    rows.into_iter().map(line).collect()
}

fn check(path: &Path) -> Result<String, String> {
    let report = file::check(path).map_err(|error| error.to_string())?;
    if report.problems.is_empty() {
        return Ok(format!(
            "{}: intact, {} rows\n",
            path.display(),
            report.rows
        ));
    }
    let problems: Vec<_> = report
        .problems
        .iter()
        .map(|problem| format!("\n- {problem}"))
        .collect();
    Err(format!(
        "{}: damaged; restore a backup, or set store_path to a new file{}",
        path.display(),
        problems.concat()
    ))
}

fn back_up(settings: &Settings, path: &Path, to: &Path) -> Result<String, String> {
    match file::backup(path, to) {
        Ok(()) => {}
        Err(BackupError::Held(holder)) => {
            let download = download(settings, to);
            let asked = actix::System::new().block_on(download);
            asked.map_err(|error| format!("{} is in use by {holder}: {error}", path.display()))?;
        }
        Err(error) => return Err(error.to_string()),
    }
    Ok(format!("{}: complete\n", to.display()))
}

/// Downloads a copy from the running server. The copy has the name `to` with `.part` added until it
/// is complete and on the disk.
async fn download(settings: &Settings, to: &Path) -> Result<(), String> {
    if to.symlink_metadata().is_ok() {
        return Err(BackupError::Exists(to.to_owned()).to_string());
    }
    let signature = Signer::new(settings.secret.first().as_str()).sign_call(BACKUP);
    let address = address_of(settings, BACKUP);
    let mut answer = client(settings, Some(BACKUP_TIMEOUT))
        .get(&address)
        .insert_header(("x-channelstream-secret", signature))
        .no_decompress()
        .send()
        .await
        .map_err(|error| format!("no answer from {address}: {}", describe(&error)))?;
    if answer.status() != 200 {
        let text = answer.body().await.unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        return Err(format!("{address} answered {}: {text}", answer.status()));
    }
    let mut part = to.as_os_str().to_owned();
    part.push(".part");
    let part = PathBuf::from(part);
    let written = async {
        let mut file = create_private(&part)?;
        while let Some(bytes) = answer.next().await {
            file.write_all(&bytes.map_err(std::io::Error::other)?)?;
        }
        file.sync_all()?;
        fs::rename(&part, to)
    };
    written.await.map_err(|error| {
        drop(fs::remove_file(&part));
        format!("{}: {error}", to.display())
    })
}

fn create_private(path: &Path) -> std::io::Result<File> {
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
}
