//! The command line.

use crate::support::server::{Server, command};
use crate::support::signing::{now, sign};

#[test]
fn known_secrets_do_not_start_where_others_can_reach_the_server() {
    let (code, text) = command(&["--host", "0.0.0.0", "--port", "0"], &[]);
    assert_eq!(code, Some(78));
    assert!(text.contains("CHANNELSTREAM_SECRET") && text.contains("CHANNELSTREAM_ADMIN_SECRET"), "{text}");
}

#[test]
fn a_wrong_file_stops_the_start_with_file_key_reason_and_nearest_name() {
    let path = std::env::temp_dir().join(format!("{}.toml", uuid::Uuid::new_v4()));
    std::fs::write(&path, "alow_cors = [\"x\"]\nport = \"many\"\n").unwrap();
    let (code, text) = command(&["-c", path.to_str().unwrap(), "config", "check"], &[]);
    assert_eq!(code, Some(78));
    assert!(text.contains("alow_cors: unknown key; did you mean allow_cors?"), "{text}");
    assert!(text.contains("port = many: expected a whole number from 0 to 65535"), "{text}");
}

#[test]
fn config_make_writes_a_file_that_config_check_takes() {
    let path = std::env::temp_dir().join(format!("{}.toml", uuid::Uuid::new_v4()));
    let path = path.to_str().unwrap();
    let json = r#"{"host": "0.0.0.0", "allow_posting_from": ["10.0.0.0/8", "::1"]}"#;
    assert_eq!(command(&["config", "make", "-j", json, "-o", path], &[]).0, Some(0));
    let (code, text) = command(&["-c", path, "config", "check"], &[]);
    assert_eq!(code, Some(0), "{text}");
    let (_, shown) = command(&["-c", path, "config", "show"], &[("CHANNELSTREAM_PORT", "tcp://10.0.0.1:8000")]);
    assert!(shown.contains("secret = \"***\"") && shown.contains("[\"10.0.0.0/8\", \"::1\"]"), "{shown}");
}

#[test]
fn sign_prints_a_signature() {
    let (code, text) = command(&["sign", "/message"], &[("CHANNELSTREAM_SECRET", "s")]);
    assert_eq!(code, Some(0));
    let at = [now(), now() - 1];
    assert!(at.iter().any(|at| text.trim() == sign("s", "/message", *at)), "{text}");
}

#[test]
fn health_tells_by_its_exit_code() {
    let server = Server::start(&[]);
    let port = server.address.split(':').nth(1).unwrap().to_owned();
    assert_eq!(command(&["health"], &[("CHANNELSTREAM_PORT", &port)]).0, Some(0));
    drop(server);
    assert_eq!(command(&["health"], &[("CHANNELSTREAM_PORT", &port)]).0, Some(1));
}

#[test]
fn help_and_version_read_well() {
    let (code, text) = command(&["--help"], &[]);
    assert_eq!(code, Some(0));
    assert!(text.contains("--allow-posting-from") && text.contains("config"), "{text}");
    let (_, text) = command(&["-v"], &[]);
    assert!(text.trim().ends_with(env!("CARGO_PKG_VERSION")), "{text}");
}
