//! Limits of one call, and limits of a user's state and of a connection, which several calls share.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::client::Backend;
use crate::support::server::Server;

/// Sends a call, and returns its status and answer.
async fn call(backend: &Backend, method: Method, path: &str, body: Value) -> (u16, Value) {
    let response = backend.send(method, path, &body).await;
    let status = response.status().as_u16();
    (status, response.json().await.unwrap())
}

async fn post(backend: &Backend, path: &str, body: Value) -> (u16, Value) {
    call(backend, Method::POST, path, body).await
}

fn refused(field: &str, text: &str) -> (u16, Value) {
    (422, json!({ field: [text] }))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_names_as_many_channels_as_channels_per_call_allows() {
    let server = Server::start(&[("channels-per-call", "2")]);
    let backend = Backend::of(&server);
    let conn_id = backend.connect("alice", &["a", "b"]).await;
    let text = "More than 2 channels in one call (channels_per_call); got 3.";
    for (path, field, other) in [
        ("/connect", "channels", json!({"username": "bob"})),
        ("/subscribe", "channels", json!({"conn_id": conn_id})),
        ("/unsubscribe", "channels", json!({"conn_id": conn_id})),
        ("/info", "channels", json!({})),
    ] {
        let body = |names: &[&str]| {
            let mut body = other.clone();
            body[field] = json!(names);
            body
        };
        assert_eq!(
            post(&backend, path, body(&["c", "d"])).await.0,
            200,
            "{path}"
        );
        let found = post(&backend, path, body(&["a", "b", "c"])).await;
        assert_eq!(found, refused(field, text), "{path}");
    }
    let info = json!({"info": {"channels": ["a", "b", "c"]}});
    let (status, answer) = post(&backend, "/info", info).await;
    assert_eq!(
        (status, &answer["info"]["channels"][0]),
        (422, &json!(text))
    );
    let configs = |count: usize| -> Value {
        let config = |index| (format!("channel-{index}"), json!({"store_history": true}));
        (0..count)
            .map(config)
            .collect::<serde_json::Map<_, _>>()
            .into()
    };
    assert_eq!(post(&backend, "/channel_config", configs(2)).await.0, 200);
    assert_eq!(
        post(&backend, "/channel_config", configs(3)).await,
        refused("_schema", text)
    );
    let connect = json!({"username": "bob", "channel_configs": configs(3)});
    assert_eq!(
        post(&backend, "/connect", connect).await,
        refused("channel_configs", text)
    );
    let info = backend.post("/info", json!({"info": {}})).await;
    assert!(info["channels"].get("channel-2").is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_has_as_many_messages_as_messages_per_call_allows() {
    let server = Server::start(&[("messages-per-call", "2")]);
    let backend = Backend::of(&server);
    let conn_id = backend.connect("alice", &["room"]).await;
    let item =
        json!({"user": "bob", "channel": "room", "uuid": uuid::Uuid::new_v4(), "message": {}});
    for method in [Method::POST, Method::PATCH, Method::DELETE] {
        let found = call(&backend, method.clone(), "/message", json!([item, item])).await;
        assert_eq!(found.0, 200, "{method}");
        let found = call(
            &backend,
            method.clone(),
            "/message",
            json!([item, item, item]),
        )
        .await;
        let text = "More than 2 messages in one call (messages_per_call); got 3.";
        assert_eq!(found, refused("_schema", text), "{method}");
    }
    let events: Value = backend.listen(&conn_id).await.json().await.unwrap();
    let messages = events.as_array().unwrap().iter();
    let messages = messages.filter(|event| event["type"] == "message:delete");
    assert_eq!(messages.count(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_names_as_many_users_as_recipients_per_message_allows() {
    let server = Server::start(&[("recipients-per-message", "2")]);
    let backend = Backend::of(&server);
    for field in ["pm_users", "exclude_users"] {
        let message = |users: &[&str]| json!([{"user": "bob", "channel": "room", field: users}]);
        assert_eq!(
            post(&backend, "/message", message(&["a", "b"])).await.0,
            200
        );
        let (status, answer) = post(&backend, "/message", message(&["a", "b", "c"])).await;
        let text = "More than 2 users in one message (recipients_per_message); got 3.";
        assert_eq!((status, answer), (422, json!({"0": {field: [text]}})));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_is_in_as_many_channels_as_channels_per_connection_allows() {
    let server = Server::start(&[("channels-per-connection", "3")]);
    let backend = Backend::of(&server);
    let conn_id = backend.connect("alice", &["a", "b"]).await;
    let subscribe = async |channels: &[&str]| {
        let body = json!({"conn_id": conn_id, "channels": channels});
        post(&backend, "/subscribe", body).await
    };
    assert_eq!(subscribe(&["b", "c"]).await.0, 200);
    let text = "More than 3 channels of one connection (channels_per_connection); got 4.";
    assert_eq!(subscribe(&["c", "d"]).await, refused("channels", text));
    assert_eq!(subscribe(&["a", "b", "c"]).await.0, 200);
    for body in [
        json!({"username": "alice", "conn_id": conn_id, "channels": ["d"]}),
        json!({"username": "bob", "channels": ["a", "b", "c", "d"]}),
    ] {
        assert_eq!(
            post(&backend, "/connect", body).await,
            refused("channels", text)
        );
    }
    let info = backend.post("/info", json!({"info": {}})).await;
    assert!(info["channels"].get("d").is_none(), "{info}");
    assert_eq!(info["channels"]["a"]["users"], json!(["alice"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_has_as_many_connections_as_max_connections_per_user_allows() {
    let server = Server::start(&[("max-connections-per-user", "2")]);
    let backend = Backend::of(&server);
    let connect = async |body: Value| post(&backend, "/connect", body).await;
    let first = backend.connect("alice", &["room"]).await;
    assert_eq!(connect(json!({"username": "alice"})).await.0, 200);
    let third =
        json!({"username": "alice", "channels": ["room", "side"], "conn_id": uuid::Uuid::new_v4()});
    let text = "More than 2 connections of one user (max_connections_per_user); got 3.";
    assert_eq!(connect(third.clone()).await, refused("username", text));
    // An existing connection may be used again, and another user has connections of its own.
    assert_eq!(
        connect(json!({"username": "alice", "conn_id": first}))
            .await
            .0,
        200
    );
    assert_eq!(connect(json!({"username": "bob"})).await.0, 200);
    let info = backend.post("/info", json!({"info": {}})).await;
    assert!(info["channels"].get("side").is_none(), "{info}");
    let poll = backend.listen(third["conn_id"].as_str().unwrap()).await;
    assert_eq!(poll.status(), 401);
    // Once one connection has ended there is room again, even for the id that was refused.
    backend.post("/disconnect", json!({"conn_id": first})).await;
    assert_eq!(connect(third).await.0, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_grows_as_far_as_state_keys_and_state_bytes_allow() {
    let server = Server::start(&[("state-keys", "2"), ("state-bytes", "10")]);
    let backend = Backend::of(&server);
    let connect =
        |state: Value| json!({"username": "alice", "channels": ["room"], "user_state": state});
    let keys = refused(
        "user_state",
        "More than 2 keys in the state of one user (state_keys); got 3.",
    );
    let bytes = refused(
        "user_state",
        "More than 10 bytes in the state of one user (state_bytes); got 11.",
    );
    // The call is refused before the user is created.
    let three = json!({"a": 1, "b": 2, "c": 3});
    assert_eq!(
        post(&backend, "/connect", connect(three.clone())).await,
        keys
    );
    let fresh = json!({"username": "alice", "fresh_user_state": three});
    assert_eq!(post(&backend, "/connect", fresh).await, keys);
    let state = json!({"user": "alice", "user_state": {}});
    assert_eq!(
        post(&backend, "/user_state", state).await,
        refused("user", "Unknown user")
    );
    assert!(
        backend.post("/info", json!({"info": {}})).await["channels"]
            .as_object()
            .unwrap()
            .is_empty()
    );
    // This is just within both limits.
    let (status, connected) = post(&backend, "/connect", connect(json!({"a": "1234"}))).await;
    assert_eq!(status, 200);
    let set = async |state: Value| {
        let body = json!({"user": "alice", "user_state": state});
        post(&backend, "/user_state", body).await
    };
    assert_eq!(set(json!({"b": "1234"})).await.0, 200);
    assert_eq!(set(json!({"b": "12345"})).await, bytes);
    assert_eq!(set(json!({"c": "1"})).await, keys);
    let status = json!({"user": "alice", "status": "away"});
    assert_eq!(post(&backend, "/user_status", status).await.0, 422);
    // A connection that connects again with too much stays as it was.
    let mut again = connect(json!({"b": "12345"}));
    again["conn_id"] = connected["conn_id"].clone();
    again["channels"] = json!(["room", "side"]);
    assert_eq!(post(&backend, "/connect", again).await, bytes);
    let subscribe = json!({"conn_id": connected["conn_id"], "channels": ["room"]});
    let (_, subscribed) = post(&backend, "/subscribe", subscribe).await;
    assert_eq!(subscribed["channels"], json!(["room"]));
    let (_, kept) = set(json!({})).await;
    assert_eq!(kept["user_state"], json!({"a": "1234", "b": "1234"}));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_has_as_many_public_keys_as_public_keys_allows() {
    let server = Server::start(&[("public-keys", "2")]);
    let backend = Backend::of(&server);
    let text = "More than 2 public keys of one user (public_keys); got 3.";
    for (path, user) in [("/connect", "username"), ("/user_state", "user")] {
        let body = |keys: &[&str]| json!({user: "alice", "state_public_keys": keys});
        assert_eq!(
            post(&backend, path, body(&["a", "b"])).await.0,
            200,
            "{path}"
        );
        let found = post(&backend, path, body(&["a", "b", "c"])).await;
        assert_eq!(found, refused("state_public_keys", text), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_history_keeps_as_many_messages_as_history_size_max_allows() {
    let server = Server::start(&[("history-size-max", "20")]);
    let backend = Backend::of(&server);
    let text = "More than 20 messages in one history (history_size_max); got 21.";
    let config = |size: u64| json!({"room": {"history_size": size}});
    assert_eq!(post(&backend, "/channel_config", config(20)).await.0, 200);
    assert_eq!(
        post(&backend, "/channel_config", config(21)).await,
        refused("history_size", text)
    );
    let connect = json!({"username": "a", "channel_configs": config(21)});
    let (status, answer) = post(&backend, "/connect", connect).await;
    let expected = json!({"channel_configs": {"room": {"value": {"history_size": [text]}}}});
    assert_eq!((status, answer), (422, expected));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_in_channel_config_has_at_most_256_characters() {
    let server = Server::start(&[]);
    let backend = Backend::of(&server);
    let config = |length: usize| json!({"ä".repeat(length): {}});
    assert_eq!(post(&backend, "/channel_config", config(256)).await.0, 200);
    let text = "The name of a channel has at most 256 characters; got 257.";
    assert_eq!(
        post(&backend, "/channel_config", config(257)).await,
        refused("_schema", text)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn zero_stands_for_no_limit() {
    let server = Server::start(&[
        ("channels-per-call", "0"),
        ("history-size-max", "0"),
        ("state-keys", "0"),
    ]);
    let backend = Backend::of(&server);
    let channels: Vec<_> = (0..10_001)
        .map(|index| format!("channel-{index}"))
        .collect();
    backend.post("/info", json!({"channels": channels})).await;
    backend
        .post(
            "/channel_config",
            json!({"room": {"history_size": 1_000_000}}),
        )
        .await;
    let state: serde_json::Map<_, _> = (0..1001).map(|key| (key.to_string(), json!(1))).collect();
    backend
        .post("/connect", json!({"username": "a", "user_state": state}))
        .await;
}
