//! The error catalogue (`docs/errors.md`) has a section for each error and close code, and tells
//! what the server really answers.

use std::collections::{BTreeMap, BTreeSet};

use channelstream::error_name::{ERROR_NAME, ErrorName};
use channelstream_actors::error::{CloseCode, CloseReason};
use channelstream_actors::limits::LimitKind;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::support::client::Backend;
use crate::support::server::Server;
use crate::support::signing::{now, sign};

const PAGE: &str = include_str!("../../docs/errors.md");

/// Returns the text of each section by its title.
fn sections() -> BTreeMap<&'static str, &'static str> {
    let sections = PAGE.split("\n### ").skip(1);
    sections
        .map(|section| {
            let section = section.split("\n## ").next().unwrap();
            section.split_once('\n').unwrap()
        })
        .collect()
}

/// Returns whether the page quotes a text in this section. A `…` stands for anything.
fn is_quoted(section: &str, text: &str) -> bool {
    let quotes = section.split('`').skip(1).step_by(2);
    quotes.into_iter().any(|quote| {
        let mut rest = text;
        let has_all = quote.split('…').all(|part| {
            let found = rest.split_once(part.trim());
            found.map(|(_, after)| rest = after).is_some()
        });
        has_all && quote.len() > 3
    })
}

/// Returns the reason that follows in the order of the enum. The compiler demands a new reason
/// here.
fn next(reason: CloseReason) -> Option<CloseReason> {
    Some(match reason {
        CloseReason::Disconnected => CloseReason::Restart { wait: 3 },
        CloseReason::Restart { .. } => CloseReason::Replaced,
        CloseReason::Replaced => CloseReason::TooSlow,
        CloseReason::TooSlow => CloseReason::Idle,
        CloseReason::Idle => CloseReason::UnknownConnection,
        CloseReason::UnknownConnection => CloseReason::Full(LimitKind::Connections),
        CloseReason::Full(_) => CloseReason::Fault,
        CloseReason::Fault => return None,
    })
}

#[test]
fn each_error_and_close_code_has_a_section_and_each_section_is_about_one() {
    let names = ErrorName::all().map(|name| name.as_str().to_owned());
    let codes = CloseCode::ALL
        .iter()
        .map(|code| format!("close-{}", code.number()));
    let expected: Vec<String> = names.chain(codes).collect();
    let different: BTreeSet<&str> = expected.iter().map(String::as_str).collect();
    assert_eq!(different.len(), expected.len(), "two errors have one name");
    let titles = PAGE.lines().filter_map(|line| line.strip_prefix("### "));
    let found: Vec<&str> = titles.collect();
    assert_eq!(found.iter().copied().collect::<BTreeSet<_>>(), different);
    assert_eq!(found.len(), different.len(), "two sections have one title");
}

#[test]
fn the_section_of_each_close_code_quotes_its_reasons() {
    let sections = sections();
    let reasons = std::iter::successors(Some(CloseReason::Disconnected), |last| next(*last));
    assert_eq!(reasons.clone().count(), 8);
    for reason in reasons {
        let section = sections[&*format!("close-{}", reason.code().number())];
        assert!(is_quoted(section, &reason.reason()), "{reason:?}");
    }
}

/// Returns the first text in an answer.
fn first_text(answer: &Value) -> String {
    match answer {
        Value::String(text) => text.clone(),
        Value::Array(items) => first_text(&items[0]),
        Value::Object(parts) => first_text(parts.values().next().unwrap()),
        other => panic!("no text in {other}"),
    }
}

/// Checks that the answer names this error, and that the page tells its status and text.
async fn assert_documented(name: &str, request: RequestBuilder) {
    let answer = request.send().await.unwrap();
    let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
    let text = answer.text().await.unwrap();
    let found = headers.get(ERROR_NAME).map(|name| name.to_str().unwrap());
    assert_eq!(found, Some(name), "{status} {text}");
    let exposed = headers["access-control-expose-headers"].to_str().unwrap();
    assert!(exposed.to_lowercase().contains(ERROR_NAME), "{exposed}");
    let section = sections()[name];
    assert!(
        section.contains(&format!("**{status}**")),
        "{name}: {status}"
    );
    let text = serde_json::from_str(&text).map_or(text, |answer| first_text(&answer));
    assert!(is_quoted(section, text.trim()), "{name}: {text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_name_their_error_and_the_page_quotes_them() {
    let server = Server::start(&[("channels-per-call", "2")]);
    let backend = Backend::of(&server);
    let post = |path: &str, body: Value| backend.request(Method::POST, path).json(&body);
    let connect = |body: Value| post("/connect", body);
    let unsigned = |method: Method, path: &str| backend.unsigned(method, path);
    let signed = |secret: &str, at: u64| {
        let call = unsigned(Method::POST, "/info");
        call.header("x-channelstream-secret", sign(secret, "/info", at))
    };
    let user = |field: &str, value: Value| connect(json!({"username": "alice", field: value}));
    let unknown = "7d444840-9dc0-11d1-b245-5ffdce74fad2";
    let taken = backend.connect("bob", &["news"]).await;
    let of_bob = json!({"username": "alice", "conn_id": taken});
    let message = |body: Value| {
        let message = json!({"user": "bob", "channel": "news", "message": {}});
        let mut message = message.as_object().unwrap().clone();
        message.extend(body.as_object().unwrap().clone());
        post("/message", json!([message]))
    };
    let state = json!({"user": "nobody", "user_state": {}});
    let config = json!({"news": {"history_size": "many"}});
    let listen = |query: &str| unsigned(Method::GET, &format!("/listen{query}"));
    for (name, request) in [
        ("not-signed", unsigned(Method::POST, "/info")),
        ("bad-signature", signed("another", now())),
        ("signature-too-old", signed("secret", now() - 3600)),
        ("not-found", unsigned(Method::GET, "/nowhere")),
        ("not-found", unsigned(Method::GET, "/static/nothing.js")),
        (
            "not-json",
            backend.request(Method::POST, "/connect").body("{"),
        ),
        ("not-json", backend.request(Method::POST, "/connect")),
        (
            "upgrade-required",
            unsigned(Method::GET, &format!("/ws?conn_id={unknown}")),
        ),
        ("wrong-parameter", listen("?conn_id=x")),
        ("wrong-parameter", listen("")),
        ("unknown-connection", listen(&format!("?conn_id={unknown}"))),
        (
            "unsigned-body-too-large",
            unsigned(Method::POST, "/disconnect").body("x".repeat(5000)),
        ),
        ("missing-field", connect(json!({}))),
        ("null-field", connect(json!({"username": null}))),
        ("wrong-body-type", connect(json!([]))),
        ("wrong-body-type", post("/info", json!([]))),
        ("not-a-list", user("channels", json!("news"))),
        (
            "list-too-short",
            post("/subscribe", json!({"conn_id": taken, "channels": []})),
        ),
        ("not-a-mapping", user("user_state", json!([]))),
        ("not-a-text", connect(json!({"username": 1}))),
        ("wrong-length", connect(json!({"username": ""}))),
        ("not-a-boolean", message(json!({"no_history": "perhaps"}))),
        ("not-an-integer", post("/channel_config", config)),
        (
            "negative-number",
            post("/channel_config", json!({"news": {"history_size": -1}})),
        ),
        ("not-a-datetime", message(json!({"timestamp": "today"}))),
        ("not-a-uuid", user("conn_id", json!("x"))),
        ("not-a-state-value", user("user_state", json!({"a": []}))),
        (
            "unknown-connection",
            post("/subscribe", json!({"conn_id": unknown, "channels": ["a"]})),
        ),
        ("unknown-user", post("/user_state", state)),
        ("conn-id-in-use", connect(of_bob)),
        (
            "no-backup-file",
            backend.request(Method::GET, "/admin/backup"),
        ),
        (
            "channels_per_call",
            user("channels", json!(["a", "b", "c"])),
        ),
    ] {
        assert_documented(name, request).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_by_settings_name_their_error() {
    let server = Server::start(&[
        ("allow-posting-from", "10.0.0.0/8"),
        ("allow-origins", "https://app.example"),
    ]);
    let backend = Backend::of(&server);
    let page = backend
        .unsigned(Method::GET, "/sse?conn_id=x")
        .header("origin", "https://other.example");
    for (name, request) in [
        (
            "address-not-allowed",
            backend.request(Method::POST, "/info"),
        ),
        ("origin-not-allowed", page),
        (
            "metrics-not-allowed",
            backend.unsigned(Method::GET, "/metrics"),
        ),
        (
            "default-secret-behind-proxy",
            backend.unsigned(Method::GET, "/health").header("via", "1"),
        ),
    ] {
        assert_documented(name, request).await;
    }
}
