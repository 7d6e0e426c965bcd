//! The command line: serving, and the commands around it.

use std::fs::{OpenOptions, Permissions};
use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Arg, ArgMatches, Command};
use uuid::Uuid;

use crate::logging;
use crate::server::serve;
use crate::settings::{KEYS, Loaded, Secret, Settings, SettingsError, Source, environment, load};
use crate::signature::Signer;

/// `EX_CONFIG` of sysexits.h.
const WRONG_SETTINGS: u8 = 78;

/// Read where the command line names no file.
const DEFAULT_FILE: &str = "channelstream.toml";

const HEALTH_TIMEOUT: Duration = Duration::from_secs(3);

fn command() -> Command {
    let file = |short, long: &'static str, help: &'static str| {
        Arg::new(long).short(short).long(long).value_name("FILE").value_parser(clap::value_parser!(PathBuf)).global(true).help(help)
    };
    let flag = |key: &crate::settings::Key| {
        Arg::new(key.name)
            .long(key.name.replace('_', "-"))
            .value_name("VALUE")
            .global(true)
            .hide_short_help(true)
            .help_heading("Settings (over the file and the environment)")
            .help(key.meaning.trim().replace('\n', ""))
    };
    let make = Command::new("make")
        .about("Write a settings file, with new secrets where none are set")
        .arg(Arg::new("json").short('j').long("json").value_name("JSON").help("Values, as a JSON object"))
        .arg(Arg::new("output").short('o').long("output").value_name("FILE").help("Where to; standard output by default"));
    Command::new("channelstream")
        .about("A websocket message broker for web applications")
        .long_about(
            "A websocket message broker for web applications: browsers listen by websocket or long-poll, the application sends signed \
             calls, this server fans out.\n\nWithout a command it serves. Settings come from a file, over it the environment \
             (CHANNELSTREAM_PORT=8000), over it flags (--port 8000).",
        )
        .version(env!("CARGO_PKG_VERSION"))
        .disable_version_flag(true)
        .arg(
            Arg::new("version")
                .short('v')
                .short_alias('V')
                .long("version")
                .action(clap::ArgAction::Version)
                .help("Print the version"),
        )
        .arg(file(
            'c',
            "config",
            "Settings file: TOML, or the original's .ini [default: channelstream.toml, if it is there]",
        ))
        .arg(file('i', "ini", "Settings file of the original, with its section [channelstream]"))
        .args(KEYS.iter().map(flag))
        .after_help("`channelstream --help` lists all settings as flags.")
        .subcommand(
            Command::new("config")
                .about("Make, check or show settings")
                .subcommand_required(true)
                .arg_required_else_help(true)
                .subcommand(make)
                .subcommand(Command::new("check").about("Say whether the server would start with these settings"))
                .subcommand(Command::new("show").about("Print the settings in force, secrets masked")),
        )
        .subcommand(
            Command::new("sign")
                .about("Sign a text, for the header x-channelstream-secret; valid for 60 seconds")
                .arg(
                    Arg::new("text")
                        .value_name("TEXT")
                        .default_value("channelstream")
                        .help("The path of the call, or any word"),
                ),
        )
        .subcommand(Command::new("health").about("Ask the running server whether it is well; the exit code tells"))
}

/// Runs the command line of this process.
pub fn run() -> ExitCode {
    let matches = command().get_matches();
    match dispatch(&matches) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("channelstream: {error}");
            ExitCode::from(WRONG_SETTINGS)
        }
    }
}

fn dispatch(matches: &ArgMatches) -> Result<ExitCode, SettingsError> {
    match matches.subcommand() {
        Some(("config", config)) => match config.subcommand() {
            Some(("make", make)) => config_make(make),
            Some(("check", check)) => config_check(check),
            Some((_, show)) => config_show(show),
            None => Ok(ExitCode::FAILURE),
        },
        Some(("sign", sign)) => {
            let settings = settings(sign)?.settings;
            let text = sign.get_one::<String>("text").map_or("channelstream", String::as_str);
            println!("{}", Signer::new(settings.secret.as_str(), None).sign(text));
            Ok(ExitCode::SUCCESS)
        }
        Some(("health", health)) => Ok(ask_health(&settings(health)?.settings)),
        _ => start(matches),
    }
}

/// The settings by file, environment and flags.
fn settings(matches: &ArgMatches) -> Result<Loaded, SettingsError> {
    let flags: Vec<_> = KEYS.iter().filter_map(|key| Some((key.name, matches.get_one::<String>(key.name)?.clone()))).collect();
    load(file(matches).as_ref(), environment(), &flags)
}

fn file(matches: &ArgMatches) -> Option<Source> {
    let given = |name| matches.get_one::<PathBuf>(name).cloned();
    let variable = |name| std::env::var_os(name).filter(|path| !path.is_empty()).map(PathBuf::from);
    let in_this_folder = || Some(PathBuf::from(DEFAULT_FILE)).filter(|path| path.is_file());
    given("ini")
        .map(Source::Ini)
        .or_else(|| given("config").map(Source::by_ending))
        .or_else(|| variable("CHANNELSTREAM_CONFIG").map(Source::by_ending))
        .or_else(|| variable("CHANNELSTREAM_INI").map(Source::Ini))
        .or_else(|| in_this_folder().map(Source::Toml))
}

fn start(matches: &ArgMatches) -> Result<ExitCode, SettingsError> {
    let Loaded { settings, remarks } = settings(matches)?;
    let _logging = logging::start(&settings);
    for (level, remark) in remarks {
        log::log!(level, "{remark}");
    }
    if let Some(file) = file(matches) {
        log::info!("settings from {file}");
    }
    for warning in settings.check()? {
        log::warn!("{warning}");
    }
    match actix::System::new().block_on(serve(settings)) {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(error) => {
            log::error!("{error}");
            Ok(ExitCode::FAILURE)
        }
    }
}

fn config_check(matches: &ArgMatches) -> Result<ExitCode, SettingsError> {
    let Loaded { settings, remarks } = settings(matches)?;
    let warnings = settings.check()?;
    for remark in remarks.into_iter().map(|(_, remark)| remark).chain(warnings) {
        println!("note: {remark}");
    }
    println!("These settings are sound.");
    Ok(ExitCode::SUCCESS)
}

fn config_show(matches: &ArgMatches) -> Result<ExitCode, SettingsError> {
    for (key, value) in settings(matches)?.settings.shown() {
        println!("{key} = {value}");
    }
    Ok(ExitCode::SUCCESS)
}

fn config_make(matches: &ArgMatches) -> Result<ExitCode, SettingsError> {
    let mut given = environment();
    if let Some(json) = matches.get_one::<String>("json") {
        let values = serde_json::from_str(json).map_err(|error| SettingsError(vec![format!("--json: {error}")]))?;
        // Says nothing of what was found: it may hold a secret.
        let serde_json::Value::Object(values) = values else {
            return Err(SettingsError(vec!["--json: expected an object".to_owned()]));
        };
        given.extend(values.into_iter().map(|(key, value)| (key, plain(value))));
    }
    let Loaded { mut settings, remarks } = load(None, given, &[])?;
    let defaults = Settings::default();
    let random = || Secret::from(format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple()).as_str());
    let pairs = [
        (&mut settings.secret, &defaults.secret),
        (&mut settings.admin_secret, &defaults.admin_secret),
        (&mut settings.cookie_secret, &defaults.cookie_secret),
    ];
    for (secret, default) in pairs {
        if secret == default {
            *secret = random();
        }
    }
    for (_, remark) in remarks {
        eprintln!("note: {remark}");
    }
    let text = as_file(&settings);
    let written = match matches.get_one::<String>("output") {
        Some(path) => write_private(path, &text).map_err(|error| format!("{path}: {error}")),
        None => std::io::stdout().write_all(text.as_bytes()).map_err(|error| error.to_string()),
    };
    written.map(|()| ExitCode::SUCCESS).map_err(|reason| SettingsError(vec![reason]))
}

/// Writes a file that only its owner can read.
fn write_private(path: &str, text: &str) -> std::io::Result<()> {
    const PRIVATE: u32 = 0o600;
    let mut file = OpenOptions::new().write(true).create(true).truncate(false).mode(PRIVATE).open(path)?;
    // A file that was there keeps its mode, so that is set before a secret is written. A pipe or a terminal has none to set.
    if file.metadata()?.is_file() {
        file.set_permissions(Permissions::from_mode(PRIVATE))?;
        file.set_len(0)?;
    }
    file.write_all(text.as_bytes())
}

fn plain(value: serde_json::Value) -> String {
    match value {
        serde_json::Value::String(text) => text,
        serde_json::Value::Array(items) => items.into_iter().map(plain).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    }
}

/// Every setting with its meaning; those at their default are commented out.
pub fn as_file(settings: &Settings) -> String {
    let defaults = Settings::default().as_toml();
    let mut text = String::from("# Settings of Channelstream. A commented line shows a default.\n");
    for ((key, value), (_, default)) in settings.as_toml().into_iter().zip(defaults) {
        text.push('\n');
        for line in key.meaning.trim().lines() {
            text.push_str(&format!("# {}\n", line.trim()));
        }
        let mark = if value == default { "#" } else { "" };
        text.push_str(&format!("{mark}{key} = {value}\n"));
    }
    text
}

/// Asks `/health` of the server with these settings.
fn ask_health(settings: &Settings) -> ExitCode {
    match health_answer(settings) {
        Ok(status) if status.starts_with("HTTP/1.1 200") => {
            println!("well");
            ExitCode::SUCCESS
        }
        Ok(status) => {
            eprintln!("channelstream: unexpected answer: {status}");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("channelstream: no answer from {}:{}: {error}", settings.host, settings.port);
            ExitCode::FAILURE
        }
    }
}

fn health_answer(settings: &Settings) -> std::io::Result<String> {
    let host = match settings.host.as_str() {
        "0.0.0.0" => "127.0.0.1",
        "::" | "[::]" => "::1",
        host => host.trim_start_matches('[').trim_end_matches(']'),
    };
    let address = (host, settings.port).to_socket_addrs()?.next().ok_or_else(|| std::io::Error::other("no such address"))?;
    let mut stream = TcpStream::connect_timeout(&address, HEALTH_TIMEOUT)?;
    stream.set_read_timeout(Some(HEALTH_TIMEOUT))?;
    stream.write_all(b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer.lines().next().unwrap_or_default().to_owned())
}
