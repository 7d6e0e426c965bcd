use std::collections::BTreeMap;
use std::net::IpAddr;

use super::*;

fn variables(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs
        .iter()
        .map(|(key, text)| ((*key).to_owned(), (*text).to_owned()))
        .collect()
}

fn file(name: &str, text: &str) -> SettingsFile {
    let path = std::env::temp_dir().join(format!("{}-{name}", uuid::Uuid::new_v4()));
    std::fs::write(&path, text).unwrap();
    SettingsFile::by_extension(path)
}

#[test]
fn the_file_in_the_repository_lists_every_setting_with_its_default() {
    let text = include_str!("../../channelstream.toml");
    let written: Vec<_> = text
        .lines()
        .filter(|line| line.contains(" = ") && !line.starts_with("# "))
        .collect();
    let written: Vec<_> = written
        .iter()
        .map(|line| line.trim_start_matches('#'))
        .collect();
    let expected: Vec<_> = Settings::default()
        .to_toml()
        .into_iter()
        .map(|(key, value)| format!("{key} = {value}"))
        .collect();
    assert_eq!(written, expected);
}

#[test]
fn the_documentation_names_every_setting() {
    let text = include_str!("../../docs/configuration.md");
    for key in KEYS {
        assert!(
            text.contains(&format!("| `{key}` |")),
            "docs/configuration.md lacks {key}"
        );
    }
}

#[test]
fn later_sources_win() {
    let file = file("a.toml", "port = 1\nhost = \"a\"\nsecret = \"file\"\n");
    let loaded = load(
        Some(&file),
        variables(&[("port", "2"), ("host", "b")]),
        &[("port", "3".to_owned())],
    )
    .unwrap();
    assert_eq!(
        (
            loaded.settings.port,
            loaded.settings.host.as_str(),
            loaded.settings.secret.first().as_str()
        ),
        (3, "b", "file")
    );
}

#[test]
fn the_error_about_a_file_names_all_problems() {
    let file = file("b.toml", "prot = 1\nenforce_https = \"maybe\"\n");
    let error = load(Some(&file), BTreeMap::new(), &[])
        .unwrap_err()
        .to_string();
    assert!(
        error.contains(":1:1: prot: unknown key; did you mean port?"),
        "{error}"
    );
    assert!(
        error.contains(":2:17: enforce_https = maybe: expected true or false"),
        "{error}"
    );
}

/// Returns the text of the error about a settings file, without the name of the file.
fn error_in(text: &str) -> String {
    let file = file("position.toml", text);
    let error = load(Some(&file), BTreeMap::new(), &[])
        .unwrap_err()
        .to_string();
    error
        .strip_prefix(&file.to_string())
        .map(str::to_owned)
        .unwrap_or(error)
}

#[test]
fn a_syntax_error_has_line_and_column() {
    let error = error_in("host = \"a\"\nport = = 1\n");
    assert!(error.starts_with(":2:8: port: "), "{error}");
    let error = error_in("host = \"ä\" x\n");
    assert!(error.starts_with(":1:12: host: "), "{error}");
}

#[test]
fn a_value_of_the_wrong_type_has_line_and_column() {
    assert_eq!(
        error_in("# A comment.\n\nport = true\n"),
        ":3:8: port = true: expected a whole number from 0 to 65535"
    );
    assert_eq!(
        error_in("host = \"a\"\n  workers   =  [\"many\"]\n"),
        ":2:16: workers = many: expected a whole number from 0 to 4294967295"
    );
    assert_eq!(
        error_in("log_level = {level = \"INFO\"}\n"),
        ":1:13: log_level: expected a value, found a table"
    );
}

#[test]
fn an_unknown_key_has_line_and_column() {
    assert_eq!(
        error_in("host = \"a\"\n  prot = 1\n"),
        ":2:3: prot: unknown key; did you mean port?"
    );
}

#[test]
fn ini_files_are_read_as_python_reads_them() {
    let text = "[channelstream]\nsecret = a#b;c%%d\n\
                allow_posting_from = 10.0.0.1,\
                \n                     10.0.0.2,\
                \n                     ::1\n# x\nport = 7\n";
    let settings = load(Some(&file("c.ini", text)), BTreeMap::new(), &[])
        .unwrap()
        .settings;
    assert_eq!(
        (settings.secret.first().as_str(), settings.port),
        ("a#b;c%d", 7)
    );
    let networks: Vec<_> = settings
        .allow_posting_from
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(networks, ["10.0.0.1", "10.0.0.2", "::1"]);
}

#[test]
fn variables_of_kubernetes_are_ignored_and_other_unknown_ones_warn() {
    let set = [
        ("port", "tcp://10.0.0.1:8000"),
        ("service_host", "10.0.0.1"),
        ("port_8000_tcp_addr", "10.0.0.1"),
        ("service_port_http", "8000"),
        ("prot", "1"),
    ];
    let loaded = load(None, variables(&set), &[]).unwrap();
    assert_eq!(loaded.settings.port, 8000);
    let warnings: Vec<_> = loaded
        .remarks
        .iter()
        .filter(|(level, _)| *level == log::Level::Warn)
        .map(|(_, text)| text.as_str())
        .collect();
    assert_eq!(
        warnings,
        ["CHANNELSTREAM_PROT: unknown variable; did you mean CHANNELSTREAM_PORT?"]
    );
}

#[test]
fn default_secrets_are_refused_where_others_can_reach_the_server() {
    let local = Settings::default();
    assert_eq!(local.check().unwrap().len(), 2);
    let open = Settings {
        host: "0.0.0.0".to_owned(),
        ..Settings::default()
    };
    assert!(
        open.check()
            .unwrap_err()
            .to_string()
            .contains("CHANNELSTREAM_ADMIN_SECRET")
    );
}

#[test]
fn zeros_allow_all_addresses_and_a_network_allows_its_own() {
    let all = Network::parse("0.0.0.0").unwrap();
    let some = Network::parse("10.0.0.0/8").unwrap();
    let v6: IpAddr = "::ffff:10.1.2.3".parse().unwrap();
    let other: IpAddr = "192.0.2.1".parse().unwrap();
    assert!(all.contains(other) && some.contains(v6) && !some.contains(other));
}

#[test]
fn the_environment_is_read_by_prefix() {
    assert!(!environment().contains_key("path"));
}

#[test]
fn a_value_with_control_characters_is_read_back() {
    let settings = Settings {
        host: "a\u{7f}b\u{1}\t\"".to_owned(),
        ..Settings::default()
    };
    let file = file("control.toml", &write(&settings, FileFormat::Toml).unwrap());
    let loaded = load(Some(&file), BTreeMap::new(), &[]).unwrap();
    assert_eq!(loaded.settings.host, settings.host);
}
