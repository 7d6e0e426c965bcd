//! Only `/ws` is a websocket. A request for another upgrade is refused, and takes no resources of
//! the server.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::client::Backend;
use crate::support::event_stream::EventStream;
use crate::support::raw::Raw;
use crate::support::server::Server;
use crate::support::websocket::WebSocket;

/// The headers that make a request a websocket handshake.
const UPGRADE: &str = "Host: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                       Sec-WebSocket-Version: 13\r\n\
                       Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

/// Returns the transport of the user's only connection.
async fn transport(backend: &Backend, user: &str) -> Value {
    let mut panel = EventStream::open(
        backend.request(Method::GET, &format!("/admin/live?view=user&name={user}")),
    )
    .await;
    loop {
        let event = panel.expect_next().await;
        if event.name == "view" {
            let view: Value = serde_json::from_str(&event.data).unwrap();
            return view["connections"][0]["transport"].clone();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upgrade_of_anything_but_the_websocket_is_refused_before_anything_is_attached() {
    let server = Server::start(&[]);
    let backend = Backend::of(&server);
    let conn_id = backend.connect("alice", &["room"]).await;
    let secret = "x-channelstream-secret: garbage\r\n";
    for (method, path, more) in [
        ("GET", format!("/sse?conn_id={conn_id}"), ""),
        (
            "GET",
            format!("/chan/sse?conn_id={conn_id}"),
            "X-Script-Name: /chan\r\n",
        ),
        ("GET", format!("/listen?conn_id={conn_id}"), ""),
        ("POST", format!("/ws?conn_id={conn_id}"), ""),
        ("GET", "/admin/live".to_owned(), secret),
        ("POST", "/message".to_owned(), secret),
        ("GET", "/nowhere".to_owned(), ""),
        ("GET", "/".to_owned(), ""),
    ] {
        let mut raw = Raw::open(&server).await;
        raw.send(&format!(
            "{method} {path} HTTP/1.1\r\n{UPGRADE}{more}\r\nwhat would be its body"
        ))
        .await;
        let end = raw.ending().await;
        assert_eq!(end.status(), 400, "{method} {path}: {end:?}");
        assert!(
            end.text.contains("/ws") && end.text.contains("access-control-allow-origin"),
            "{method} {path}: {end:?}"
        );
    }
    assert_eq!(transport(&backend, "alice").await, Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_websocket_with_a_body_is_refused() {
    let server = Server::start(&[]);
    let conn_id = Backend::of(&server).connect("alice", &["room"]).await;
    let mut raw = Raw::open(&server).await;
    raw.send(&format!(
        "GET /ws?conn_id={conn_id} HTTP/1.1\r\n{UPGRADE}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    ))
    .await;
    let answer = raw.answer().await;
    assert!(
        answer.starts_with("http/1.1 426") && answer.contains("body"),
        "{answer}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tunnel_is_refused() {
    let server = Server::start(&[]);
    for target in ["example.com:443", "/ws", "/"] {
        let mut raw = Raw::open(&server).await;
        raw.send(&format!(
            "CONNECT {target} HTTP/1.1\r\nHost: x\r\n\r\nbytes for somebody else"
        ))
        .await;
        let end = raw.ending().await;
        assert_eq!(end.status(), 400, "{target}: {end:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_websocket_is_upgraded_behind_a_prefix_too() {
    let server = Server::start(&[
        ("trusted-proxies", "127.0.0.1"),
        ("proxy-headers", "x-script-name"),
    ]);
    let backend = Backend::of(&server);
    let conn_id = backend.connect("alice", &["room"]).await;
    let mut raw = Raw::open(&server).await;
    raw.send(&format!(
        "GET /chan/ws?conn_id={conn_id} HTTP/1.1\r\n{UPGRADE}X-Script-Name: /chan\r\n\r\n"
    ))
    .await;
    assert!(raw.answer().await.starts_with("http/1.1 101"));
    let mut socket = WebSocket::open(&server.address, &conn_id).await.unwrap();
    backend.say("room", json!({"n": 1})).await;
    assert_eq!(socket.event().await["message"]["n"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_upgrade_keeps_nothing_of_what_is_published() {
    let server = Server::start(&[("log-bytes", "100000"), ("channel-frames", "1")]);
    let backend = Backend::of(&server);
    let conn_id = backend.connect("alice", &["room"]).await;
    let publish = async |count: u32| {
        for _ in 0..count {
            backend
                .say("room", json!({"filler": "x".repeat(100_000)}))
                .await;
        }
    };
    publish(1000).await;
    let before = server.memory();
    let mut raw = Raw::open(&server).await;
    raw.send(&format!(
        "GET /sse?conn_id={conn_id} HTTP/1.1\r\n{UPGRADE}\r\n"
    ))
    .await;
    // The request may stay without an answer.
    let end = tokio::time::timeout(Duration::from_secs(5), raw.ending()).await;
    publish(1000).await;
    let kept = server.memory().saturating_sub(before) / 1024;
    println!("of 100 MB published, {kept} MB are kept");
    assert!(kept < 50, "{kept} MB");
    assert_eq!(end.unwrap().status(), 400);
}
