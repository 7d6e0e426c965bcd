//! Details of the original that applications rely on.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::client::Backend;
use crate::support::eventually;
use crate::support::server::Server;
use crate::support::signing::{now, sign};
use crate::support::websocket::WebSocket;

/// Returns a signature as another client may write it: base64 in this alphabet and with this
/// padding.
fn rewritten(signature: &str, is_standard: bool, padding: [&str; 2]) -> String {
    let (signed, mac) = signature.rsplit_once('.').unwrap();
    let (text, timestamp) = signed.rsplit_once('.').unwrap();
    let rewrite = |part: &str| {
        if is_standard {
            part.replace('-', "+").replace('_', "/")
        } else {
            part.to_owned()
        }
    };
    format!(
        "{text}.{timestamp}{}.{}{}",
        padding[0],
        rewrite(mac),
        padding[1]
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn signatures_in_either_alphabet_with_or_without_padding_are_accepted() {
    let server = Server::start(&[]);
    let backend = Backend::of(&server);
    let status = async |signature: String| {
        let request = backend
            .unsigned(Method::POST, "/info")
            .header("x-channelstream-secret", signature);
        request.send().await.unwrap().status().as_u16()
    };
    let mut letters = 0;
    for number in 0..40 {
        let signature = sign("secret", &format!("/message{number}"), now());
        letters += usize::from(signature.rsplit('.').next().unwrap().contains(['-', '_']));
        for is_standard in [true, false] {
            for padding in ["", "="] {
                let rewritten = rewritten(&signature, is_standard, ["", padding]);
                assert_eq!(status(rewritten.clone()).await, 200, "{rewritten}");
            }
        }
    }
    assert!(
        letters > 5,
        "the two alphabets differ in some of these signatures"
    );
    // Padding in the timestamp is part of the signed text.
    let foreign = rewritten(&sign("secret", "/message", now()), false, ["=", ""]);
    assert_eq!(status(foreign).await, 401);
    assert_eq!(status(sign("other", "/message", now())).await, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn allow_cors_takes_a_host_and_matches_it_whole() {
    let server = Server::start(&[("allow-cors", "app.example, https://whole.example")]);
    let backend = Backend::of(&server);
    for (origin, is_allowed) in [
        ("https://app.example", true),
        ("http://app.example:8080", true),
        ("https://whole.example", true),
        ("http://whole.example", false),
        ("https://evil-app.example", false),
        ("https://app.example.evil.example", false),
    ] {
        let response = backend
            .unsigned(Method::OPTIONS, "/listen")
            .header("origin", origin)
            .send()
            .await
            .unwrap();
        assert_eq!(
            response
                .headers()
                .contains_key("access-control-allow-origin"),
            is_allowed,
            "{origin}"
        );
    }
}

/// Returns `total_messages` and `total_unique_messages`.
async fn totals(backend: &Backend) -> (u64, u64) {
    let totals: Value = backend
        .request(Method::GET, "/admin/admin.json")
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    (
        totals["total_messages"].as_u64().unwrap(),
        totals["total_unique_messages"].as_u64().unwrap(),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn total_messages_counts_deliveries_of_messages_only() {
    let server = Server::start(&[]);
    let backend = Backend::of(&server);
    backend
        .post(
            "/channel_config",
            json!({"room": {"notify_presence": true, "notify_state": true}}),
        )
        .await;
    let mut sockets = Vec::new();
    for user in ["alice", "bob", "carol"] {
        let conn_id = backend.connect(user, &["room"]).await;
        sockets.push(WebSocket::open(&server.address, &conn_id).await.unwrap());
    }
    let body =
        json!({"user": "alice", "user_state": {"color": "red"}, "state_public_keys": ["color"]});
    backend.post("/user_state", body).await;
    let message = json!([{"user": "bob", "channel": "room", "message": {"text": "hi"}}]);
    let uuid = backend.post("/message", message).await[0]["uuid"].clone();
    let edit = json!([{"uuid": uuid, "channel": "room", "message": {"text": "ho"}}]);
    assert!(
        backend
            .send(Method::PATCH, "/message", &edit)
            .await
            .status()
            .is_success()
    );
    let deletion = json!([{"uuid": uuid, "channel": "room"}]);
    assert!(
        backend
            .send(Method::DELETE, "/message", &deletion)
            .await
            .status()
            .is_success()
    );
    let private = json!([{"user": "bob", "pm_users": ["alice"], "message": {}}]);
    backend.post("/message", private).await;
    for socket in &mut sockets {
        while socket.event().await["type"] != "message:delete" {}
    }
    // One message goes to three connections, and one to a single connection.
    eventually("both messages are counted", async || {
        totals(&backend).await.0 >= 4
    })
    .await;
    assert_eq!(totals(&backend).await, (4, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_callback_may_be_an_item_of_a_list() {
    let server = Server::start(&[("wake-connections-after", "0.05")]);
    let backend = Backend::of(&server);
    let conn_id = backend.connect("alice", &["room"]).await;
    for (callback, status) in [
        ("cbs[0]", 200),
        ("app.cbs[10][2].call", 200),
        ("cbs[]", 422),
        ("cbs[x]", 422),
        ("[0]", 422),
        ("cbs[0]x", 422),
        ("cbs[0", 422),
        ("cbs]0[", 422),
    ] {
        let path = format!("/listen?conn_id={conn_id}&callback={callback}");
        let response = backend.unsigned(Method::GET, &path).send().await.unwrap();
        assert_eq!(response.status().as_u16(), status, "{callback}");
        if status == 200 {
            assert_eq!(response.text().await.unwrap(), format!("{callback}([])"));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_root_is_not_found_unless_the_demo_is_on() {
    let status = async |server: &Server| {
        Backend::of(server)
            .unsigned(Method::GET, "/")
            .send()
            .await
            .unwrap()
            .status()
            .as_u16()
    };
    assert_eq!(status(&Server::start(&[])).await, 404);
    assert_eq!(status(&Server::start(&[("demo", "true")])).await, 200);
}
