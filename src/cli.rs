//! The command line: running the server, and the commands for configuration, signing, the store and
//! health checks.

mod health;
mod make;
mod output;
mod running;
mod store;

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::builder::PossibleValuesParser;
use clap::{Arg, ArgMatches, Command};

use self::output::print;
use crate::logging;
use crate::server::serve;
use crate::settings::{
    FileFormat, KEYS, Loaded, Machine, SettingsError, SettingsFile, environment, load,
};
use crate::signature::Signer;
use crate::signature::signer::NONCE_SEPARATOR;

/// The exit code for wrong settings: `EX_CONFIG` of sysexits.h.
const WRONG_SETTINGS: u8 = 78;

/// The settings file that is read if neither a flag nor a variable names one.
const DEFAULT_FILE: &str = "channelstream.toml";

/// The name of this program.
const SERVER: &str = "channelstream";

/// The name under which this program acts as the original's second command.
const UTILS: &str = "channelstream_utils";

/// Builds the command line of the server.
fn build_command() -> Command {
    let file = |short, long: &'static str, help: &'static str| {
        Arg::new(long)
            .short(short)
            .long(long)
            .value_name("FILE")
            .value_parser(clap::value_parser!(PathBuf))
            .global(true)
            .help(help)
    };
    let flag = |key: &crate::settings::SettingKey| {
        Arg::new(key.name)
            .long(key.name.replace('_', "-"))
            .value_name("VALUE")
            .global(true)
            .hide_short_help(true)
            .help_heading("Settings (these override the file and the environment)")
            .help(key.meaning.trim().replace('\n', ""))
    };
    let make = add_make_options(Command::new("make")).about(
        "Write a settings file, with new random secrets where none are set: TOML, or an .ini file \
         if the name of the file ends in .ini",
    );
    Command::new(SERVER)
        .about("A websocket message broker for web applications")
        .long_about(
            "A websocket message broker for web applications: browsers listen by websocket or \
             long-poll, the application sends signed calls, and this server delivers the \
             messages.\n\nWithout a command it runs the server. Settings come from a file. The \
             environment (CHANNELSTREAM_PORT=8000) overrides the file, and flags (--port 8000) \
             override both.",
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
            "Settings file: TOML, or an .ini file of the original [default: channelstream.toml, if \
             it exists]",
        ))
        .arg(file(
            'i',
            "ini",
            "Settings file of the original, with the section [channelstream]",
        ))
        .args(KEYS.iter().map(flag))
        .after_help("`channelstream --help` lists all settings as flags.")
        .subcommand(
            Command::new("config")
                .about("Make, check or show settings")
                .subcommand_required(true)
                .arg_required_else_help(true)
                .subcommand(make)
                .subcommand(
                    Command::new("check")
                        .about("Report whether the server would start with these settings"),
                )
                .subcommand(
                    Command::new("show").about("Print the settings in force, with secrets masked"),
                ),
        )
        .subcommand(
            Command::new("sign")
                .about("Sign a text for the header x-channelstream-secret; valid for 60 seconds")
                .arg(
                    Arg::new("text")
                        .value_name("TEXT")
                        .default_value("channelstream")
                        .help("The path of the call, or any word"),
                ),
        )
        .subcommand(store::command())
        .subcommand(
            Command::new("health")
                .about("Check whether the running server is healthy; the exit code is 0 if it is"),
        )
}

/// Adds the flags of the command that writes a settings file.
fn add_make_options(command: Command) -> Command {
    command
        .arg(
            Arg::new("json")
                .short('j')
                .long("json")
                .value_name("JSON")
                .help("The values of settings, as a JSON object"),
        )
        .arg(
            Arg::new("output")
                .short('o')
                .long("output")
                .value_name("FILE")
                .help("The file to write; standard output by default"),
        )
}

/// Builds the command line of the original's second command, `channelstream_utils`.
fn build_utils_command() -> Command {
    add_make_options(Command::new(UTILS))
        .about("Write a settings file for `channelstream -i`, with new secrets where none are set")
        .arg(
            Arg::new("operation")
                .required(true)
                .value_parser(PossibleValuesParser::new(["make_config"])),
        )
}

/// Runs the command line of this process.
pub fn run() -> ExitCode {
    let arguments = read_arguments();
    let is_utils = arguments
        .first()
        .is_some_and(|program| file_name(program) == Some(OsStr::new(UTILS)));
    let done = if is_utils {
        make::make(
            &build_utils_command().get_matches_from(arguments),
            FileFormat::Ini,
        )
    } else {
        dispatch(&build_command().get_matches_from(arguments))
    };
    match done {
        Ok(code) => code,
        Err(error) => {
            eprintln!("channelstream: {error}");
            ExitCode::from(WRONG_SETTINGS)
        }
    }
}

/// Returns the arguments of this process, without a repeated program name.
///
/// The image has this program as its entry point, and users of the original pass the name once more
/// as the first argument: `channelstream -i FILE`. Then the first of the two names is dropped.
fn read_arguments() -> Vec<OsString> {
    let mut arguments: Vec<_> = std::env::args_os().collect();
    let names_program = |argument: &OsString| {
        file_name(argument).is_some_and(|name| name == SERVER || name == UTILS)
    };
    if arguments.get(1).is_some_and(names_program) {
        arguments.remove(0);
    }
    arguments
}

fn file_name(path: &OsStr) -> Option<&OsStr> {
    Path::new(path).file_name()
}

fn dispatch(matches: &ArgMatches) -> Result<ExitCode, SettingsError> {
    match matches.subcommand() {
        Some(("config", config)) => match config.subcommand() {
            Some(("make", make)) => make::make(make, FileFormat::Toml),
            Some(("check", check)) => check_config(check),
            Some((_, show)) => show_config(show),
            None => Ok(ExitCode::FAILURE),
        },
        Some(("sign", sign)) => {
            let settings = load_settings(sign)?.settings;
            let text = sign
                .get_one::<String>("text")
                .map_or("channelstream", String::as_str);
            let signer = Signer::new(settings.secret.first().as_str());
            let signature = if settings.reject_replays && !text.contains(NONCE_SEPARATOR) {
                signer.sign_call(text)
            } else {
                signer.sign(text)
            };
            print(&format!("{signature}\n"))
        }
        Some(("store", command)) => store::run(command, &load_settings(command)?.settings),
        Some(("health", health)) => Ok(health::check_health(&load_settings(health)?.settings)),
        _ => start(matches),
    }
}

/// Loads the settings from the file, the environment and flags.
fn load_settings(matches: &ArgMatches) -> Result<Loaded, SettingsError> {
    let flags: Vec<_> = KEYS
        .iter()
        .filter_map(|key| Some((key.name, matches.get_one::<String>(key.name)?.clone())))
        .collect();
    load(find_file(matches).as_ref(), environment(), &flags)
}

fn find_file(matches: &ArgMatches) -> Option<SettingsFile> {
    let given = |name| matches.get_one::<PathBuf>(name).cloned();
    let variable = |name| {
        std::env::var_os(name)
            .filter(|path| !path.is_empty())
            .map(PathBuf::from)
    };
    let in_this_folder = || Some(PathBuf::from(DEFAULT_FILE)).filter(|path| path.is_file());
    given("ini")
        .map(SettingsFile::Ini)
        .or_else(|| given("config").map(SettingsFile::by_extension))
        .or_else(|| variable("CHANNELSTREAM_CONFIG").map(SettingsFile::by_extension))
        .or_else(|| variable("CHANNELSTREAM_INI").map(SettingsFile::Ini))
        .or_else(|| in_this_folder().map(SettingsFile::Toml))
}

fn start(matches: &ArgMatches) -> Result<ExitCode, SettingsError> {
    let Loaded { settings, remarks } = load_settings(matches)?;
    let _logging = logging::start(&settings);
    for (level, remark) in remarks {
        log::log!(level, "{remark}");
    }
    if let Some(file) = find_file(matches) {
        log::info!("settings from {file}");
    }
    for warning in settings.check()? {
        log::warn!("{warning}");
    }
    if let Some(remark) = settings.find_idle_limits() {
        log::info!("{remark}");
    }
    let again = matches.clone();
    let read = Arc::new(move || load_settings(&again));
    match actix::System::new().block_on(serve(settings, read)) {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(error) => {
            log::error!("{error}");
            Ok(ExitCode::FAILURE)
        }
    }
}

fn check_config(matches: &ArgMatches) -> Result<ExitCode, SettingsError> {
    let Loaded {
        mut settings,
        remarks,
    } = load_settings(matches)?;
    let warnings = settings.check()?;
    let machine = Machine::read();
    settings.derive_memory_limit(&machine);
    let remarks = remarks
        .into_iter()
        .map(|(_, remark)| remark)
        .chain(warnings)
        .chain(settings.find_idle_limits())
        .chain([settings.describe_memory(&machine)]);
    let notes: String = remarks.map(|remark| format!("note: {remark}\n")).collect();
    print(&format!("{notes}These settings are valid.\n"))
}

fn show_config(matches: &ArgMatches) -> Result<ExitCode, SettingsError> {
    let shown = load_settings(matches)?.settings.to_masked();
    print(
        &shown
            .into_iter()
            .map(|(key, value)| format!("{key} = {value}\n"))
            .collect::<String>(),
    )
}
