//! The log never blocks the server, is brief about strangers, and is complete when the server has
//! ended.

use std::time::Duration;

use reqwest::Method;
use serde_json::json;

use crate::support::client::Backend;
use crate::support::raw::Raw;
use crate::support::server::{Server, command};
use crate::support::websocket::WebSocket;

#[tokio::test(flavor = "multi_thread")]
async fn an_unread_log_does_not_block_the_server_and_dropped_lines_are_reported() {
    let server = Server::start_with(&[], &[("RUST_LOG", "trace")]);
    let backend = Backend::of(&server);
    server.leave_log_unread(true);
    // Each of these calls writes several lines.
    for call in 0..3000 {
        let health = backend
            .unsigned(Method::GET, "/health")
            .timeout(Duration::from_secs(10))
            .send()
            .await;
        assert!(
            health.is_ok_and(|health| health.status() == 200),
            "the server was stopped by its log at call {call}"
        );
    }
    server.leave_log_unread(false);
    let line = server.log_line("lines of this log were dropped");
    let dropped: u64 = line
        .split_whitespace()
        .find_map(|word| word.parse().ok())
        .unwrap();
    assert!(dropped > 1000 && line.contains("WARN"), "{line}");
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_calls_are_summed_up_once_a_second() {
    const CALLS: u64 = 1000;
    let server = Server::start(&[]);
    let backend = Backend::of(&server);
    server.leave_log_unread(true);
    for call in 0..CALLS {
        let refused = backend
            .unsigned(Method::POST, "/connect")
            .json(&json!({"username": "a"}))
            .timeout(Duration::from_secs(10));
        let refused = refused.send().await;
        assert!(
            refused.is_ok_and(|refused| refused.status() == 403),
            "the server was stopped by its log at call {call}"
        );
    }
    server.leave_log_unread(false);
    assert!(server.log_line("refused a call").contains("/connect"));
    let mut told = 1;
    let mut lines = 1;
    while told < CALLS {
        let line = server.log_line("more calls: they have no signature");
        told += line
            .split("refused ")
            .nth(1)
            .unwrap()
            .split(' ')
            .next()
            .unwrap()
            .parse::<u64>()
            .unwrap();
        lines += 1;
    }
    assert!(told == CALLS && lines < 30, "{told} calls in {lines} lines");
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_that_are_not_http_are_not_a_server_error() {
    let server = Server::start_with(&[("head-timeout", "0.5")], &[("RUST_LOG", "debug")]);
    for garbage in [
        "\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}\u{0}\u{1}\r\n\r\n",
        "nonsense\r\n\r\n",
        "GET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/9\r\nHost: x\r\n\r\n",
        "POST /message HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n",
        "POST /disconnect HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ] {
        let mut raw = Raw::open(&server).await;
        raw.send(garbage).await;
        assert!(
            (400..500).contains(&raw.ending().await.status()),
            "{garbage:?}"
        );
    }
    let line = server.log_line("stream error");
    assert!(line.contains("DEBUG"), "{line}");
    // Sends a pipelined upgrade, followed by bytes, while an earlier request has no answer yet.
    let conn_id = Backend::of(&server).connect("a", &[]).await;
    let mut raw = Raw::open(&server).await;
    raw.send(&format!(
        "GET /listen?conn_id={conn_id} HTTP/1.1\r\nHost: x\r\n\r\n"
    ))
    .await;
    raw.send("GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
        .await;
    raw.send("more").await;
    raw.ending().await;
    let mut server = server;
    server.terminate();
    server.log_line("stopped");
    let errors: Vec<_> = server
        .rest_of_log()
        .into_iter()
        .filter(|line| line.contains("ERROR"))
        .collect();
    assert!(errors.is_empty(), "{errors:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_connect_message_and_disconnect_has_a_debug_line_without_bodies_or_secrets() {
    let mut server = Server::start(&[("log-level", "DEBUG"), ("presence-grace", "0.1")]);
    let backend = Backend::of(&server);
    let conn_id = backend.connect("ali\nce", &["news"]).await;
    let socket = WebSocket::open(&server.address, &conn_id).await.unwrap();
    backend.say("news", json!({"text": "hush hush"})).await;
    drop(socket);
    backend.listen(&conn_id).await;
    backend
        .unsigned(Method::POST, "/disconnect")
        .json(&json!({"conn_id": conn_id}))
        .send()
        .await
        .unwrap();
    let connection = format!("connection={}", &conn_id[..8]);
    for (part, fields) in [
        (
            "connected ",
            &[&*connection, "user=\"ali\\nce\"", "channels=1"][..],
        ),
        ("started listening ", &[&connection, "transport=websocket"]),
        (
            " message ",
            &["user=\"backend\"", "channel=\"news\"", "pm_users=0"],
        ),
        ("stopped listening ", &[&connection, "transport=websocket"]),
        (
            "disconnected ",
            &[&connection, "user=\"ali\\nce\"", "reason=\"disconnected\""],
        ),
    ] {
        let line = server.log_line(part);
        assert!(
            line.contains("DEBUG") && fields.iter().all(|field| line.contains(field)),
            "{line}"
        );
        assert!(!line.contains(&conn_id) && !line.contains("hush"), "{line}");
    }
    server.terminate();
    let rest = server.rest_of_log();
    assert!(
        !rest
            .iter()
            .any(|line| line.contains(&conn_id) || line.contains("hush")),
        "{rest:?}"
    );
    // At other levels these lines are left out.
    let mut quiet = Server::start(&[]);
    Backend::of(&quiet).connect("alice", &[]).await;
    quiet.terminate();
    let lines = quiet.rest_of_log();
    assert!(
        !lines.iter().any(|line| line.contains("connected ")),
        "{lines:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_start_prints_links_to_the_pages_that_can_be_opened() {
    let own = [
        ("secret", "a secret of our own"),
        ("admin-secret", "another one of our own"),
    ];
    for (flags, expected) in [
        (
            &[("demo", "true")][..],
            &["/", "/admin", "/api-explorer"][..],
        ),
        (&[("demo", "false")], &["/admin", "/api-explorer"]),
        (
            &[("demo", "true"), ("host", "0.0.0.0"), own[0], own[1]],
            &["/", "/admin", "/api-explorer"],
        ),
        (&[("demo", "true"), ("enforce-https", "true")], &[]),
    ] {
        let mut server = Server::start(flags);
        let port = server.address.rsplit(':').next().unwrap().to_owned();
        let backend = Backend::of(&server);
        let mut reachable = Vec::new();
        for path in ["/", "/admin", "/api-explorer"] {
            let status = backend
                .unsigned(Method::GET, path)
                .send()
                .await
                .unwrap()
                .status();
            reachable.extend((status == 200 || status == 302).then_some(path));
        }
        assert_eq!(reachable, expected, "{flags:?}");
        server.terminate();
        let mut linked = Vec::new();
        let mut line = String::new();
        while !line.contains("stopped") {
            line = server.log_line("");
            let link = line
                .split(": ")
                .nth(1)
                .and_then(|rest| rest.trim().strip_prefix("http://127.0.0.1:"));
            linked.extend(link.map(|link| link.split(' ').next().unwrap().to_owned()));
        }
        let expected: Vec<_> = expected
            .iter()
            .map(|path| format!("{port}{path}"))
            .collect();
        assert_eq!(linked, expected, "{flags:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_end_by_an_error_loses_no_line() {
    let server = Server::start(&[]);
    let port = server.address.rsplit(':').next().unwrap();
    for _ in 0..5 {
        let (code, text) = command(&["--port", port], &[]);
        assert!(
            code == Some(1) && text.contains("ERROR") && text.contains("cannot listen on"),
            "{code:?} {text}"
        );
    }
}
