//! Tests of who may read the metrics.

use reqwest::{Method, RequestBuilder};
use serde_json::json;

use crate::support::client::Backend;
use crate::support::server::Server;
use crate::support::signing::{now, sign};

const OWN_SECRETS: [(&str, &str); 2] = [
    ("secret", "a secret of our own"),
    ("admin-secret", "another one of our own"),
];

/// Headers that show that a request came through a proxy.
const FORWARDING_HEADERS: [&str; 9] = [
    "forwarded",
    "via",
    "x-real-ip",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-forwarded-port",
    "x-script-name",
    "x-scheme",
];

async fn outcome(request: RequestBuilder) -> (u16, String) {
    let answer = request.send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_in_allow_posting_from_may_read_and_another_gets_advice() {
    let server = Server::start(&OWN_SECRETS);
    let ask = || Backend::of(&server).unsigned(Method::GET, "/metrics");
    assert_eq!(outcome(ask()).await.0, 200);
    let elsewhere = [("allow-posting-from", "192.0.2.0/24")];
    let server = Server::start(&[&OWN_SECRETS[..], &elsewhere].concat());
    let ask = || Backend::of(&server).unsigned(Method::GET, "/metrics");
    let (status, text) = outcome(ask()).await;
    assert_eq!(status, 403);
    assert!(
        text.contains("allow_posting_from") && text.contains("127.0.0.1"),
        "{text}"
    );
    assert!(!text.contains("channelstream_messages"), "{text}");
    assert!(
        server
            .log_line("refused a request for /metrics")
            .contains("127.0.0.1")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn callers_at_an_internal_address_may_read() {
    let internal = [
        ("allow-posting-from", "192.0.2.0/24"),
        ("internal-listen", "127.0.0.1:0"),
    ];
    let server = Server::start(&[&OWN_SECRETS[..], &internal].concat());
    let internal = server.logged_address("(internal_listen)");
    let ask = |address: &str| Backend::at(address).unsigned(Method::GET, "/metrics");
    assert_eq!(outcome(ask(&internal)).await.0, 200);
    assert_eq!(outcome(ask(&server.address)).await.0, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_from_an_unknown_proxy_has_no_client_address() {
    let server = Server::start(&OWN_SECRETS);
    let backend = Backend::of(&server);
    for header in FORWARDING_HEADERS {
        // A proxy on the same machine has an address that is allowed to read.
        let ask = backend
            .unsigned(Method::GET, "/metrics")
            .header(header, "127.0.0.1");
        let (status, text) = outcome(ask).await;
        assert_eq!(status, 403, "{header}");
        assert!(text.contains("trusted_proxies"), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trusted_proxy_names_the_client_and_is_refused_otherwise() {
    let trusted = [
        ("trusted-proxies", "127.0.0.0/8"),
        ("allow-posting-from", "127.0.0.1, 198.51.100.0/24"),
    ];
    let server = Server::start(&[&OWN_SECRETS[..], &trusted].concat());
    let backend = Backend::of(&server);
    for (header, value, expected) in [
        ("x-forwarded-for", "198.51.100.7", 200),
        ("x-forwarded-for", "198.51.100.7, 203.0.113.1", 403),
        ("x-forwarded-for", "unknown", 403),
        ("x-forwarded-proto", "https", 403),
        ("via", "1.1 proxy", 403),
    ] {
        let ask = backend
            .unsigned(Method::GET, "/metrics")
            .header(header, value);
        assert_eq!(outcome(ask).await.0, expected, "{header}: {value}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_or_a_signature_gives_access_through_a_proxy() {
    let server = Server::start(&OWN_SECRETS);
    let backend = Backend::of(&server);
    let ask = || {
        backend
            .unsigned(Method::GET, "/metrics")
            .header("x-forwarded-for", "203.0.113.9")
    };
    assert_eq!(outcome(ask()).await.0, 403);
    let signature = |secret| sign(secret, "/metrics", now());
    let signed = |secret| ask().header("x-channelstream-secret", signature(secret));
    assert_eq!(outcome(signed("a secret of our own")).await.0, 200);
    assert_eq!(outcome(signed("another")).await.0, 401);
    let sign_in = backend
        .unsigned(Method::POST, "/admin/sign_in")
        .form(&json!({"username": "admin", "password": "another one of our own"}));
    let answer = sign_in.send().await.unwrap();
    let cookies = answer.headers().get_all("set-cookie").iter();
    let cookies: Vec<_> = cookies
        .map(|cookie| cookie.to_str().unwrap().split(';').next().unwrap())
        .collect();
    assert_eq!(
        outcome(ask().header("cookie", cookies.join("; "))).await.0,
        200
    );
}
