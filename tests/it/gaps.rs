//! A client that returns after a restart brings a position of an earlier epoch. It gets exactly one
//! gap for each log.

use std::collections::BTreeMap;

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::support::client::Backend;
use crate::support::event_stream::EventStream;
use crate::support::server::Server;
use crate::support::websocket::WebSocket;

/// The ways in which a client reports its position.
#[derive(Clone, Copy, Debug)]
enum Way {
    SseHeader,
    SseQuery,
    WebSocket,
    LongPoll,
}

const WAYS: [Way; 4] = [Way::SseHeader, Way::SseQuery, Way::WebSocket, Way::LongPoll];

fn sse(backend: &Backend, conn_id: &str) -> RequestBuilder {
    backend.unsigned(Method::GET, &format!("/sse?conn_id={conn_id}"))
}

/// Listens to one message of each log by server-sent events. Returns the position after them.
async fn position(backend: &Backend, user: &str, conn_id: &str, channels: &[&str]) -> String {
    let mut stream = EventStream::open(sse(backend, conn_id)).await;
    for channel in channels {
        backend.say(channel, json!({"n": 0})).await;
    }
    backend
        .post(
            "/message",
            json!([{"user": "b", "pm_users": [user], "message": {"n": 0}}]),
        )
        .await;
    while stream
        .expect_next()
        .await
        .list()
        .iter()
        .all(|event| !event["channel"].is_null())
    {}
    stream.last_id
}

/// Attaches with the position, then receives a private message. Returns the number of gaps before
/// it, by channel (`null` for the private log).
async fn gaps(
    server: &Server,
    backend: &Backend,
    way: Way,
    conn_id: &str,
    position: &str,
) -> BTreeMap<String, u64> {
    let listening = async {
        match way {
            Way::SseHeader => {
                read_event_stream(sse(backend, conn_id).header("Last-Event-ID", position)).await
            }
            Way::SseQuery => {
                read_event_stream(sse(backend, conn_id).query(&[("last_event_id", position)])).await
            }
            Way::WebSocket => {
                let url = format!(
                    "ws://{}/ws?conn_id={conn_id}&last_event_id={position}",
                    server.address
                );
                let mut socket = WebSocket::open_with(&url).await.unwrap();
                let mut events = Vec::new();
                while !has_marker(&events) {
                    events.push(socket.event().await);
                }
                events
            }
            Way::LongPoll => {
                let path = format!("/listen?conn_id={conn_id}&last_event_id={position}");
                let mut events = Vec::new();
                while !has_marker(&events) {
                    let answer = backend.unsigned(Method::GET, &path).send().await.unwrap();
                    events.extend(answer.json::<Vec<Value>>().await.unwrap());
                }
                events
            }
        }
    };
    let events = timeout(std::time::Duration::from_secs(20), listening)
        .await
        .expect("the last message did not arrive");
    let mut gaps = BTreeMap::new();
    for event in events.iter().filter(|event| event["type"] == "catchup:gap") {
        assert_eq!(event["catchup"], true, "{event}");
        *gaps
            .entry(event["channel"].as_str().unwrap_or("null").to_owned())
            .or_default() += 1;
    }
    gaps
}

async fn read_event_stream(request: RequestBuilder) -> Vec<Value> {
    let mut stream = EventStream::open(request).await;
    let mut events = Vec::new();
    while !has_marker(&events) {
        events.extend(stream.expect_next().await.list());
    }
    events
}

fn has_marker(events: &[Value]) -> bool {
    events
        .iter()
        .any(|event| event["message"]["marker"] == true)
}

/// Sends the last message, after which no gap is expected. It waits for the client in the private
/// log, which is sent last.
async fn send_marker(backend: &Backend, user: &str) {
    backend
        .post(
            "/message",
            json!([{"user": "b", "pm_users": [user], "message": {"marker": true}}]),
        )
        .await;
}

fn one_gap_each(channels: &[&str]) -> BTreeMap<String, u64> {
    channels
        .iter()
        .map(|&channel| (channel.to_owned(), 1))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_returns_after_a_restart_gets_one_gap_for_each_log() {
    let mut server = Server::start(&[]);
    let backend = Backend::of(&server);
    let conn_id = backend.connect("alice", &["hall", "room"]).await;
    let position = position(&backend, "alice", &conn_id, &["hall", "room"]).await;
    server.restart();
    let mut wrong = Vec::new();
    for way in WAYS {
        let backend = Backend::of(&server);
        let conn_id = backend.connect("alice", &["hall", "room"]).await;
        send_marker(&backend, "alice").await;
        let gaps = gaps(&server, &backend, way, &conn_id, &position).await;
        println!("{way:?} with a position from before the restart: gaps in {gaps:?}");
        if gaps != one_gap_each(&["hall", "null", "room"]) {
            wrong.push((way, gaps));
        }
    }
    assert!(wrong.is_empty(), "not one gap for each log: {wrong:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_returns_in_the_same_epochs_gets_no_gap() {
    let server = Server::start(&[]);
    let backend = Backend::of(&server);
    for way in WAYS {
        let conn_id = backend.connect("alice", &["hall", "room"]).await;
        let position = position(&backend, "alice", &conn_id, &["hall", "room"]).await;
        // A log that the position does not name, and that was begun later, causes no gap either.
        backend
            .post(
                "/subscribe",
                json!({"conn_id": conn_id, "channels": ["yard"]}),
            )
            .await;
        send_marker(&backend, "alice").await;
        assert_eq!(
            gaps(&server, &backend, way, &conn_id, &position).await,
            one_gap_each(&[]),
            "{way:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_position_with_some_present_epochs_leaves_gaps_in_the_other_logs_only() {
    let server = Server::start(&[]);
    let backend = Backend::of(&server);
    let mut wrong = Vec::new();
    for way in WAYS {
        let conn_id = backend.connect("alice", &["hall", "room"]).await;
        let position = position(&backend, "alice", &conn_id, &["hall", "room"]).await;
        // The channel begins a new epoch. The room and the private log continue.
        backend
            .post("/admin/forget_channel", json!({"channel": "hall"}))
            .await;
        backend
            .post(
                "/subscribe",
                json!({"conn_id": conn_id, "channels": ["hall"]}),
            )
            .await;
        send_marker(&backend, "alice").await;
        let gaps = gaps(&server, &backend, way, &conn_id, &position).await;
        println!(
            "{way:?} with a position that names a former epoch of a channel: gaps in {gaps:?}"
        );
        if gaps != one_gap_each(&["hall"]) {
            wrong.push((way, gaps));
        }
    }
    assert!(
        wrong.is_empty(),
        "not one gap for the new log only: {wrong:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_whose_connection_leaves_and_enters_between_two_polls_is_told_of_no_gap() {
    let server = Server::start(&[]);
    let backend = Backend::of(&server);
    let conn_id = backend.connect("alice", &["room"]).await;
    let poll = async || backend.listen(&conn_id).await.json::<Vec<Value>>().await;
    let channels = json!({"conn_id": conn_id, "channels": ["room"]});
    backend.say("room", json!({"n": 1})).await;
    assert_eq!(poll().await.unwrap()[0]["message"]["n"], 1);
    backend.post("/unsubscribe", channels.clone()).await;
    backend.say("room", json!({"n": 2})).await;
    backend.post("/subscribe", channels).await;
    backend.say("room", json!({"n": 3})).await;
    let events = poll().await.unwrap();
    let got: Vec<_> = events
        .iter()
        .map(|it| (&it["type"], &it["message"]["n"]))
        .collect();
    assert_eq!(got, [(&json!("message"), &json!(3))]);
}
