//! Tests of `GET /metrics`: what it counts, and who may read it.

mod readers;
pub(crate) mod reading;
mod watching;

use std::time::Duration;

use reqwest::Method;
use serde_json::json;

use self::reading::Metrics;
use crate::description::description;
use crate::support::client::Backend;
use crate::support::eventually;
use crate::support::folder::Folder;
use crate::support::redis::Redis;
use crate::support::server::Server;
use crate::support::websocket::WebSocket;

#[tokio::test(flavor = "multi_thread")]
async fn metrics_count_events_and_reveal_no_name() {
    let server = Server::start(&[("sweep-interval", "0.1"), ("presence-grace", "0.1")]);
    let backend = Backend::of(&server);
    let before = Metrics::read(&backend).await;
    assert_eq!(before.get("channelstream_messages_published_total"), 0.0);
    let alice = backend.connect("alice", &["news"]).await;
    backend.connect("bob", &["news", "cricket"]).await;
    let mut first = WebSocket::open(&server.address, &alice).await.unwrap();
    backend
        .say("news", json!({"text": "x".repeat(10_000)}))
        .await;
    first.event().await;
    // A second websocket of the same connection takes over.
    let second = WebSocket::open(&server.address, &alice).await.unwrap();
    let refused = backend.unsigned(Method::POST, "/message").send().await;
    assert_eq!(refused.unwrap().status(), 403);
    let unknown = backend.unsigned(Method::GET, "/alice/news").send().await;
    assert_eq!(unknown.unwrap().status(), 404);
    backend.post("/disconnect", json!({"conn_id": alice})).await;
    drop(second);
    let expected = [
        ("channelstream_messages_published_total", 1.0),
        ("channelstream_messages_delivered_total", 1.0),
        ("channelstream_takeovers_total", 1.0),
        ("channelstream_connections_opened_total", 2.0),
        ("channelstream_users_online", 1.0),
        ("channelstream_ready", 1.0),
        (r#"channelstream_actors{kind="channel"}"#, 2.0),
        (r#"channelstream_actors{kind="user"}"#, 2.0),
        (r#"channelstream_actors{kind="connection"}"#, 1.0),
        (r#"channelstream_transports{transport="websocket"}"#, 0.0),
        (
            r#"channelstream_connection_closes_total{reason="disconnected"}"#,
            1.0,
        ),
        (
            r#"channelstream_transport_closes_total{transport="websocket",reason="replaced"}"#,
            1.0,
        ),
        (
            r#"channelstream_transport_closes_total{transport="websocket",reason="disconnected"}"#,
            1.0,
        ),
        (
            r#"channelstream_http_requests_total{path="/connect",status="200"}"#,
            2.0,
        ),
        (
            r#"channelstream_http_requests_total{path="/message",status="200"}"#,
            1.0,
        ),
        (
            r#"channelstream_http_requests_total{path="/message",status="403"}"#,
            1.0,
        ),
        (
            r#"channelstream_http_requests_total{path="/ws",status="101"}"#,
            2.0,
        ),
        (
            r#"channelstream_http_requests_total{path="other",status="404"}"#,
            1.0,
        ),
    ];
    let mut wrong = Vec::new();
    eventually("all numbers are as expected", async || {
        let now = Metrics::read(&backend).await;
        let is_wrong = |(name, value): &&(&str, f64)| now.find(name) != Some(*value);
        wrong = expected
            .iter()
            .filter(is_wrong)
            .map(|(name, _)| (*name, now.find(name)))
            .collect();
        let (log, open) = (
            now.get("channelstream_log_bytes"),
            now.get("process_open_fds"),
        );
        let is_alive = now.get("channelstream_confirmation_lag_seconds_count") > 0.0
            && now.get("channelstream_event_loop_delay_seconds_count") > 0.0
            && log > 10_000.0
            && now.get("channelstream_history_bytes") == 0.0
            && open > 5.0
            && open < now.get("process_max_fds")
            && now.get("process_resident_memory_bytes") > 1e6
            && now.get("process_start_time_seconds") > 1.7e9;
        if !wrong.is_empty() || !is_alive {
            eprintln!("not yet: {wrong:?}, log {log}, open {open}");
        }
        wrong.is_empty() && is_alive
    })
    .await;
    let text = Metrics::read(&backend).await.text;
    for name in ["alice", "bob", "news", "cricket"] {
        assert!(!text.contains(name), "found {name} in {text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_bytes_of_channels_are_counted_until_they_are_forgotten() {
    let server = Server::start(&[
        ("sweep-interval", "0.1"),
        ("gc-channels-after", "0.2"),
        ("admin-secret", "admin_secret"),
    ]);
    let backend = Backend::of(&server);
    let config = json!({"store_history": true, "history_size": 10});
    backend
        .post("/channel_config", json!({"news": config}))
        .await;
    let id = backend.connect("alice", &["news"]).await;
    backend.say("news", json!({"text": "x".repeat(5000)})).await;
    let held = async || {
        let now = Metrics::read(&backend).await;
        let names = ["channelstream_log_bytes", "channelstream_history_bytes"];
        names.map(|name| now.get(name))
    };
    eventually(
        "the message is counted in the log and in the history",
        async || {
            let [log, history] = held().await;
            log > 5000.0 && history > 5000.0
        },
    )
    .await;
    backend.post("/disconnect", json!({"conn_id": id})).await;
    eventually(
        "what the channel held is not counted any more",
        async || held().await[1] == 0.0,
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gap_that_a_client_is_told_of_is_counted() {
    let server = Server::start(&[("log-length", "4"), ("gc-conns-after", "30")]);
    let backend = Backend::of(&server);
    let id = backend.connect("alice", &["news"]).await;
    drop(WebSocket::open(&server.address, &id).await.unwrap());
    for number in 0..10 {
        backend.say("news", json!({"number": number})).await;
    }
    // Entries from before the last 16 seconds must have left the log, which keeps four entries.
    let mut back = WebSocket::open(&server.address, &id).await.unwrap();
    back.event().await;
    eventually("the gap is counted", async || {
        Metrics::read(&backend)
            .await
            .get("channelstream_gaps_total")
            == 1.0
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_of_the_store_need_one_and_every_metric_is_documented() {
    let memory = Server::start(&[]);
    let text = Metrics::read(&Backend::of(&memory)).await.text;
    assert!(!text.contains("channelstream_store_"), "{text}");
    assert!(!text.contains("channelstream_redis_"), "{text}");
    let redis = Redis::start();
    let nodes = [redis.node(&[]), redis.node(&[])];
    let backend = Backend::of(&nodes[0]);
    backend.connect("alice", &["news"]).await;
    eventually("both nodes are counted", async || {
        let now = Metrics::read(&backend).await;
        now.get("channelstream_nodes") == 2.0
            && now.get("channelstream_redis_connected") == 1.0
            && now.get("channelstream_redis_calls_total") > 0.0
            && now.get("channelstream_feed_entries_total") > 0.0
    })
    .await;
    let of_node = Metrics::read(&backend).await;
    let folder = Folder::new();
    let path = folder.path("state.sqlite");
    let server = Server::start(&[("store", "file"), ("store-path", &path)]);
    let backend = Backend::of(&server);
    backend.connect("alice", &["news"]).await;
    eventually("a transaction is counted", async || {
        let now = Metrics::read(&backend).await;
        now.get("channelstream_store_commits_total") > 0.0
            && now.get("channelstream_store_file_bytes") > 1000.0
            && now.get("channelstream_store_writable") == 1.0
            && now.get("channelstream_store_last_commit_age_seconds") < 20.0
    })
    .await;
    let now = Metrics::read(&backend).await;
    let told: Vec<_> = now
        .types()
        .iter()
        .chain(&of_node.types())
        .map(|(name, _)| format!("| `{name}` |"))
        .collect();
    let rows = include_str!("../../docs/operations/watching.md").lines();
    let rows: Vec<_> = rows.filter(|row| row.starts_with("| `")).collect();
    for name in &told {
        assert!(
            rows.iter().any(|row| row.starts_with(name)),
            "{name} is not explained"
        );
    }
    for row in &rows {
        assert!(
            told.iter().any(|name| row.starts_with(name)),
            "there is no {row}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn probes_are_also_at_the_paths_of_supervisors() {
    let mut server = Server::start(&[("drain-notice", "20"), ("enforce-https", "true")]);
    let backend = Backend::of(&server);
    let get = async |path: &str| {
        let request = backend.unsigned(Method::GET, path);
        let answer = request
            .timeout(Duration::from_secs(10))
            .send()
            .await
            .unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    assert_eq!(get("/health/live").await, get("/health").await);
    assert_eq!(get("/health/ready").await, get("/ready").await);
    assert_eq!(get("/health/ready").await.0, 200);
    server.begin_stop();
    eventually("the server is not ready", async || {
        get("/health/ready").await.0 == 503
    })
    .await;
    assert_eq!(get("/health/ready").await, get("/ready").await);
    assert_eq!(get("/health/live").await.0, 200);
    server.kill();
}

#[tokio::test(flavor = "multi_thread")]
async fn every_path_of_the_description_is_counted_by_its_own_name() {
    let server = Server::start(&[]);
    let backend = Backend::of(&server);
    let description = description(&backend).await;
    let paths: Vec<_> = description["paths"].as_object().unwrap().keys().collect();
    assert!(paths.len() > 20);
    for path in &paths {
        // A stream would not end, so the test waits only for the head of the answer.
        drop(backend.request(Method::GET, path).send().await.unwrap());
    }
    let text = Metrics::read(&backend).await.text;
    for path in paths {
        let name = format!("channelstream_http_requests_total{{path=\"{path}\",");
        assert!(text.contains(&name), "{path} is not counted");
    }
    assert!(!text.contains(r#"path="other""#), "{text}");
}
