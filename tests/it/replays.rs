//! Tests of signatures that are valid for one path, not from the future, and only once.

use reqwest::{Method, Response};
use serde_json::json;

use crate::support::client::Backend;
use crate::support::server::{Server, command};
use crate::support::signing::{now, sign};

/// Makes a call that publishes nothing, with this signature.
async fn call(backend: &Backend, signature: &str) -> Response {
    backend
        .unsigned(Method::POST, "/message")
        .header("x-channelstream-secret", signature)
        .json(&json!([]))
        .send()
        .await
        .unwrap()
}

/// Returns the status and the hint of a call with this signature.
async fn outcome(backend: &Backend, signature: &str) -> (u16, String) {
    let answer = call(backend, signature).await;
    let hint = answer.headers().get("x-channelstream-hint");
    let hint = hint.map_or("", |hint| hint.to_str().unwrap()).to_owned();
    (answer.status().as_u16(), hint)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signature_is_accepted_once_however_it_is_spelt() {
    let server = Server::start(&[("reject-replays", "true")]);
    let backend = Backend::of(&server);
    let signature = sign("secret", "/message|1", now());
    assert_eq!(outcome(&backend, &signature).await.0, 200);
    let padded = format!("{signature}=");
    for again in [&signature, &padded] {
        let (status, hint) = outcome(&backend, again).await;
        assert_eq!(status, 401);
        assert!(hint.contains("used before"), "{hint}");
    }
    let other = sign("secret", "/message|2", now());
    assert_eq!(outcome(&backend, &other).await.0, 200);
    let (status, hint) = outcome(&backend, &sign("secret", "/message", now())).await;
    assert_eq!(status, 401);
    assert!(hint.contains("sign PATH|NONCE"), "{hint}");
    // A stranger's guess does not count as a use of the signature.
    let third = sign("secret", "/message|3", now());
    let forged = sign("guess", "/message|3", now());
    assert_eq!(outcome(&backend, &forged).await.0, 401);
    assert_eq!(outcome(&backend, &third).await.0, 200);
    server.log_line("refused a call to /message: the signature was used before");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_many_simultaneous_copies_is_accepted() {
    let server = Server::start(&[("reject-replays", "true")]);
    let backend = Backend::of(&server);
    let signature = sign("secret", "/message|same", now());
    let calls = (0..50).map(|_| call(&backend, &signature));
    let answers = futures_util::future::join_all(calls).await;
    let accepted = answers.iter().filter(|answer| answer.status() == 200);
    assert_eq!(accepted.count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_memory_refuses_calls_and_says_which_setting_bounds_it() {
    // The memory has room for two signatures.
    let server = Server::start(&[("reject-replays", "true"), ("replay-bytes", "96")]);
    let backend = Backend::of(&server);
    let signature = |nonce: u8| sign("secret", &format!("/message|{nonce}"), now());
    assert_eq!(call(&backend, &signature(1)).await.status(), 200);
    assert_eq!(call(&backend, &signature(2)).await.status(), 200);
    let refused = call(&backend, &signature(3)).await;
    assert_eq!(refused.status(), 503);
    assert!(refused.headers().contains_key("retry-after"));
    let text = refused.text().await.unwrap();
    assert!(text.contains("replay_bytes"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signature_counts_for_its_path_and_not_from_the_future() {
    let server = Server::start(&[
        ("signature-scope", "path"),
        ("signature-tolerance", "30"),
        ("trusted-proxies", "127.0.0.1"),
    ]);
    let backend = Backend::of(&server);
    for (text, at, expected, reason) in [
        ("/message", now(), 200, ""),
        ("/message|nonce", now(), 200, ""),
        ("/connect", now(), 401, "for another path"),
        ("channelstream", now(), 401, "for another path"),
        ("/message", now() + 20, 200, ""),
        ("/message", now() + 300, 401, "dated too far ahead"),
        ("/message", now() - 70, 401, "signature too old"),
    ] {
        let (status, hint) = outcome(&backend, &sign("secret", text, at)).await;
        assert_eq!(status, expected, "{text}");
        assert!(hint.contains(reason), "{text}: {hint}");
    }
    // Behind a prefix, the caller may sign the path that it sees itself.
    let answer = backend
        .unsigned(Method::POST, "/push/message")
        .header("x-forwarded-prefix", "/push")
        .header(
            "x-channelstream-secret",
            sign("secret", "/push/message", now()),
        )
        .json(&json!([]));
    assert_eq!(answer.send().await.unwrap().status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn signatures_of_the_server_itself_are_accepted_with_reject_replays() {
    let flags = [
        ("reject-replays", "true"),
        ("signature-scope", "path"),
        ("demo", "true"),
    ];
    let server = Server::start(&flags);
    let backend = Backend::of(&server);
    for name in ["alice", "bob"] {
        let joined = backend.unsigned(Method::POST, "/demo/connect");
        let joined = joined.json(&json!({"username": name})).send().await;
        assert_eq!(joined.unwrap().status(), 200, "{name}");
    }
    let (_, signature) = command(&["--reject-replays", "true", "sign", "/message"], &[]);
    assert_eq!(outcome(&backend, signature.trim()).await.0, 200);
    let arguments = [
        "--reject-replays",
        "true",
        "--validate-requests",
        "false",
        "config",
        "check",
    ];
    let (code, text) = command(&arguments, &[]);
    assert_eq!(code, Some(78), "{text}");
    assert!(text.contains("reject_replays = true needs"), "{text}");
}
