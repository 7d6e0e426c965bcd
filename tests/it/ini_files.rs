//! Tests of the `.ini` files of the original: which keys have an effect, which cause a warning, and
//! which stop the start.

use std::path::PathBuf;

use crate::support::server::{Server, command, settings_file};

const SHIPPED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/assets/ini");

/// Writes an ini file with safe secrets and these lines.
fn own(lines: &str) -> String {
    settings_file(
        "own.ini",
        &format!(
            "[channelstream]\nsecret = {0}\nadmin_secret = {0}\n{lines}\n",
            "0123456789abcdef"
        ),
    )
}

/// Runs `config check` with this file. Returns the exit code and the output.
fn check(path: &str) -> (Option<i32>, String) {
    command(&["-i", path, "config", "check"], &[])
}

/// Returns the value of a key that `config show` prints.
fn value(arguments: &[&str], key: &str, variables: &[(&str, &str)]) -> String {
    let (_, shown) = command(&[arguments, &["config", "show"]].concat(), variables);
    let prefix = format!("{key} = ");
    let line = shown.lines().find_map(|line| line.strip_prefix(&prefix));
    line.unwrap_or_else(|| panic!("no {key}: {shown}"))
        .to_owned()
}

#[test]
fn every_file_that_a_release_of_the_original_ships_starts_the_server() {
    let files: Vec<PathBuf> = std::fs::read_dir(SHIPPED)
        .unwrap()
        .map(|file| file.unwrap().path())
        .collect();
    let files: Vec<_> = files
        .into_iter()
        .filter(|path| path.extension().is_some_and(|ending| ending == "ini"))
        .collect();
    assert_eq!(files.len(), 6);
    for path in files {
        let path = path.to_str().unwrap();
        let (code, text) = check(path);
        assert_eq!(code, Some(0), "{path}: {text}");
        // The secrets of the file are the defaults that everyone knows.
        assert!(
            text.contains("this server listens on 127.0.0.1 only"),
            "{path}: {text}"
        );
        let server = Server::start(&[("ini", path)]);
        assert!(
            server.address.starts_with("127.0.0.1:"),
            "{path}: {}",
            server.address
        );
    }
}

#[test]
fn an_empty_value_counts_as_not_given_for_every_key_in_files_and_variables() {
    let (_, shown) = command(&["config", "show"], &[]);
    let keys: Vec<_> = shown
        .lines()
        .filter_map(|line| line.split_once(" = "))
        .collect();
    let ini: String = keys.iter().map(|(key, _)| format!("{key} =\n")).collect();
    let toml: String = keys
        .iter()
        .map(|(key, _)| format!("{key} = \"\"\n"))
        .collect();
    let names: Vec<_> = keys
        .iter()
        .map(|(key, _)| format!("CHANNELSTREAM_{}", key.to_uppercase()))
        .collect();
    let variables: Vec<_> = names.iter().map(|name| (name.as_str(), "")).collect();
    let ini = settings_file("empty.ini", &format!("[channelstream]\n{ini}"));
    let toml = settings_file("empty.toml", &toml);
    for arguments in [&["-i", &ini][..], &["-c", &toml], &[]] {
        let (code, text) = command(&[arguments, &["config", "show"]].concat(), &variables);
        assert_eq!((code, text), (Some(0), shown.clone()), "{arguments:?}");
    }
    // An empty variable does not override the file.
    assert_eq!(value(&["-i", &own("port = 7")], "port", &variables), "7");
    // An empty list is a value.
    let nobody = settings_file("nobody.toml", "allow_posting_from = []\n");
    assert_eq!(value(&["-c", &nobody], "allow_posting_from", &[]), "[]");
    assert!(
        command(&["-c", &nobody, "config", "check"], &[])
            .1
            .contains("nobody can make signed calls")
    );
}

#[test]
fn a_file_without_a_host_and_with_own_secrets_listens_on_all_addresses() {
    let path = own("");
    let (code, text) = check(&path);
    assert_eq!(code, Some(0), "{text}");
    assert!(
        text.contains("host is not set, so this server listens on 0.0.0.0, as the original does."),
        "{text}"
    );
    let server = Server::start(&[("ini", &path)]);
    assert!(server.address.starts_with("0.0.0.0:"), "{}", server.address);
    let told = server
        .start_log
        .iter()
        .any(|line| line.contains("host is not set, so this server listens on 0.0.0.0"));
    assert!(told, "{:?}", server.start_log);
    // A host from another source is used.
    assert_eq!(
        value(&["-i", &path], "host", &[("CHANNELSTREAM_HOST", "::1")]),
        "\"::1\""
    );
    assert_eq!(
        value(&["-i", &path, "--host", "127.0.0.1"], "host", &[]),
        "\"127.0.0.1\""
    );
    assert_eq!(
        value(&["-i", &own("host = 127.0.0.2")], "host", &[]),
        "\"127.0.0.2\""
    );
    // A file in this server's own format (TOML) has this server's default.
    let toml = settings_file(
        "a.toml",
        "secret = \"0123456789abcdef\"\nadmin_secret = \"0123456789abcdef\"\n",
    );
    assert_eq!(value(&["-c", &toml], "host", &[]), "\"127.0.0.1\"");
}

#[test]
fn keys_and_values_without_effect_are_warned_of_and_do_not_stop_the_start() {
    for (line, told) in [
        (
            "demo_app_url =",
            "demo_app_url has no effect; it is a key of older releases.",
        ),
        (
            "external_port = 80",
            "external_port has no effect; it is a key of older releases.",
        ),
        (
            "status_codes = 1",
            "status_codes has no effect; it is a key of older releases.",
        ),
        (
            "policy_server = True",
            "policy_server has no effect; this server has no flash policy server.",
        ),
        (
            "sentry_dsn = x",
            "sentry_dsn has no effect: there is no such key",
        ),
        (
            "http_scheme = ftp",
            "http_scheme: ftp is neither http nor https and counts as empty, as in the original.",
        ),
        (
            "enforce_https = maybe",
            "enforce_https: maybe is neither true nor false and counts as false, \
             as in the original.",
        ),
        (
            "allow_posting_from = ::1, web.example",
            "allow_posting_from: web.example never matches a caller; write an address",
        ),
        (
            "allow_posting_from = <your ip>",
            "allow_posting_from: <your ip> never matches a caller; write an address",
        ),
        (
            "allow_posting_from = <your ip>",
            "allow_posting_from names no address, so nobody can make signed calls",
        ),
        (
            "allow_cors = *",
            "allow_cors: * never matches an origin; write one such as https://app.example",
        ),
        (
            "gc_conns_after = soon",
            "gc_conns_after = soon: expected a number of seconds, such as 15 or 2.5. \
             The original did not read",
        ),
    ] {
        let (code, text) = check(&own(line));
        assert_eq!(code, Some(0), "{line}: {text}");
        assert!(text.contains(told), "{line}: {text}");
    }
    let path = own(
        "http_scheme = ftp\nenforce_https = maybe\nvalidate_requests = maybe\n\
         allow_posting_from = ::1, web.example",
    );
    assert_eq!(value(&["-i", &path], "http_scheme", &[]), "\"\"");
    assert_eq!(value(&["-i", &path], "enforce_https", &[]), "false");
    assert_eq!(value(&["-i", &path], "validate_requests", &[]), "false");
    assert_eq!(
        value(&["-i", &path], "allow_posting_from", &[]),
        "[\"::1\", \"web.example\"]"
    );
    // In other sources the same values are refused.
    for (key, text) in [
        ("http-scheme", "ftp"),
        ("enforce-https", "maybe"),
        ("allow-posting-from", "web.example"),
        ("allow-cors", "*"),
    ] {
        assert_eq!(
            command(&[&format!("--{key}"), text, "config", "check"], &[]).0,
            Some(78),
            "{key}"
        );
    }
}

#[test]
fn config_check_lists_keys_that_the_original_ignored() {
    let path = own(
        "gc_conns_after = 60\ngc_channels_after = 3600\nwake_connections_after = 20\n\
         allow_posting_from = ::1, 10.0.0.0/8",
    );
    let (code, text) = check(&path);
    assert_eq!(code, Some(0), "{text}");
    for key in [
        "gc_conns_after",
        "gc_channels_after",
        "wake_connections_after",
    ] {
        assert!(
            text.contains(&format!("{key} counts here; the original did not read it.")),
            "{text}"
        );
    }
    assert!(
        text.contains("allow_posting_from: 10.0.0.0/8 counts as a network here"),
        "{text}"
    );
    for other in ["::1 counts", "secret counts", "trusted_proxies counts"] {
        assert!(!text.contains(other), "{text}");
    }
}

#[test]
fn a_mistyped_key_and_a_duplicate_stop_the_start_in_an_ini_file() {
    for (lines, told) in [
        (
            "alow_posting_from = ::1",
            "alow_posting_from: unknown key; did you mean allow_posting_from?",
        ),
        ("prot = 8001", "prot: unknown key; did you mean port?"),
        ("port = 1\nPort = 2", "line 5: duplicate key port"),
        (
            "[channelstream]",
            "line 4: duplicate section [channelstream]",
        ),
        (
            "port = many",
            "port = many: expected a whole number from 0 to 65535",
        ),
        ("log_level = LOUD", "log_level = LOUD: expected DEBUG, INFO"),
        (
            "trusted_proxies = proxy.example",
            "trusted_proxies = proxy.example: proxy.example: expected an address or a network",
        ),
        ("workers = many", "workers = many: expected a whole number"),
    ] {
        let path = own(lines);
        let (code, text) = check(&path);
        assert_eq!(code, Some(78), "{lines}: {text}");
        assert!(text.contains(told), "{lines}: {text}");
        assert_eq!(
            command(&["-i", &path, "--port", "0"], &[]).0,
            Some(78),
            "the server does not start either"
        );
    }
}

#[test]
fn the_file_in_the_documentation_is_sound_and_the_health_check_finds_its_port() {
    let blocks: Vec<_> = include_str!("../../docs/migration.md")
        .split("```ini\n")
        .skip(1)
        .collect();
    let lines: String = blocks
        .iter()
        .map(|block| block.split("```").next().unwrap())
        .collect();
    assert!(
        lines.starts_with("[channelstream]\n") && lines.contains("trusted_proxies = "),
        "{lines}"
    );
    let file = |port: &str| settings_file("documented.ini", &lines.replace("9800", port));
    // The variables are those of the image and of the compose file.
    let variables = [
        ("CHANNELSTREAM_HOST", "0.0.0.0"),
        ("CHANNELSTREAM_ALLOW_POSTING_FROM", "0.0.0.0"),
    ];
    let (code, text) = command(
        &["channelstream", "-i", &file("9800"), "config", "check"],
        &variables,
    );
    assert_eq!(code, Some(0), "{text}");
    let server = Server::start_with(&[("ini", &file("9800"))], &variables);
    let port = server.address.rsplit(':').next().unwrap();
    assert_eq!(
        command(&["-i", &file(port), "health"], &variables).0,
        Some(0)
    );
    assert_eq!(
        command(&["health"], &[("CHANNELSTREAM_INI", &file(port))]).0,
        Some(0)
    );
}
