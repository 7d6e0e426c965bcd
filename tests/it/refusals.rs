//! A refusal names what was found and the key to change.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::client::Backend;
use crate::support::server::Server;
use crate::support::signing::{now, sign};

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_is_not_allowed_is_named_in_body_and_log() {
    let server = Server::start(&[("allow-posting-from", "10.0.0.0/8, ::1")]);
    let response = Backend::of(&server)
        .send(Method::POST, "/connect", &json!({"username": "a"}))
        .await;
    assert_eq!(response.status(), 403);
    let text = response.text().await.unwrap();
    assert!(
        text.contains("127.0.0.1") && text.contains("allow_posting_from"),
        "{text}"
    );
    let line = server.log_line("refused a call");
    assert!(
        line.contains("127.0.0.1") && line.contains("allow_posting_from"),
        "{line}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_tells_an_old_signature_from_a_wrong_one() {
    let server = Server::start(&[]);
    let call = async |signature: String| {
        let request = Backend::of(&server)
            .unsigned(Method::POST, "/info")
            .header("x-channelstream-secret", signature);
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 401);
        assert_eq!(
            response.json::<Value>().await.unwrap(),
            json!({"request": "Bad Signature"})
        );
    };
    call(sign("secret", "/info", now() - 61)).await;
    assert!(
        server
            .log_line("refused a call")
            .contains("more than 60 seconds old")
    );
    call(sign("other", "/info", now())).await;
    assert!(
        server
            .log_line("refused a call")
            .contains("compare the secrets")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_age_of_a_signature_is_ignored_without_validate_requests() {
    let server = Server::start(&[("validate-requests", "false")]);
    let request = Backend::of(&server)
        .unsigned(Method::POST, "/info")
        .header("x-channelstream-secret", sign("secret", "x", 1));
    assert_eq!(request.send().await.unwrap().status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_id_of_another_user_is_refused_and_nothing_changes() {
    let server = Server::start(&[]);
    let backend = Backend::of(&server);
    let conn_id = backend.connect("alice", &["room"]).await;
    let taken = json!({
        "username": "mallory",
        "conn_id": conn_id,
        "channels": ["room", "side"],
        "user_state": {"a": 1},
    });
    let response = backend.send(Method::POST, "/connect", &taken).await;
    assert_eq!(response.status(), 422);
    assert_eq!(
        response.json::<Value>().await.unwrap(),
        json!({"conn_id": ["Connection id already in use."]})
    );
    let info = backend.post("/info", json!({"info": {}})).await;
    assert_eq!(info["channels"]["room"]["users"], json!(["alice"]));
    assert!(info["channels"].get("side").is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idempotency_key_delivers_once() {
    let server = Server::start(&[]);
    let backend = Backend::of(&server);
    backend
        .post("/channel_config", json!({"room": {"store_history": true}}))
        .await;
    let call = async |body: Value| {
        let request = backend
            .request(Method::POST, "/message")
            .header("Idempotency-Key", "k1")
            .json(&body);
        let response = request.send().await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    };
    let body = json!([{"user": "a", "channel": "room", "message": {"n": 1}}]);
    let (first, second) = tokio::join!(call(body.clone()), call(body.clone()));
    assert_eq!(first, second);
    assert_eq!(call(body).await, first);
    assert_eq!(
        call(json!([{"user": "a", "channel": "room", "message": {"n": 2}}]))
            .await
            .0,
        422
    );
    let info = backend
        .post("/info", json!({"info": {"channels": ["room"]}}))
        .await;
    assert_eq!(
        info["channels"]["room"]["history"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn admin_paths_take_a_session_or_a_signature() {
    let server = Server::start(&[]);
    let backend = Backend::of(&server);
    let unsigned = async |path: &str| {
        backend
            .unsigned(Method::GET, path)
            .send()
            .await
            .unwrap()
            .status()
            .as_u16()
    };
    for (path, status) in [
        ("/admin", 302),
        ("/admin/admin.json", 302),
        ("/openapi.json", 403),
        ("/api-explorer", 302),
    ] {
        assert_eq!(unsigned(path).await, status, "{path}");
    }
    for path in ["/admin", "/admin/admin.json", "/openapi.json"] {
        assert_eq!(
            backend
                .request(Method::GET, path)
                .send()
                .await
                .unwrap()
                .status(),
            200,
            "{path}"
        );
    }
    // Where no signature is needed, a bad one has no effect.
    for path in ["/admin/sign_in", "/health"] {
        let request = backend
            .unsigned(Method::GET, path)
            .header("x-channelstream-secret", "garbage");
        assert_eq!(request.send().await.unwrap().status(), 200, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_carries_the_headers_that_let_pages_read_it() {
    let server = Server::start(&[("allow-cors", "https://app.example")]);
    let backend = Backend::of(&server);
    for (origin, is_allowed) in [
        ("https://app.example", true),
        ("https://app.example.evil", false),
        ("http://app.example", false),
    ] {
        for path in ["/connect", "/nowhere", "/listen?conn_id=x"] {
            let response = backend
                .unsigned(Method::GET, path)
                .header("origin", origin)
                .send()
                .await
                .unwrap();
            assert_eq!(
                response
                    .headers()
                    .contains_key("access-control-allow-origin"),
                is_allowed,
                "{origin} {path}"
            );
            assert!(
                response
                    .headers()
                    .contains_key("access-control-allow-methods"),
                "{path}"
            );
        }
    }
}
