//! Behind a reverse proxy.

use reqwest::Method;
use serde_json::json;

use crate::support::client::Backend;
use crate::support::server::Server;
use crate::support::websocket::WebSocket;

#[tokio::test(flavor = "multi_thread")]
async fn enforce_https_takes_the_proxys_word_for_websockets_too() {
    let server = Server::start(&[("enforce-https", "true")]);
    let backend = Backend::of(&server);
    let call = async |path: &str, scheme: &str| {
        let request = backend.request(Method::POST, path).header("x-scheme", scheme).json(&json!({"username": "a"}));
        request.send().await.unwrap().status().as_u16()
    };
    assert_eq!((call("/connect", "http").await, call("/connect", "https").await), (406, 200));
    let plain = WebSocket::open(&server.address, &uuid::Uuid::new_v4().to_string()).await;
    assert!(plain.is_err());
    assert_eq!(backend.unsigned(Method::GET, "/health").send().await.unwrap().status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_callers_address_is_what_a_trusted_proxy_says() {
    let flags = [("trusted-proxies", "127.0.0.0/8"), ("allow-posting-from", "198.51.100.0/24")];
    let server = Server::start(&flags);
    let backend = Backend::of(&server);
    let call = async |address: &str| {
        let request = backend.request(Method::POST, "/info").header("x-forwarded-for", address);
        request.send().await.unwrap().status().as_u16()
    };
    assert_eq!((call("198.51.100.7").await, call("198.51.100.7, 203.0.113.1").await), (200, 403));
    let request = backend.unsigned(Method::GET, "/admin").header("host", "push.example").header("x-forwarded-proto", "https");
    let response = request.header("x-forwarded-prefix", "/chan").send().await.unwrap();
    assert_eq!(response.headers()["location"], "https://push.example/chan/admin/sign_in");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_session_cookie_is_secure_behind_https() {
    let server = Server::start(&[]);
    let sign_in = |scheme: &'static str| {
        let request = Backend::of(&server).unsigned(Method::POST, "/admin/sign_in").header("x-scheme", scheme);
        request.form(&json!({"username": "admin", "password": "admin_secret"})).send()
    };
    for (scheme, is_secure) in [("http", false), ("https", true)] {
        let response = sign_in(scheme).await.unwrap();
        let cookie = response.headers()["set-cookie"].to_str().unwrap().to_owned();
        assert_eq!(cookie.contains("Secure"), is_secure, "{cookie}");
        assert!(cookie.starts_with("auth_tkt=") && cookie.contains("HttpOnly") && cookie.contains("Max-Age=2592000"), "{cookie}");
    }
}
