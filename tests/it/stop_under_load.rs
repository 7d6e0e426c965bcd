//! The server is told to stop while it is busy with listeners of three kinds, publishers, and
//! clients that connect again at once.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::client::Backend;
use crate::support::event_stream::EventStream;
use crate::support::scale::scaled;
use crate::support::server::Server;
use crate::support::websocket::WebSocket;

/// The number of listeners of each kind.
const LISTENERS: usize = 20;
const PUBLISHERS: usize = 4;
const RETURNING: usize = 30;

/// The ids of messages.
type Ids = BTreeSet<String>;

fn ids(events: &[Value]) -> impl Iterator<Item = String> {
    let messages = events.iter().filter(|event| event["type"] == "message");
    messages.map(|event| event["uuid"].as_str().unwrap().to_owned())
}

/// The record of what a client has seen until its end.
#[derive(Default)]
struct ClientRecord {
    ids: Ids,
    faults: Vec<String>,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_stop_under_load_loses_nothing_and_tells_every_client() {
    let mut longest = Duration::ZERO;
    for round in 0..scaled(3, 20) {
        let (accepted, took) = round_of_load()
            .await
            .unwrap_or_else(|faults| panic!("round {round}: {faults:#?}"));
        println!("round {round}: {accepted} messages, stopped within {took:?}");
        longest = longest.max(took);
    }
    // The limit is drain_time, close_grace and one second.
    assert!(longest < Duration::from_millis(7100), "{longest:?}");
}

/// Returns the number of accepted messages and the duration of the stop, or the faults.
async fn round_of_load() -> Result<(usize, Duration), Vec<String>> {
    let mut server = Server::start(&[]);
    let backend = Backend::of(&server);
    let is_stopping = Arc::new(AtomicBool::new(false));
    let mut listeners = Vec::new();
    for index in 0..LISTENERS {
        let conn_id = backend
            .connect(&format!("websocket-{index}"), &["room"])
            .await;
        let socket = WebSocket::open(&server.address, &conn_id).await.unwrap();
        listeners.push((
            format!("websocket {index}"),
            tokio::spawn(by_websocket(socket)),
        ));
        let conn_id = backend.connect(&format!("stream-{index}"), &["room"]).await;
        let stream =
            EventStream::open(backend.unsigned(Method::GET, &format!("/sse?conn_id={conn_id}")))
                .await;
        listeners.push((
            format!("event stream {index}"),
            tokio::spawn(by_event_stream(stream)),
        ));
        let conn_id = backend.connect(&format!("poll-{index}"), &["room"]).await;
        let poll = by_poll(backend.clone(), conn_id, is_stopping.clone());
        listeners.push((format!("poll {index}"), tokio::spawn(poll)));
    }
    let publishers: Vec<_> = (0..PUBLISHERS)
        .map(|_| tokio::spawn(publish(backend.clone())))
        .collect();
    let returning: Vec<_> = (0..RETURNING)
        .map(|index| {
            tokio::spawn(keep_reconnecting(
                backend.clone(),
                server.address.clone(),
                index,
            ))
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(1000)).await;
    is_stopping.store(true, SeqCst);
    let start = Instant::now();
    server.begin_stop();
    let status = server.end().await;
    let took = start.elapsed();
    let mut faults = Vec::new();
    if !status.success() {
        faults.push(format!("the server ended with {status}"));
    }
    let mut accepted = Ids::new();
    for publisher in publishers {
        accepted.extend(publisher.await.unwrap());
    }
    for (who, listener) in listeners {
        let seen = tokio::time::timeout(Duration::from_secs(20), listener)
            .await
            .expect("a listener never ended")
            .unwrap();
        let lost = accepted.difference(&seen.ids).count();
        if lost > 0 {
            faults.push(format!("{who} lost {lost} of {}", accepted.len()));
        }
        faults.extend(
            seen.faults
                .into_iter()
                .map(|fault| format!("{who}: {fault}")),
        );
    }
    for (index, client) in returning.into_iter().enumerate() {
        let seen = tokio::time::timeout(Duration::from_secs(20), client)
            .await
            .expect("a client never ended")
            .unwrap();
        faults.extend(
            seen.faults
                .into_iter()
                .map(|fault| format!("returning {index}: {fault}")),
        );
    }
    if faults.is_empty() {
        Ok((accepted.len(), took))
    } else {
        Err(faults)
    }
}

/// Publishes until a call is refused. Returns the ids of the messages that were answered 200.
async fn publish(backend: Backend) -> Ids {
    let mut accepted = Ids::new();
    loop {
        let body =
            json!([{"user": "backend", "channel": "room", "message": {"filler": "x".repeat(200)}}]);
        let Ok(answer) = backend
            .request(Method::POST, "/message")
            .json(&body)
            .send()
            .await
        else {
            return accepted;
        };
        if answer.status() != 200 {
            assert_eq!(answer.status(), 503);
            return accepted;
        }
        // An answer that does not arrive whole does not count.
        let Ok(messages) = answer.json::<Vec<Value>>().await else {
            return accepted;
        };
        accepted.extend(
            messages
                .iter()
                .map(|message| message["uuid"].as_str().unwrap().to_owned()),
        );
        tokio::time::sleep(Duration::from_millis(3)).await;
    }
}

async fn by_websocket(mut socket: WebSocket) -> ClientRecord {
    let mut seen = ClientRecord::default();
    let end = socket.ended(Duration::from_secs(60)).await.flatten();
    if end.as_ref().is_none_or(|(code, _)| *code != 1012) {
        seen.faults.push(format!("ended with {end:?}"));
    }
    seen.ids.extend(ids(&socket
        .events(usize::MAX, Duration::from_secs(5), Duration::ZERO)
        .await));
    seen
}

async fn by_event_stream(mut stream: EventStream) -> ClientRecord {
    let mut seen = ClientRecord::default();
    while let Some(event) = stream.next().await {
        if event.name == "close" {
            if !event.data.contains("1012") {
                seen.faults.push(format!("ended with {event:?}"));
            }
            return seen;
        }
        seen.ids.extend(ids(&event.list()));
    }
    seen.faults.push("ended without a word".to_owned());
    seen
}

/// Polls again as soon as it has an answer.
async fn by_poll(backend: Backend, conn_id: String, is_stopping: Arc<AtomicBool>) -> ClientRecord {
    let mut seen = ClientRecord::default();
    loop {
        let was_stopping = is_stopping.load(SeqCst);
        let answer = backend
            .unsigned(Method::GET, &format!("/listen?conn_id={conn_id}"))
            .send()
            .await;
        match answer {
            Ok(answer) if answer.status() == 200 => seen
                .ids
                .extend(ids(&answer.json::<Vec<Value>>().await.unwrap())),
            Ok(answer) if answer.status() == 503 && is_stopping.load(SeqCst) => return seen,
            Ok(answer) => {
                seen.faults.push(format!("answered {}", answer.status()));
                return seen;
            }
            // The client may find that the server has ended. A poll from before the stop gets its
            // answer.
            Err(_) if was_stopping => return seen,
            Err(error) => {
                seen.faults.push(format!("not answered: {error}"));
                return seen;
            }
        }
    }
}

/// Opens a websocket and connects again whenever the websocket ends, until the server has ended.
async fn keep_reconnecting(backend: Backend, address: String, index: usize) -> ClientRecord {
    let mut seen = ClientRecord::default();
    let mut conn_id = backend
        .connect(&format!("returning-{index}"), &["room"])
        .await;
    // An error means that there was no handshake, because the server has ended.
    while let Ok(mut socket) = WebSocket::open(&address, &conn_id).await {
        match socket.ended(Duration::from_secs(60)).await.flatten() {
            Some((1012, _)) => {}
            end => seen.faults.push(format!("ended with {end:?}")),
        }
        let body = json!({"username": format!("returning-{index}"), "channels": ["room"]});
        match backend
            .request(Method::POST, "/connect")
            .json(&body)
            .send()
            .await
        {
            Ok(answer) if answer.status() == 200 => {
                let answer: Value = answer.json().await.unwrap();
                conn_id = answer["conn_id"].as_str().unwrap().to_owned();
            }
            Ok(answer) if answer.status() == 503 => {}
            Ok(answer) => seen
                .faults
                .push(format!("/connect was answered {}", answer.status())),
            Err(_) => break,
        }
    }
    seen
}
