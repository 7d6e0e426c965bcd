//! Limits per address. They apply only where the address of a client is known.

use reqwest::{Method, Response};
use serde_json::json;

use crate::support::client::Backend;
use crate::support::server::{Server, command};

const PROXY: (&str, &str) = ("trusted-proxies", "127.0.0.1");

/// Sends an unsigned request through the proxy, which reports this client address.
async fn ask(backend: &Backend, path: &str, client: &str) -> Response {
    let request = backend.unsigned(Method::GET, path);
    request
        .header("x-forwarded-for", client)
        .send()
        .await
        .unwrap()
}

async fn assert_too_many(response: Response, setting: &str) {
    assert_eq!(response.status(), 429);
    let wait = response.headers()["retry-after"]
        .to_str()
        .unwrap()
        .to_owned();
    assert!(wait.parse::<u64>().unwrap() >= 1, "{wait}");
    let text = response.text().await.unwrap();
    assert!(text.contains(setting), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_has_as_many_connections_as_max_connections_per_address_allows() {
    let server = Server::start(&[
        PROXY,
        ("max-connections-per-address", "2"),
        ("wake-connections-after", "10"),
    ]);
    let backend = Backend::of(&server);
    let mut streams = Vec::new();
    for user in ["a", "b"] {
        let conn_id = backend.connect(user, &[]).await;
        let stream = ask(
            &backend,
            &format!("/sse?conn_id={conn_id}"),
            "2001:db8:1:2::1",
        )
        .await;
        assert_eq!(stream.status(), 200);
        streams.push(stream);
    }
    let conn_id = backend.connect("c", &[]).await;
    let path = format!("/sse?conn_id={conn_id}");
    // An address in the same 64-bit network counts as the same client.
    for path in [
        path.clone(),
        format!("/listen?conn_id={conn_id}"),
        format!("/ws?conn_id={conn_id}"),
    ] {
        let refused = ask(&backend, &path, "2001:db8:1:2:ffff::2").await;
        assert_too_many(refused, "max_connections_per_address").await;
    }
    assert_eq!(ask(&backend, &path, "2001:db8:1:3::1").await.status(), 200);
    // The connections of the proxy itself are not counted.
    for user in ["d", "e", "f"] {
        let conn_id = backend.connect(user, &[]).await;
        let path = format!("/sse?conn_id={conn_id}");
        let stream = backend.unsigned(Method::GET, &path).send().await.unwrap();
        assert_eq!(stream.status(), 200);
        streams.push(stream);
    }
    drop(streams);
    crate::support::eventually("there is room again", async || {
        ask(&backend, &path, "2001:db8:1:2::1").await.status() == 200
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_sends_as_many_unsigned_requests_as_unsigned_rate_allows() {
    // A second is long enough for two requests. None of them is forgotten within an hour.
    let server = Server::start(&[PROXY, ("unsigned-rate", "2")]);
    let backend = Backend::of(&server);
    let send = async |client| ask(&backend, "/nowhere", client).await;
    let mut statuses = Vec::new();
    let mut last = None;
    // A slow machine may take longer than a second for some of them.
    for _ in 0..50 {
        let response = send("203.0.113.9").await;
        statuses.push(response.status().as_u16());
        last = Some(response)
            .filter(|response| response.status() == 429)
            .or(last);
    }
    assert_eq!(statuses[..2], [404, 404], "{statuses:?}");
    assert_too_many(
        last.expect("no request was beyond the limit"),
        "unsigned_rate",
    )
    .await;
    assert_eq!(send("203.0.113.10").await.status(), 404);
    // Signed calls and probes have no such limit by default.
    for _ in 0..10 {
        let call = backend
            .request(Method::POST, "/info")
            .header("x-forwarded-for", "203.0.113.9");
        assert_eq!(call.send().await.unwrap().status(), 403);
        assert_eq!(ask(&backend, "/health", "203.0.113.9").await.status(), 200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_makes_as_many_signed_calls_as_signed_rate_allows() {
    let server = Server::start(&[
        PROXY,
        ("signed-rate", "2"),
        ("allow-posting-from", "0.0.0.0"),
    ]);
    let backend = Backend::of(&server);
    let call = async || {
        let request = backend
            .request(Method::POST, "/connect")
            .json(&json!({"username": "a"}));
        let request = request.header("x-forwarded-for", "203.0.113.9");
        request.send().await.unwrap()
    };
    let mut statuses = Vec::new();
    let mut last = None;
    for _ in 0..50 {
        let response = call().await;
        statuses.push(response.status().as_u16());
        last = Some(response)
            .filter(|response| response.status() == 429)
            .or(last);
    }
    assert_eq!(statuses[..2], [200, 200], "{statuses:?}");
    assert_too_many(
        last.expect("no request was beyond the limit"),
        "signed_rate",
    )
    .await;
    // A peer on this machine that reports no client is the application itself.
    for _ in 0..10 {
        backend.post("/connect", json!({"username": "b"})).await;
    }
}

#[test]
fn the_check_says_where_limits_per_address_do_nothing() {
    let secrets = [
        ("CHANNELSTREAM_SECRET", "sixteen bytes at least"),
        ("CHANNELSTREAM_ADMIN_SECRET", "sixteen bytes as well"),
    ];
    let says = |flags: &[&str]| {
        let (_, text) = command(&[flags, &["config", "check"]].concat(), &secrets);
        text.contains("limits per address")
    };
    assert!(says(&["--host", "127.0.0.1"]));
    assert!(says(&["--host", "10.1.2.3"]));
    assert!(!says(&[
        "--host",
        "10.1.2.3",
        "--trusted-proxies",
        "10.1.2.1"
    ]));
    assert!(!says(&["--host", "203.0.113.1"]));
}
