//! The official clients against the server.

use std::time::Duration;

use reqwest::Method;
use serde_json::json;
use tokio::time::sleep;

use super::program::Program;
use crate::metrics::reading::Metrics;
use crate::support::client::Backend;
use crate::support::eventually;
use crate::support::server::Server;

/// Waits until the only client has gone on from polling to a websocket.
async fn wait_for_websocket(backend: &Backend) {
    eventually("the client has a websocket", async || {
        let metrics = Metrics::read(backend).await;
        let open = |kind| {
            metrics.get(&format!(
                r#"channelstream_transports{{transport="{kind}"}}"#
            ))
        };
        (open("socketio_polling"), open("socketio")) == (0.0, 1.0)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_official_client_loses_nothing_when_it_drops_and_stays_away_when_it_is_told_to() {
    let server = Server::start(&[]);
    let backend = Backend::of(&server);
    for (namespace, transport) in [
        ("", "websocket"),
        ("/stream", "websocket"),
        ("", "polling"),
        ("/stream", ""),
    ] {
        let conn_id = backend.connect("alice", &["room"]).await;
        let mut client = Program::javascript(&server, &conn_id, namespace, transport);
        let introduction = client.next("user_connect").await;
        assert_eq!(introduction[1]["channels"], json!(["room"]));
        if transport.is_empty() {
            // What is published during the change is marked as catch-up.
            wait_for_websocket(&backend).await;
        }
        for n in 1..=3 {
            backend.say("room", json!({"n": n, "drop": n == 3})).await;
        }
        let first = client.numbers_to(3).await;
        assert_eq!(first, [(1, false), (2, false), (3, false)]);
        let dropped = client.next("disconnect").await;
        assert_eq!(dropped[2], true, "{dropped}");
        for n in 4..=6 {
            backend.say("room", json!({"n": n})).await;
        }
        client.next("user_connect").await;
        let rest = client.numbers_to(6).await;
        let new: Vec<u64> = rest.iter().map(|(n, _)| *n).filter(|n| *n > 3).collect();
        assert_eq!(new, [4, 5, 6], "{rest:?}");
        let is_marked = |(n, is_catchup): &(u64, bool)| *n > 3 || *is_catchup;
        assert!(rest.iter().all(is_marked), "{rest:?}");
        if transport.is_empty() {
            // A client that changes its transport when its connection ends finds it unknown.
            wait_for_websocket(&backend).await;
        }
        backend
            .post("/disconnect", json!({"conn_id": conn_id}))
            .await;
        assert_eq!(client.next("close").await[1]["code"], 1000);
        let ended = client.next("disconnect").await;
        assert_eq!(ended, json!(["disconnect", "io server disconnect", false]));
        client.end().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_official_client_is_told_of_an_unknown_connection_and_two_of_them_do_not_fight() {
    let server = Server::start(&[]);
    let backend = Backend::of(&server);
    let unknown = uuid::Uuid::new_v4().to_string();
    let mut client = Program::javascript(&server, &unknown, "", "");
    let refused = client.next("connect_error").await;
    assert_eq!(refused[2], json!({"code": 4004}), "{refused}");
    for transport in ["websocket", "polling"] {
        let conn_id = backend.connect("alice", &["room"]).await;
        let mut older = Program::javascript(&server, &conn_id, "", transport);
        older.next("user_connect").await;
        let mut newer = Program::javascript(&server, &conn_id, "", transport);
        newer.next("user_connect").await;
        assert_eq!(older.next("close").await[1]["code"], 4001);
        let ended = older.next("disconnect").await;
        assert_eq!(ended, json!(["disconnect", "io server disconnect", false]));
        backend.say("room", json!({"n": 1})).await;
        assert_eq!(newer.numbers_to(1).await, [(1, false)]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_clients_for_python_hear_messages_and_are_told_that_they_only_listen() {
    let server = Server::start(&[]);
    let backend = Backend::of(&server);
    for (kind, transport) in [
        ("sync", "websocket"),
        ("async", "websocket"),
        ("sync", "polling"),
        ("async", "polling"),
        ("sync", ""),
        ("async", ""),
    ] {
        let conn_id = backend.connect("alice", &["room"]).await;
        let mut client = Program::python(&server.address, &conn_id, kind, transport);
        assert_eq!(client.next("user_connect").await[1]["username"], "alice");
        backend.say("room", json!({"n": 1})).await;
        assert_eq!(client.numbers_to(1).await, [(1, false)]);
        backend.say("room", json!({"n": 2, "last": true})).await;
        assert_eq!(client.numbers_to(2).await, [(2, false)]);
        let answer = client.next("answer").await;
        let error = json!({"error": "listen only: post through your application"});
        assert_eq!(answer[1], error);
        client.end().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_or_repeated_while_a_client_goes_on_by_a_websocket() {
    const MESSAGES: u64 = 600;
    let server = Server::start(&[]);
    let backend = Backend::of(&server);
    for kind in ["javascript", "sync", "async"] {
        let conn_id = backend.connect("alice", &["room"]).await;
        let mut client = match kind {
            "javascript" => Program::javascript(&server, &conn_id, "", ""),
            kind => Program::python(&server.address, &conn_id, kind, ""),
        };
        client.next("user_connect").await;
        // The client has connected by polling, and upgrades while messages come.
        for n in 1..=MESSAGES {
            backend.say("room", json!({"n": n})).await;
            sleep(Duration::from_millis(1)).await;
        }
        let mut numbers = client.numbers(MESSAGES).await;
        if kind == "sync" {
            // It handles each event in a thread of its own.
            numbers.sort_unstable();
        }
        let numbers: Vec<u64> = numbers.iter().map(|(number, _)| *number).collect();
        assert_eq!(numbers, (1..=MESSAGES).collect::<Vec<u64>>(), "{kind}");
        let metrics = backend
            .request(Method::GET, "/metrics")
            .send()
            .await
            .unwrap();
        let metrics = metrics.text().await.unwrap();
        let listening = r#"channelstream_transports{transport="socketio"} 1"#;
        assert!(metrics.contains(listening), "{kind}: {metrics}");
        backend
            .post("/disconnect", json!({"conn_id": conn_id}))
            .await;
    }
}
