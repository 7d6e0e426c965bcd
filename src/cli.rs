//! The command line: serving, and the commands around it.

mod health;
mod make;

use std::ffi::{OsStr, OsString};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::builder::PossibleValuesParser;
use clap::{Arg, ArgMatches, Command};

use crate::logging;
use crate::server::serve;
use crate::settings::{Format, KEYS, Loaded, SettingsError, Source, environment, load};
use crate::signature::Signer;

/// `EX_CONFIG` of sysexits.h.
const WRONG_SETTINGS: u8 = 78;

/// Read where the command line names no file.
const DEFAULT_FILE: &str = "channelstream.toml";

/// The name of this program.
const SERVER: &str = "channelstream";

/// The name under which it is the other command of the original.
const UTILS: &str = "channelstream_utils";

fn command() -> Command {
    let file = |short, long: &'static str, help: &'static str| {
        Arg::new(long)
            .short(short)
            .long(long)
            .value_name("FILE")
            .value_parser(clap::value_parser!(PathBuf))
            .global(true)
            .help(help)
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
    let make = with_make_options(Command::new("make")).about(
        "Write a settings file, with new secrets where none are set: TOML, or an .ini file where the name of the file ends so",
    );
    Command::new(SERVER)
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

fn with_make_options(command: Command) -> Command {
    command
        .arg(
            Arg::new("json")
                .short('j')
                .long("json")
                .value_name("JSON")
                .help("Values, as a JSON object"),
        )
        .arg(
            Arg::new("output")
                .short('o')
                .long("output")
                .value_name("FILE")
                .help("Where to; standard output by default"),
        )
}

/// The original's other command.
fn utils_command() -> Command {
    with_make_options(Command::new(UTILS))
        .about("Writes a settings file for `channelstream -i`, with new secrets where none are set")
        .arg(
            Arg::new("operation")
                .required(true)
                .value_parser(PossibleValuesParser::new(["make_config"])),
        )
}

/// Runs the command line of this process.
pub fn run() -> ExitCode {
    let arguments = arguments();
    let is_utils = arguments
        .first()
        .is_some_and(|program| file_name(program) == Some(OsStr::new(UTILS)));
    let done = if is_utils {
        make::make(&utils_command().get_matches_from(arguments), Format::Ini)
    } else {
        dispatch(&command().get_matches_from(arguments))
    };
    match done {
        Ok(code) => code,
        Err(error) => {
            eprintln!("channelstream: {error}");
            ExitCode::from(WRONG_SETTINGS)
        }
    }
}

/// The arguments of this process. A container whose entry point is this program may be given the
/// name of the program once more, as one with the original is: `channelstream -i FILE`. Then the
/// first of the two is left out.
fn arguments() -> Vec<OsString> {
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

/// Prints to standard output. Whoever reads there may have read enough and gone: then there is
/// nothing more to do.
fn print(text: &str) -> Result<ExitCode, SettingsError> {
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

fn dispatch(matches: &ArgMatches) -> Result<ExitCode, SettingsError> {
    match matches.subcommand() {
        Some(("config", config)) => match config.subcommand() {
            Some(("make", make)) => make::make(make, Format::Toml),
            Some(("check", check)) => config_check(check),
            Some((_, show)) => config_show(show),
            None => Ok(ExitCode::FAILURE),
        },
        Some(("sign", sign)) => {
            let settings = settings(sign)?.settings;
            let text = sign
                .get_one::<String>("text")
                .map_or("channelstream", String::as_str);
            print(&format!(
                "{}\n",
                Signer::new(settings.secret.as_str(), None).sign(text)
            ))
        }
        Some(("health", health)) => Ok(health::ask(&settings(health)?.settings)),
        _ => start(matches),
    }
}

/// The settings by file, environment and flags.
fn settings(matches: &ArgMatches) -> Result<Loaded, SettingsError> {
    let flags: Vec<_> = KEYS
        .iter()
        .filter_map(|key| Some((key.name, matches.get_one::<String>(key.name)?.clone())))
        .collect();
    load(file(matches).as_ref(), environment(), &flags)
}

fn file(matches: &ArgMatches) -> Option<Source> {
    let given = |name| matches.get_one::<PathBuf>(name).cloned();
    let variable = |name| {
        std::env::var_os(name)
            .filter(|path| !path.is_empty())
            .map(PathBuf::from)
    };
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
    let remarks = remarks
        .into_iter()
        .map(|(_, remark)| remark)
        .chain(warnings);
    let notes: String = remarks.map(|remark| format!("note: {remark}\n")).collect();
    print(&format!("{notes}These settings are sound.\n"))
}

fn config_show(matches: &ArgMatches) -> Result<ExitCode, SettingsError> {
    let shown = settings(matches)?.settings.shown();
    print(
        &shown
            .into_iter()
            .map(|(key, value)| format!("{key} = {value}\n"))
            .collect::<String>(),
    )
}
