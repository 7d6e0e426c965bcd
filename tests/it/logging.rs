//! The log stops nobody, says little of strangers, and is complete when the server has ended.

use std::time::Duration;

use reqwest::Method;
use serde_json::json;

use crate::support::client::Backend;
use crate::support::raw::Raw;
use crate::support::server::{Server, command};

#[tokio::test(flavor = "multi_thread")]
async fn a_server_whose_log_nobody_reads_goes_on_and_tells_later_what_it_dropped() {
    let server = Server::start_with(&[], &[("RUST_LOG", "trace")]);
    let backend = Backend::of(&server);
    server.leave_log_unread(true);
    // Each of these writes several lines.
    for call in 0..3000 {
        let health = backend.unsigned(Method::GET, "/health").timeout(Duration::from_secs(10)).send().await;
        assert!(health.is_ok_and(|health| health.status() == 200), "the server was stopped by its log at call {call}");
    }
    server.leave_log_unread(false);
    let line = server.log_line("lines of this log were dropped");
    let dropped: u64 = line.split_whitespace().find_map(|word| word.parse().ok()).unwrap();
    assert!(dropped > 1000 && line.contains("WARN"), "{line}");
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_calls_are_summed_up_once_a_second() {
    const CALLS: u64 = 1000;
    let server = Server::start(&[]);
    let backend = Backend::of(&server);
    server.leave_log_unread(true);
    for call in 0..CALLS {
        let refused = backend.unsigned(Method::POST, "/connect").json(&json!({"username": "a"})).timeout(Duration::from_secs(10));
        let refused = refused.send().await;
        assert!(refused.is_ok_and(|refused| refused.status() == 403), "the server was stopped by its log at call {call}");
    }
    server.leave_log_unread(false);
    assert!(server.log_line("refused a call").contains("/connect"));
    let mut told = 1;
    let mut lines = 1;
    while told < CALLS {
        let line = server.log_line("more calls: they have no signature");
        told += line.split("refused ").nth(1).unwrap().split(' ').next().unwrap().parse::<u64>().unwrap();
        lines += 1;
    }
    assert!(told == CALLS && lines < 30, "{told} calls in {lines} lines");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_http_is_no_error_of_the_server() {
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
        assert!((400..500).contains(&raw.ending().await.status()), "{garbage:?}");
    }
    let line = server.log_line("stream error");
    assert!(line.contains("DEBUG"), "{line}");
    // A pipelined upgrade that bytes follow, behind a request that is not answered yet.
    let conn_id = Backend::of(&server).connect("a", &[]).await;
    let mut raw = Raw::open(&server).await;
    raw.send(&format!("GET /listen?conn_id={conn_id} HTTP/1.1\r\nHost: x\r\n\r\n")).await;
    raw.send("GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n").await;
    raw.send("more").await;
    raw.ending().await;
    let mut server = server;
    server.terminate();
    server.log_line("stopped");
    let errors: Vec<_> = server.rest_of_log().into_iter().filter(|line| line.contains("ERROR")).collect();
    assert!(errors.is_empty(), "{errors:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_end_by_an_error_loses_no_line() {
    let server = Server::start(&[]);
    let port = server.address.rsplit(':').next().unwrap();
    for _ in 0..5 {
        let (code, text) = command(&["--port", port], &[]);
        assert!(code == Some(1) && text.contains("ERROR") && text.contains("cannot listen on"), "{code:?} {text}");
    }
}
