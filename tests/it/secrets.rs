//! Tests of several secrets at once, and of secrets in separate files.

use reqwest::StatusCode;

use crate::support::server::{Server, command, settings_file as file};
use crate::support::signing::{now, sign};

/// Returns the status of a call that is signed with this secret.
async fn call(server: &Server, secret: &str) -> StatusCode {
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let request = http
        .post(format!("http://{}/message", server.address))
        .header("x-channelstream-secret", sign(secret, "/message", now()))
        .json(&serde_json::json!([]));
    request.send().await.unwrap().status()
}

#[actix_web::test]
async fn calls_signed_with_any_of_several_secrets_are_accepted() {
    let settings = file(
        "several.toml",
        "secret = [\"the new secret, long\", \"the old secret, long\"]\n",
    );
    let server = Server::start_with(&[("config", &settings)], &[]);
    assert_eq!(call(&server, "the new secret, long").await, 200);
    assert_eq!(call(&server, "the old secret, long").await, 200);
    for wrong in ["secret", "the new secret", " long", ""] {
        assert_eq!(call(&server, wrong).await, 401, "{wrong}");
    }
}

#[actix_web::test]
async fn the_environment_holds_one_secret_or_several() {
    let variables = [(
        "CHANNELSTREAM_SECRET",
        r#"["0123456789abcdef new", "0123456789abcdef old"]"#,
    )];
    let server = Server::start_with(&[], &variables);
    assert_eq!(call(&server, "0123456789abcdef new").await, 200);
    assert_eq!(call(&server, "0123456789abcdef old").await, 200);
    let (code, text) = command(&["sign", "/message"], &variables);
    assert_eq!(code, Some(0));
    let at = [now(), now() - 1];
    let is_by_first = |at: &u64| text.trim() == sign("0123456789abcdef new", "/message", *at);
    assert!(at.iter().any(is_by_first), "{text}");

    let server = Server::start_with(&[], &[("CHANNELSTREAM_SECRET", "one, with a comma")]);
    assert_eq!(call(&server, "one, with a comma").await, 200);
}

#[actix_web::test]
async fn secrets_are_read_from_files_without_their_line_break() {
    let secret = file("secret", "0123456789abcdef new\n0123456789abcdef old\n");
    let admin = file("admin", "the password of operators\r\n");
    let cookie = file("cookie", "the secret of the cookies");
    let variables = [
        ("CHANNELSTREAM_SECRET_FILE", secret.as_str()),
        ("CHANNELSTREAM_ADMIN_SECRET_FILE", &admin),
        ("CHANNELSTREAM_COOKIE_SECRET_FILE", &cookie),
    ];
    let server = Server::start_with(&[], &variables);
    assert_eq!(call(&server, "0123456789abcdef new").await, 200);
    assert_eq!(call(&server, "0123456789abcdef old").await, 200);
    let log = server.start_log.join("\n");
    assert!(!log.contains("everyone knows"), "{log}");
    let (code, shown) = command(&["config", "show"], &variables);
    assert_eq!(code, Some(0), "{shown}");
    assert!(
        shown.contains("secret = [\"***\", \"***\"]\n")
            && shown.contains("\nadmin_secret = \"***\"\n")
            && shown.contains(&format!("\nsecret_file = \"{secret}\"\n"))
            && !shown.contains("abcdef")
            && !shown.contains("operators"),
        "{shown}"
    );
}

#[test]
fn a_secret_that_is_given_twice_or_whose_file_holds_none_stops_the_start() {
    let one = file("one", "0123456789abcdef\n");
    let several = file("several", "0123456789abcdef\nfedcba9876543210\n");
    let empty = file("empty", "\n");
    for (variables, expected) in [
        (
            vec![("SECRET", "x"), ("SECRET_FILE", &one)],
            "secret and secret_file are both set; remove one of them".to_owned(),
        ),
        (
            vec![("SECRET_FILE", &empty)],
            format!("secret_file = {empty}: expected a secret on each line"),
        ),
        (
            vec![("SECRET_FILE", "/nowhere/secret")],
            "secret_file = /nowhere/secret: No such file".to_owned(),
        ),
        (
            vec![("ADMIN_SECRET_FILE", &several)],
            format!(
                "admin_secret_file = {several}: expected one line with the secret, but found 2"
            ),
        ),
        (
            vec![("SECRET", r#"["x", ""]"#)],
            "CHANNELSTREAM_SECRET=***: expected secrets that are not empty".to_owned(),
        ),
    ] {
        let variables: Vec<_> = variables
            .iter()
            .map(|(key, text): &(&str, &str)| (format!("CHANNELSTREAM_{key}"), *text))
            .collect();
        let pairs: Vec<_> = variables
            .iter()
            .map(|(key, text)| (key.as_str(), *text))
            .collect();
        let (code, text) = command(&["config", "check"], &pairs);
        assert_eq!(code, Some(78), "{pairs:?}: {text}");
        assert!(text.contains(&expected), "{pairs:?}: {text}");
        assert!(!text.contains("abcdef"), "{text}");
    }
}

#[test]
fn config_make_does_not_copy_a_secret_out_of_its_file() {
    let secret = file("made", "0123456789abcdef\n");
    let json =
        serde_json::json!({"secret_file": secret, "admin_secret": "a, b and c, long enough"});
    let (code, text) = command(&["config", "make", "-j", &json.to_string()], &[]);
    assert_eq!(code, Some(0), "{text}");
    assert!(
        !text.contains("0123456789abcdef") && text.contains("\n#secret = \"secret\"\n"),
        "{text}"
    );
    let made = file("made.toml", &text);
    let (code, text) = command(&["-c", &made, "config", "check"], &[]);
    assert_eq!(code, Some(0), "{text}");
}
