//! Where the original's error texts say little, the header `X-Channelstream-Hint` and the log
//! explain more.

use reqwest::{Method, Response};
use serde_json::json;

use crate::support::client::Backend;
use crate::support::server::Server;
use crate::support::signing::{now, sign};

const HINT: &str = "x-channelstream-hint";

fn hint(answer: &Response) -> String {
    answer
        .headers()
        .get(HINT)
        .map(|hint| hint.to_str().unwrap().to_owned())
        .unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_in_place_of_a_list_is_explained_in_the_answers_head_and_in_the_log() {
    let server = Server::start(&[]);
    let answer = Backend::of(&server)
        .send(
            Method::POST,
            "/message",
            &json!({"user": "bob", "channel": "news"}),
        )
        .await;
    assert_eq!(answer.status(), 422);
    let expected =
        "The body: must be a JSON list of objects, even for a single object (got an object).";
    assert_eq!(hint(&answer), expected);
    let exposed = answer.headers()["access-control-expose-headers"]
        .to_str()
        .unwrap()
        .to_lowercase();
    assert!(exposed.contains(HINT), "{exposed}");
    // The body is the same as the original's.
    assert_eq!(
        answer.text().await.unwrap(),
        r#"{"_schema":["Invalid input type."]}"#
    );
    assert!(server.log_line(expected).contains("/message"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_learns_of_a_signature_only_whether_it_matches_and_is_new() {
    let server = Server::start(&[]);
    let backend = Backend::of(&server);
    for (signature, expected) in [
        (
            sign("another secret", "/message", now()),
            "signature does not match",
        ),
        ("nonsense".to_owned(), "signature does not match"),
        (
            sign("another secret", "/message", now() - 3600),
            "signature does not match",
        ),
        (
            sign("secret", "/message", now() - 3600),
            "signature too old",
        ),
    ] {
        let call = backend
            .unsigned(Method::POST, "/message")
            .header("x-channelstream-secret", signature);
        let answer = call.json(&json!([])).send().await.unwrap();
        assert_eq!(
            (answer.status().as_u16(), hint(&answer)),
            (401, expected.to_owned())
        );
        assert_eq!(
            answer.text().await.unwrap(),
            r#"{"request":"Bad Signature"}"#
        );
    }
    assert!(
        server
            .log_line("the signature does not match; compare the secrets (secret)")
            .contains("/message")
    );
    assert!(
        server
            .log_line("the signature is more than 60 seconds old")
            .contains("/message")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn hints_name_the_place_and_the_expected_value() {
    let server = Server::start(&[]);
    let backend = Backend::of(&server);
    let unknown = "7d444840-9dc0-11d1-b245-5ffdce74fad2";
    for (path, body, expected) in [
        (
            "/connect",
            json!([]),
            "The body: must be a JSON object (got a list).",
        ),
        (
            "/connect",
            json!({}),
            "username: the key \"username\" is missing.",
        ),
        (
            "/connect",
            json!({"username": "a", "channels": "news"}),
            "channels: must be a JSON list, even for a single value (got text).",
        ),
        (
            "/connect",
            json!({"username": "a", "info": []}),
            "info: must be a JSON object (got a list).",
        ),
        (
            "/info",
            json!([]),
            "The body: must be a JSON object with the key \"info\" (got a list).",
        ),
        (
            "/message",
            json!([{"user": "bob", "message": "hello"}]),
            "0.message: must be a JSON object (got text).",
        ),
        (
            "/subscribe",
            json!({"channels": ["news"]}),
            "conn_id: the key \"conn_id\" is missing in both the body and the query.",
        ),
        (
            "/subscribe",
            json!({"conn_id": unknown, "channels": ["news"]}),
            "conn_id: there is no such connection: it was never opened, was disconnected, or was \
             idle for too long; call /connect again.",
        ),
        (
            "/user_state",
            json!({"user": "nobody"}),
            "user: there is no such user, or the user was forgotten; /connect creates users.",
        ),
    ] {
        let answer = backend.send(Method::POST, path, &body).await;
        assert_eq!(
            (answer.status().as_u16(), hint(&answer).as_str()),
            (422, expected),
            "{path} {body}"
        );
    }
    let answer = backend
        .unsigned(Method::GET, "/listen?conn_id=7")
        .send()
        .await
        .unwrap();
    assert_eq!(
        hint(&answer),
        "conn_id: must be a UUID, such as 7d444840-9dc0-11d1-b245-5ffdce74fad2."
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_of_the_caller_cannot_break_the_head_of_the_answer() {
    let server = Server::start(&[]);
    let backend = Backend::of(&server);
    let key = format!("line\r\nx-evil: 1\u{e4}{}", "k".repeat(10_000));
    let body = json!({"username": "a", "channel_configs": {key: []}});
    let answer = backend.send(Method::POST, "/connect", &body).await;
    assert_eq!(answer.status(), 422);
    assert!(answer.headers().get("x-evil").is_none());
    let hint = hint(&answer);
    assert!(
        hint.starts_with("channel_configs.line??x-evil: 1?kkk") && hint.len() <= 300,
        "{hint}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_says_enough_has_no_hint() {
    let server = Server::start(&[]);
    let answer = Backend::of(&server)
        .send(Method::POST, "/connect", &json!({"username": ""}))
        .await;
    assert_eq!(
        (answer.status().as_u16(), hint(&answer)),
        (422, String::new())
    );
    assert_eq!(
        answer.text().await.unwrap(),
        r#"{"username":["Length must be between 1 and 512."]}"#
    );
}
