//! Tests of the command line.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::scale::program;
use crate::support::server::{Server, command, settings_file as file};
use crate::support::signing::{now, sign};

#[test]
fn known_secrets_do_not_start_where_others_can_reach_the_server() {
    let (code, text) = command(&["--host", "0.0.0.0", "--port", "0"], &[]);
    assert_eq!(code, Some(78));
    assert!(
        text.contains("CHANNELSTREAM_SECRET") && text.contains("CHANNELSTREAM_ADMIN_SECRET"),
        "{text}"
    );
}

#[test]
fn a_wrong_file_stops_the_start_with_file_key_reason_and_nearest_name() {
    let path = std::env::temp_dir().join(format!("{}.toml", uuid::Uuid::new_v4()));
    std::fs::write(&path, "alow_cors = [\"x\"]\nport = \"many\"\n").unwrap();
    let (code, text) = command(&["-c", path.to_str().unwrap(), "config", "check"], &[]);
    assert_eq!(code, Some(78));
    assert!(
        text.contains(":1:1: alow_cors: unknown key; did you mean allow_cors?"),
        "{text}"
    );
    assert!(
        text.contains(":2:8: port = many: expected a whole number from 0 to 65535"),
        "{text}"
    );
}

#[test]
fn config_make_writes_a_file_that_config_check_takes() {
    let path = std::env::temp_dir().join(format!("{}.toml", uuid::Uuid::new_v4()));
    let path = path.to_str().unwrap();
    let json = r#"{"host": "0.0.0.0", "allow_posting_from": ["10.0.0.0/8", "::1"]}"#;
    assert_eq!(
        command(&["config", "make", "-j", json, "-o", path], &[]).0,
        Some(0)
    );
    let (code, text) = command(&["-c", path, "config", "check"], &[]);
    assert_eq!(code, Some(0), "{text}");
    let (_, shown) = command(
        &["-c", path, "config", "show"],
        &[("CHANNELSTREAM_PORT", "tcp://10.0.0.1:8000")],
    );
    assert!(
        shown.contains("secret = \"***\"") && shown.contains("[\"10.0.0.0/8\", \"::1\"]"),
        "{shown}"
    );
}

#[test]
fn sign_prints_a_signature() {
    let (code, text) = command(&["sign", "/message"], &[("CHANNELSTREAM_SECRET", "s")]);
    assert_eq!(code, Some(0));
    let at = [now(), now() - 1];
    assert!(
        at.iter()
            .any(|at| text.trim() == sign("s", "/message", *at)),
        "{text}"
    );
}

#[test]
fn health_reports_by_its_exit_code() {
    let server = Server::start(&[]);
    let port = server.address.split(':').nth(1).unwrap().to_owned();
    assert_eq!(
        command(&["health"], &[("CHANNELSTREAM_PORT", &port)]).0,
        Some(0)
    );
    drop(server);
    assert_eq!(
        command(&["health"], &[("CHANNELSTREAM_PORT", &port)]).0,
        Some(1)
    );
}

#[test]
fn help_and_version_read_well() {
    let (code, text) = command(&["--help"], &[]);
    assert_eq!(code, Some(0));
    assert!(
        text.contains("--allow-posting-from") && text.contains("config"),
        "{text}"
    );
    let (_, text) = command(&["-v"], &[]);
    assert!(text.trim().ends_with(env!("CARGO_PKG_VERSION")), "{text}");
}

#[test]
fn config_make_writes_a_file_that_only_its_owner_can_read() {
    let mode = |path: &str| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let new = std::env::temp_dir().join(format!("{}.toml", uuid::Uuid::new_v4()));
    let new = new.to_str().unwrap();
    let old = file("old.toml", &"x".repeat(100_000));
    std::fs::set_permissions(&old, std::fs::Permissions::from_mode(0o666)).unwrap();
    for path in [new, &old] {
        assert_eq!(command(&["config", "make", "-o", path], &[]).0, Some(0));
        assert_eq!(mode(path), 0o600, "{path}");
        let text = std::fs::read_to_string(path).unwrap();
        assert!(
            text.starts_with("# Settings of Channelstream.") && !text.contains("xxx"),
            "{text}"
        );
    }
    assert_eq!(
        command(&["config", "make", "-o", "/dev/stdout"], &[]).0,
        Some(0)
    );
}

#[test]
fn no_error_in_a_file_prints_a_secret() {
    let toml = |text: &str| file("a.toml", text);
    let ini = |text: &str| file("a.ini", &format!("[channelstream]\n{text}\n"));
    for (path, told) in [
        (toml("secret = \"hunter2\nport = 1\n"), ":1:18: secret: "),
        (
            toml("port = 1\nadmin_secret = hunter2\n"),
            ":2:16: admin_secret: ",
        ),
        (
            toml("secret = \"\"\"\nab\nhunter2 \\q\n\"\"\"\n"),
            ":3:10: secret: ",
        ),
        (toml("secret = \"\"\"\nport = 1\nhunter2\n"), ":4:"),
        (toml("secret = \"hunter2\" x\n"), ":1:20: secret: "),
        (
            toml("secret = \"a\"\nsecret = \"hunter2\"\n"),
            ":2:1: secret: duplicate key",
        ),
        (
            toml("secret = {a = \"hunter2\"}\n"),
            ":1:10: secret: expected a value, found a table",
        ),
        (
            toml("[secret]\na = \"hunter2\"\n"),
            ":1:1: secret: expected a value, found a table",
        ),
        (ini("secret = 50%hunter2"), "secret: write % as %%"),
        (ini("secret = %(hunter2)s"), "secret: write % as %%"),
        (ini("secret = hunter2\nport = %(secret)s"), "port = ***"),
        (
            ini("secret = hunter2\nsignature_checker = %(secret)s"),
            "signature_checker = ***",
        ),
        (
            ini("secret = abc\nhunter2"),
            "has a line that is not `key = value`",
        ),
    ] {
        let (code, text) = command(&["-c", &path, "config", "check"], &[]);
        assert_eq!(code, Some(78), "{text}");
        assert!(text.contains(told), "{told}: {text}");
        assert!(!text.contains("hunter2"), "{text}");
    }
    // Keys that the original accepted cause a warning.
    let lines = "secret = hunter2\nallow_posting_from = ::1, %(secret)s\n\
                 allow_cors = *%(secret)s\ngc_conns_after = %(secret)s";
    let path = ini(lines);
    let (code, text) = command(&["-i", &path, "config", "check"], &[]);
    assert_eq!(code, Some(0), "{text}");
    for told in [
        "allow_posting_from: *** never matches",
        "allow_cors: *** never matches",
        "gc_conns_after = ***",
    ] {
        assert!(
            text.contains(told) && !text.contains("hunter2"),
            "{told}: {text}"
        );
    }
    for json in [
        r#""hunter2""#,
        r#"["hunter2"]"#,
        r#"{"secret": "hunter2"#,
        r#"{"secret": hunter2}"#,
        r#"{"secrt": "hunter2"}"#,
    ] {
        let (_, text) = command(&["config", "make", "-j", json, "-o", "/dev/null"], &[]);
        assert!(!text.contains("hunter2"), "{json}: {text}");
    }
    let variables = [
        ("CHANNELSTREAM_SECRET", "hunter2"),
        ("CHANNELSTREAM_ADMIN_SECRET", "hunter2"),
        ("CHANNELSTREAM_SECRT", "hunter2"),
    ];
    for arguments in [
        &["config", "check"][..],
        &["config", "show"],
        &["--port", "x", "config", "check"],
    ] {
        let (_, text) = command(arguments, &variables);
        assert!(!text.contains("hunter2"), "{text}");
    }
}

#[test]
fn short_secrets_are_warned_of_at_the_start_and_by_config_check() {
    let variables = |secret: &'static str| {
        [
            ("CHANNELSTREAM_SECRET", secret),
            ("CHANNELSTREAM_COOKIE_SECRET", secret),
        ]
    };
    let (code, text) = command(&["config", "check"], &variables("s"));
    assert_eq!(code, Some(0), "{text}");
    for key in ["secret", "cookie_secret"] {
        assert!(
            text.contains(&format!(
                "note: {key} is 1 bytes long and can be guessed; use at least 16"
            )),
            "{text}"
        );
    }
    assert!(
        text.contains("admin_secret is the default that everyone knows")
            && !text.contains("admin_secret is 12"),
        "{text}"
    );
    let (_, text) = command(&["config", "check"], &variables("fifteen bytes ."));
    assert!(text.contains("secret is 15 bytes long"), "{text}");
    let (_, text) = command(&["config", "check"], &variables("sixteen bytes .."));
    assert!(!text.contains("bytes long"), "{text}");
    let (_, text) = command(
        &[
            "--secret",
            "s",
            "--host",
            "192.0.2.1",
            "--admin-secret",
            "t",
        ],
        &[],
    );
    assert!(
        text.contains("secret is 1 bytes long") && text.contains("admin_secret is 1 bytes long"),
        "{text}"
    );
}

#[test]
fn an_idle_deadline_that_would_close_healthy_connections_is_refused() {
    let check = |flags: &[&str]| command(&[flags, &["config", "check"]].concat(), &[]);
    for flags in [
        &["--gc-conns-after", "5"][..],
        &["--gc-conns-after", "3"],
        &["--heartbeat-interval", "15"],
        &["--wake-connections-after", "20"],
        &["--gc-conns-after", "0"],
    ] {
        let (code, text) = check(flags);
        assert_eq!(code, Some(78), "{flags:?}: {text}");
        assert!(
            text.contains("must be larger than heartbeat_interval (")
                && text.contains("wake_connections_after ("),
            "{text}"
        );
        assert_eq!(
            command(&[flags, &["--port", "0"]].concat(), &[]).0,
            Some(78),
            "the server does not start either"
        );
    }
    assert_eq!(check(&["--gc-conns-after", "5.1"]).0, Some(0));
    assert_eq!(
        check(&[
            "--gc-conns-after",
            "0.3",
            "--heartbeat-interval",
            "0.1",
            "--wake-connections-after",
            "0.2"
        ])
        .0,
        Some(0)
    );
}

#[test]
fn a_too_short_idle_deadline_in_an_ini_file_is_raised_and_warned_of() {
    for (text, from, to) in [
        ("gc_conns_after = 3", "3", "6"),
        ("gc_conns_after = 5", "5", "6"),
        ("wake_connections_after = 60", "15", "61"),
        (
            "gc_conns_after = 1\nwake_connections_after = 2.5\nheartbeat_interval = 0.5",
            "1",
            "3",
        ),
    ] {
        let path = file(
            "a.ini",
            &format!("[channelstream]\nsecret = secret\n{text}\n"),
        );
        let (code, told) = command(&["-i", &path, "config", "check"], &[]);
        assert_eq!(code, Some(0), "{told}");
        assert!(
            told.contains(&format!("gc_conns_after = {from}: must be larger")),
            "{told}"
        );
        assert!(told.contains(&format!("it is raised to {to}")), "{told}");
        let (_, shown) = command(&["-i", &path, "config", "show"], &[]);
        assert!(
            shown
                .lines()
                .any(|line| line == format!("gc_conns_after = {to}")),
            "{shown}"
        );
        // A value from a flag or the environment is not raised. It is an error.
        let (code, _) = command(
            &["-i", &path, "config", "check"],
            &[("CHANNELSTREAM_GC_CONNS_AFTER", "1")],
        );
        assert_eq!(code, Some(78));
    }
    let path = file(
        "a.ini",
        "[channelstream]\nsecret = secret\ngc_conns_after = 3\n",
    );
    let flags = [
        "-i",
        &path,
        "--heartbeat-interval",
        "1",
        "--wake-connections-after",
        "1",
        "config",
    ];
    let (_, told) = command(&[&flags[..], &["check"]].concat(), &[]);
    assert!(!told.contains("raised"), "{told}");
    let path = file("a.ini", "[channelstream]\nsecret = secret\n");
    assert_eq!(
        command(
            &["-i", &path, "--heartbeat-interval", "20", "config", "check"],
            &[]
        )
        .0,
        Some(78)
    );
}

#[test]
fn more_than_256_workers_are_refused() {
    for (workers, code) in [("256", 0), ("257", 78), ("2000", 78)] {
        let (found, text) = command(&["--workers", workers, "config", "check"], &[]);
        assert_eq!(found, Some(code), "{text}");
        assert_eq!(
            text.contains(&format!("workers must be at most 256 (got {workers})")),
            code == 78,
            "{text}"
        );
    }
    assert_eq!(
        command(&["--workers", "2000", "--port", "0"], &[]).0,
        Some(78)
    );
}

/// Makes a folder with both commands of the original. They are the same program under two names.
fn folder_of_commands() -> PathBuf {
    let folder = std::env::temp_dir().join(uuid::Uuid::new_v4().to_string());
    std::fs::create_dir(&folder).unwrap();
    for name in ["channelstream", "channelstream_utils"] {
        std::os::unix::fs::symlink(program(), folder.join(name)).unwrap();
    }
    folder
}

fn in_folder(folder: &Path, name: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(folder.join(name));
    command.env_clear().current_dir(folder).args(arguments);
    command
}

#[test]
fn make_config_writes_an_ini_file_that_the_server_starts_with() {
    let folder = folder_of_commands();
    let variables = [
        ("CHANNELSTREAM_SECRET", "fifty % %(port)s #;="),
        ("CHANNELSTREAM_ALLOW_POSTING_FROM", "::1,10.0.0.0/8"),
    ];
    let mut make = in_folder(
        &folder,
        "channelstream_utils",
        &["make_config", "-o", "config.ini"],
    );
    let made = make.envs(variables).output().unwrap();
    assert_eq!(
        (
            made.status.code(),
            String::from_utf8(made.stderr).unwrap().as_str()
        ),
        (Some(0), "")
    );
    let text = std::fs::read_to_string(folder.join("config.ini")).unwrap();
    assert!(
        text.contains("\n[channelstream]\n") && text.contains("\nhost = 0.0.0.0\n"),
        "{text}"
    );
    assert!(
        text.contains("\nsecret = fifty %% %%(port)s #;=\n") && text.contains("\n#port = 8000\n"),
        "{text}"
    );
    let config = folder.join("config.ini");
    let config = config.to_str().unwrap();
    let of_file = command(&["-i", config, "sign", "x"], &[]).1;
    let of_variable = command(&["sign", "x"], &variables).1;
    assert_eq!(of_file.len(), of_variable.len());
    let (_, shown) = command(&["-i", config, "config", "show"], &[]);
    assert!(
        shown.contains("allow_posting_from = [\"::1\", \"10.0.0.0/8\"]"),
        "{shown}"
    );
    let server = Server::run(in_folder(
        &folder,
        "channelstream",
        &["-i", "config.ini", "--port", "0"],
    ));
    assert!(server.address.starts_with("0.0.0.0:"), "{}", server.address);
}

#[test]
fn the_format_of_a_made_file_follows_its_ending() {
    let folder = folder_of_commands();
    for (name, arguments, first_key) in [
        (
            "channelstream",
            &["config", "make", "-o", "a.ini"][..],
            "host = 0.0.0.0",
        ),
        (
            "channelstream",
            &["config", "make", "-o", "a.toml"],
            "#host = \"127.0.0.1\"",
        ),
        (
            "channelstream",
            &["config", "make", "-o", "a.conf"],
            "#host = \"127.0.0.1\"",
        ),
        (
            "channelstream_utils",
            &["make_config", "-o", "a.ini"],
            "host = 0.0.0.0",
        ),
        (
            "channelstream_utils",
            &["make_config", "-o", "a.conf"],
            "host = 0.0.0.0",
        ),
        (
            "channelstream_utils",
            &["-o", "a.toml", "make_config"],
            "#host = \"127.0.0.1\"",
        ),
        ("channelstream_utils", &["make_config"], "host = 0.0.0.0"),
    ] {
        let output = in_folder(&folder, name, arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{arguments:?}");
        let file = arguments.iter().find(|argument| argument.starts_with("a."));
        let text = file.map_or_else(
            || String::from_utf8(output.stdout).unwrap(),
            |file| std::fs::read_to_string(folder.join(file)).unwrap(),
        );
        let host = text
            .lines()
            .find(|line| line.trim_start_matches('#').starts_with("host = "));
        assert_eq!(host, Some(first_key), "{arguments:?}");
    }
    let json = r#"{"secret": "two\nlines", "host": "127.0.0.1", "port": null}"#;
    let output = in_folder(&folder, "channelstream_utils", &["make_config", "-j", json])
        .output()
        .unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(78));
    assert!(
        told.contains("secret: an .ini file cannot hold a value with line breaks")
            && !told.contains("two"),
        "{told}"
    );
    assert_eq!(
        in_folder(&folder, "channelstream_utils", &["make_coffee"])
            .output()
            .unwrap()
            .status
            .code(),
        Some(2)
    );
}

#[test]
fn a_made_ini_file_holds_no_key_without_effect() {
    let json = r#"{"demo": true, "port": 7}"#;
    let folder = folder_of_commands();
    let output = in_folder(
        &folder,
        "channelstream_utils",
        &["make_config", "-j", json, "-o", "a.ini"],
    )
    .output()
    .unwrap();
    assert_eq!(output.status.code(), Some(0));
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(
        told.contains("demo is left out") && told.contains("--demo true"),
        "{told}"
    );
    let (code, told) = command(
        &[
            "-i",
            folder.join("a.ini").to_str().unwrap(),
            "config",
            "check",
        ],
        &[],
    );
    assert!(code == Some(0) && !told.contains("has no effect"), "{told}");
    // A file in this server's own format can hold the demo.
    let output = in_folder(&folder, "channelstream", &["config", "make", "-j", json])
        .output()
        .unwrap();
    assert!(
        String::from_utf8(output.stdout)
            .unwrap()
            .contains("\ndemo = true\n")
    );
}

#[test]
fn the_name_of_the_program_as_the_first_argument_is_skipped() {
    let version = command(&["-v"], &[]);
    for name in ["channelstream", "/opt/env/bin/channelstream"] {
        assert_eq!(command(&[name, "-v"], &[]), version, "{name}");
        let path = file("a.ini", "[channelstream]\nport = 7\n");
        let (code, shown) = command(&[name, "-i", &path, "config", "show"], &[]);
        assert!(
            code == Some(0) && shown.contains("port = 7\n"),
            "{name}: {shown}"
        );
    }
    let (code, text) = command(&["channelstream_utils", "make_config"], &[]);
    assert!(
        code == Some(0) && text.contains("[channelstream]"),
        "{text}"
    );
    let (code, _) = command(&["channelstream", "channelstream", "-v"], &[]);
    assert_eq!(code, Some(2), "once is enough");
}

#[test]
fn a_closed_pipe_ends_a_command_quietly() {
    for arguments in [
        &["config", "show"][..],
        &["config", "check"],
        &["config", "make"],
        &["sign", "x"],
        &["--help"],
    ] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut command = Command::new(program());
        command
            .env_clear()
            .current_dir(std::env::temp_dir())
            .args(arguments)
            .stdout(writer);
        let output = command.output().unwrap();
        assert_eq!(
            String::from_utf8(output.stderr).unwrap(),
            "",
            "{arguments:?}"
        );
        assert_eq!(output.status.code(), Some(0), "{arguments:?}");
    }
}
