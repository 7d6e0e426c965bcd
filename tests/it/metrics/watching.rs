//! The dashboard and the alert rules use metrics that exist, and `promtool` finds no error in them.

use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::Value;

use super::reading::Metrics;
use crate::support::client::Backend;
use crate::support::eventually;
use crate::support::folder::Folder;
use crate::support::server::Server;
use crate::support::websocket::WebSocket;

const RULES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/operations/alerts.yml");

/// Returns the metrics of a server with a file store, after everything that they count has happened
/// at least once.
async fn metrics() -> Metrics {
    let folder = Folder::new();
    let path = folder.path("state.sqlite");
    let server = Server::start(&[("store", "file"), ("store-path", &path)]);
    let backend = Backend::of(&server);
    let id = backend.connect("alice", &["news"]).await;
    drop(WebSocket::open(&server.address, &id).await.unwrap());
    eventually("a transport has ended and something is kept", async || {
        let now = Metrics::read(&backend).await;
        now.text.contains("channelstream_transport_closes_total{")
            && now
                .text
                .contains("channelstream_store_last_commit_age_seconds ")
    })
    .await;
    Metrics::read(&backend).await
}

/// Returns the names of metrics in an expression: those that begin with our prefix.
fn names_in(expression: &str) -> Vec<String> {
    let is_part = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    let words = expression.split(|letter| !is_part(letter));
    words
        .filter(|word| word.starts_with("channelstream_") || word.starts_with("process_"))
        .map(str::to_owned)
        .collect()
}

/// Returns the texts under a key anywhere in a value.
fn texts_under(value: &Value, key: &str) -> Vec<String> {
    match value {
        Value::Object(fields) => fields
            .iter()
            .flat_map(|(name, value)| match value {
                Value::String(text) if name == key => vec![text.clone()],
                other => texts_under(other, key),
            })
            .collect(),
        Value::Array(items) => items.iter().flat_map(|it| texts_under(it, key)).collect(),
        _ => Vec::new(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_dashboard_and_the_alerts_use_existing_metrics_and_no_metric_is_left_out() {
    let metrics = metrics().await;
    let board = include_str!("../../../docs/operations/grafana.json");
    let board: Value = serde_json::from_str(board).unwrap();
    let shown = [texts_under(&board, "expr"), texts_under(&board, "query")].concat();
    let rules = include_str!("../../../docs/operations/alerts.yml");
    let rules: Vec<_> = rules
        .lines()
        .filter(|line| !names_in(line).is_empty())
        .collect();
    assert!(shown.len() > 20 && rules.len() > 10);
    let is_told = |name: &str| {
        let start = format!("{name}{{");
        metrics
            .text
            .lines()
            .any(|line| line.starts_with(&start) || line.starts_with(&format!("{name} ")))
    };
    for expression in shown.iter().map(String::as_str).chain(rules) {
        for name in names_in(expression) {
            assert!(is_told(&name), "{name} in {expression} does not exist");
        }
    }
    let shown = shown.concat();
    for (name, _) in metrics.types() {
        assert!(shown.contains(name), "the dashboard does not show {name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn promtool_finds_nothing_wrong() {
    let Ok(version) = Command::new("promtool").arg("--version").output() else {
        eprintln!("skipped: promtool is not installed (make .promtool)");
        return;
    };
    assert!(version.status.success());
    let metrics = metrics().await;
    let mut check = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = check.stdin.take().unwrap();
    input.write_all(metrics.text.as_bytes()).unwrap();
    drop(input);
    let checked = check.wait_with_output().unwrap();
    let said = String::from_utf8([checked.stdout, checked.stderr].concat()).unwrap();
    assert!(checked.status.success() && said.is_empty(), "{said}");
    let checked = Command::new("promtool")
        .args(["check", "rules", RULES])
        .output()
        .unwrap();
    let said = String::from_utf8([checked.stdout, checked.stderr].concat()).unwrap();
    let rules = include_str!("../../../docs/operations/alerts.yml");
    let alerts = rules.matches("- alert: ").count();
    assert!(
        checked.status.success() && said.contains(&format!("{alerts} rules found")),
        "{said}"
    );
}
