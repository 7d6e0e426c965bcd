//! Tests of `GET /sse`: what `EventSource` receives, also when it comes back.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::client::Backend;
use crate::support::event_stream::EventStream;
use crate::support::eventually;
use crate::support::server::Server;
use crate::support::websocket::WebSocket;

const TIMEOUT: Duration = Duration::from_secs(5);

async fn open(backend: &Backend, conn_id: &str, last_id: &str) -> EventStream {
    let request = backend.unsigned(Method::GET, &format!("/sse?conn_id={conn_id}"));
    EventStream::open(if last_id.is_empty() {
        request
    } else {
        request.header("Last-Event-ID", last_id)
    })
    .await
}

/// Starts a server, and returns it with a stream that listens to `room`.
async fn listening(flags: &[(&str, &str)]) -> (Server, Backend, String, EventStream) {
    let server = Server::start(flags);
    let backend = Backend::of(&server);
    let conn_id = backend.connect("alice", &["room"]).await;
    let stream = open(&backend, &conn_id, "").await;
    (server, backend, conn_id, stream)
}

fn numbers(events: &[Value]) -> Vec<u64> {
    events
        .iter()
        .filter_map(|event| event["message"]["n"].as_u64())
        .collect()
}

/// Reads until this number has arrived. Returns all numbers, and whether all were marked as caught
/// up.
async fn read_up_to(stream: &mut EventStream, last: u64) -> (Vec<u64>, bool) {
    let (mut read, mut all_caught_up) = (Vec::new(), true);
    while read.last() != Some(&last) {
        let list = stream.expect_next().await.list();
        all_caught_up &= list.iter().all(|event| event["catchup"] == true);
        read.extend(numbers(&list));
    }
    (read, all_caught_up)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_comes_back_with_its_last_id_gets_what_it_missed_and_nothing_twice() {
    let server = Server::start(&[]);
    let backend = Backend::of(&server);
    let conn_id = backend.connect("alice", &["room", "hall"]).await;
    let mut stream = open(&backend, &conn_id, "").await;
    backend.say("room", json!({"n": 1})).await;
    backend.say("hall", json!({"n": 2})).await;
    assert_eq!(read_up_to(&mut stream, 2).await, (vec![1, 2], false));
    let last_id = stream.last_id.clone();
    // This message is on its way when the stream ends, so the page has not seen it.
    backend.say("room", json!({"n": 3})).await;
    drop(stream);
    backend.say("hall", json!({"n": 4})).await;
    let mut stream = open(&backend, &conn_id, &last_id).await;
    let (mut read, all_caught_up) = read_up_to(&mut stream, 3).await;
    read.sort_unstable();
    assert_eq!((read, all_caught_up), (vec![3, 4], true));
    backend.say("room", json!({"n": 5})).await;
    assert_eq!(read_up_to(&mut stream, 5).await, (vec![5], false));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_without_a_last_id_gets_all_since_its_stream_began() {
    let (_server, backend, conn_id, mut stream) = listening(&[]).await;
    backend.say("room", json!({"n": 1})).await;
    read_up_to(&mut stream, 1).await;
    drop(stream);
    backend.say("room", json!({"n": 2})).await;
    for id in ["", "nonsense", "AAAAAAAAAAAAAAAAAAAAAA"] {
        assert_eq!(
            read_up_to(&mut open(&backend, &conn_id, id).await, 2).await,
            (vec![1, 2], true),
            "{id}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_has_its_headers_a_retry_delay_and_heartbeats() {
    let (_server, backend, _, mut stream) = listening(&[("heartbeat-interval", "0.2")]).await;
    assert_eq!(stream.header("content-type"), "text/event-stream");
    assert_eq!(stream.header("cache-control"), "no-store, no-transform");
    assert_eq!(stream.header("x-accel-buffering"), "no");
    assert_eq!(stream.header("access-control-allow-origin"), "*");
    eventually("a heartbeat comes", async || {
        backend.say("room", json!({"n": 1})).await;
        stream.expect_next().await;
        stream.comments >= 1
    })
    .await;
    assert_eq!(stream.retry, Some(1000));
}

#[tokio::test(flavor = "multi_thread")]
async fn line_breaks_in_a_callers_json_do_not_end_an_event() {
    let (_server, backend, _, mut stream) = listening(&[]).await;
    let body = "[{\"user\": \"b\", \"channel\": \"room\", \
                \"message\": {\r\n\n \"text\":\r\"a\\nb\u{2028}\" }}]";
    let answer = backend
        .request(Method::POST, "/message")
        .body(body)
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(
        stream.expect_next().await.list()[0]["message"],
        json!({"text": "a\nb\u{2028}"})
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_connection_is_refused_for_good() {
    let server = Server::start(&[]);
    let backend = Backend::of(&server);
    let get = async |query: &str| {
        backend
            .unsigned(Method::GET, &format!("/sse{query}"))
            .send()
            .await
            .unwrap()
            .status()
    };
    assert_eq!(get(&format!("?conn_id={}", Uuid::new_v4())).await, 401);
    assert_eq!(get("?conn_id=x").await, 422);
    assert_eq!(get("").await, 422);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_websocket_takes_over_where_the_stream_was_read_to() {
    let (server, backend, conn_id, mut stream) = listening(&[]).await;
    backend.say("room", json!({"n": 1})).await;
    read_up_to(&mut stream, 1).await;
    let url = format!(
        "ws://{}/ws?conn_id={conn_id}&last_event_id={}",
        server.address, stream.last_id
    );
    let mut socket = WebSocket::open_with(&url).await.unwrap();
    let goodbye = stream.expect_next().await;
    assert_eq!(goodbye.name, "close");
    assert_eq!(
        serde_json::from_str::<Value>(&goodbye.data).unwrap()["code"],
        4001
    );
    assert_eq!(stream.next().await, None);
    backend.say("room", json!({"n": 2})).await;
    let events = socket.events(1, TIMEOUT, Duration::from_millis(200)).await;
    assert_eq!(numbers(&events), [2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disconnected_stream_is_told_so_and_ends() {
    let (_server, backend, conn_id, mut stream) = listening(&[]).await;
    let gone = backend
        .unsigned(Method::GET, &format!("/disconnect?conn_id={conn_id}"))
        .send()
        .await
        .unwrap();
    assert_eq!(gone.text().await.unwrap(), "true");
    assert_eq!(
        (
            stream.expect_next().await.name.as_str(),
            stream.next().await
        ),
        ("close", None)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_whose_page_leaves_parts_soon() {
    let server = Server::start(&[("presence-grace", "0.2")]);
    let backend = Backend::of(&server);
    let config = json!({"room": {"notify_presence": true}});
    let watcher = json!({"username": "bob", "channels": ["room"], "channel_configs": config});
    let watcher = backend.post("/connect", watcher).await["conn_id"]
        .as_str()
        .unwrap()
        .to_owned();
    let mut watcher = open(&backend, &watcher, "").await;
    let conn_id = backend.connect("alice", &["room"]).await;
    let stream = open(&backend, &conn_id, "").await;
    let joined = watcher.expect_next().await.list();
    assert_eq!(
        (&joined[0]["user"], &joined[0]["message"]["action"]),
        (&json!("alice"), &json!("joined"))
    );
    drop(stream);
    let parted = watcher.expect_next().await.list();
    assert_eq!(
        (&parted[0]["user"], &parted[0]["message"]["action"]),
        (&json!("alice"), &json!("parted"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_does_not_read_is_closed_and_delays_nobody() {
    let server = Server::start(&[("log-length", "200"), ("gc-conns-after", "60")]);
    let backend = Backend::of(&server);
    let reader = backend.connect("reader", &["room"]).await;
    let mut reader = open(&backend, &reader, "").await;
    let mut sent = 0;
    let mut load = async || {
        for _ in 0..20 {
            let draft = |n: u64| {
                let message = json!({"n": sent + n, "x": "x".repeat(10_000)});
                json!({"user": "b", "channel": "room", "message": message})
            };
            backend.post("/message", (0..20).map(draft).collect()).await;
            sent += 20;
            read_up_to(&mut reader, sent - 1).await;
        }
    };
    // The memory for the load alone, which depends on the allocator.
    let mut before = 0;
    for _ in 0..15 {
        load().await;
        before = before.max(server.memory());
    }
    let mut most = before;
    let silent = backend.connect("silent", &["room"]).await;
    let _silent = open(&backend, &silent, "").await;
    eventually("the silent stream is closed", async || {
        load().await;
        most = most.max(server.memory());
        let info = backend
            .post("/info", json!({"info": {"channels": ["room"]}}))
            .await;
        info["channels"]["room"]["total_connections"] == 1
    })
    .await;
    let more = most - before;
    println!("{more} KB more beside one that does not read");
    // Events that were sent to it and not read would take hundreds of megabytes by then.
    assert!(more < 100_000, "{more} KB");
}
