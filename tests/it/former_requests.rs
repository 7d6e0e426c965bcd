//! The server understands calls in the forms of releases before 0.7.

use serde_json::{Value, json};

use crate::support::client::Backend;
use crate::support::server::Server;
use crate::support::websocket::WebSocket;

#[tokio::test(flavor = "multi_thread")]
async fn connect_takes_user_for_username() {
    let server = Server::start(&[]);
    let answer = Backend::of(&server)
        .post("/connect", json!({"user": "alice", "channels": ["room"]}))
        .await;
    assert_eq!(answer["username"], "alice");
}

#[tokio::test(flavor = "multi_thread")]
async fn user_status_sets_a_state_value() {
    let server = Server::start(&[]);
    let backend = Backend::of(&server);
    backend
        .post("/channel_config", json!({"room": {"notify_state": true}}))
        .await;
    let connect =
        json!({"username": "alice", "channels": ["room"], "state_public_keys": ["status"]});
    let conn_id = backend.post("/connect", connect).await["conn_id"]
        .as_str()
        .unwrap()
        .to_owned();
    let mut socket = WebSocket::open(&server.address, &conn_id).await.unwrap();
    let answer = backend
        .post("/user_status", json!({"user": "alice", "status": 3}))
        .await;
    assert_eq!(answer["user_state"], json!({"status": 3}));
    assert_eq!(
        socket.event().await["message"]["state"],
        json!({"status": 3})
    );
    let response = backend
        .send(
            reqwest::Method::POST,
            "/user_status",
            &json!({"user": "nobody", "status": []}),
        )
        .await;
    let expected = json!({
        "user": ["Unknown user"],
        "status": ["Value is not type of string, integer, boolean or float."],
    });
    assert_eq!(
        (
            response.status().as_u16(),
            response.json::<Value>().await.unwrap()
        ),
        (422, expected)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn info_takes_channels_at_the_top() {
    let server = Server::start(&[]);
    let backend = Backend::of(&server);
    backend.connect("alice", &["a", "b"]).await;
    let names = |answer: &Value| {
        answer["channels"]
            .as_object()
            .unwrap()
            .keys()
            .cloned()
            .collect::<Vec<_>>()
    };
    let some = backend
        .post("/info", json!({"channels": ["b", "nowhere"]}))
        .await;
    assert_eq!(
        some,
        backend
            .post("/info", json!({"info": {"channels": ["b", "nowhere"]}}))
            .await
    );
    assert_eq!(names(&some), ["b"]);
    assert_eq!(
        names(&backend.post("/info", json!({"channels": []})).await),
        ["a", "b"]
    );
    let with_other_keys =
        json!({"channels": ["a"], "include_history": "no boolean", "exclude_channels": ["a"]});
    assert_eq!(names(&backend.post("/info", with_other_keys).await), ["a"]);
    // `info` takes precedence if it is present.
    assert_eq!(
        names(
            &backend
                .post(
                    "/info",
                    json!({"channels": ["a"], "info": {"channels": ["b"]}})
                )
                .await
        ),
        ["b"]
    );
    for (body, errors) in [
        (
            json!({"channels": "a"}),
            json!({"channels": ["Not a valid list."]}),
        ),
        (
            json!({"channels": null}),
            json!({"channels": ["Field may not be null."]}),
        ),
        (
            json!({}),
            json!({"info": ["Missing data for required field."]}),
        ),
    ] {
        let response = backend.send(reqwest::Method::POST, "/info", &body).await;
        assert_eq!(
            (
                response.status().as_u16(),
                response.json::<Value>().await.unwrap()
            ),
            (422, errors),
            "{body}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_and_one_point_zero_and_true_are_different_values() {
    let server = Server::start(&[]);
    let backend = Backend::of(&server);
    backend.connect("alice", &[]).await;
    for value in ["1", "1.0", "true", "\"1\"", "null"] {
        let value: Value = serde_json::from_str(value).unwrap();
        let answer = backend
            .post(
                "/user_state",
                json!({"user": "alice", "user_state": {"a": value}}),
            )
            .await;
        assert_eq!(answer["changed_state"][0]["value"], value);
        let again = backend
            .post(
                "/user_state",
                json!({"user": "alice", "user_state": {"a": value}}),
            )
            .await;
        assert_eq!(again["changed_state"], json!([]));
    }
}
