//! A call with an `Idempotency-Key` is done once, however many other calls there are, and however
//! early it is repeated.

use std::time::{Duration, Instant};

use futures_util::{StreamExt, stream};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::support::client::Backend;
use crate::support::scale::scaled;
use crate::support::server::Server;
use crate::support::websocket::WebSocket;

const CONCURRENCY: usize = 32;

/// Makes a call with this key. Returns its status and body.
async fn call_with_key(backend: &Backend, key: &str, body: &Value) -> (StatusCode, String) {
    let request = backend
        .request(Method::POST, "/message")
        .header("Idempotency-Key", key)
        .json(body);
    let response = request.send().await.unwrap();
    (response.status(), response.text().await.unwrap())
}

/// Makes calls with other keys, to a channel without subscribers. Returns the number of calls that
/// were answered with 200.
async fn call_with_other_keys(backend: &Backend, count: usize) -> usize {
    let call = |index| {
        let backend = backend.clone();
        tokio::spawn(async move {
            let body = json!([{"user": "b", "channel": "nowhere", "message": {"index": index}}]);
            call_with_key(&backend, &format!("other-{index}"), &body)
                .await
                .0
                == 200
        })
    };
    let done = stream::iter(0..count)
        .map(call)
        .buffer_unordered(CONCURRENCY);
    done.filter(|is_done| std::future::ready(*is_done.as_ref().unwrap()))
        .count()
        .await
}

/// Returns the websocket of a user who listens to `room`.
async fn listener(server: &Server, backend: &Backend) -> WebSocket {
    let conn_id = backend.connect("alice", &["room"]).await;
    WebSocket::open(&server.address, &conn_id).await.unwrap()
}

/// Returns the rounds whose messages have arrived, each as often as it was delivered, until a last
/// message arrives.
async fn received_rounds(backend: &Backend, listener: &mut WebSocket) -> Vec<u64> {
    backend.say("room", json!({"is_last": true})).await;
    let mut rounds = Vec::new();
    loop {
        let event = listener.event().await;
        match event["message"]["round"].as_u64() {
            Some(round) => rounds.push(round),
            None => return rounds,
        }
    }
}

fn round(number: u64) -> Value {
    json!([{"user": "b", "channel": "room", "message": {"round": number}}])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_key_is_remembered_while_20_000_others_come() {
    let count = scaled(20_000, 50_000);
    let server = Server::start(&[]);
    let backend = Backend::of(&server);
    let mut listener = listener(&server, &backend).await;
    let first = call_with_key(&backend, "mine", &round(1)).await;
    let start = Instant::now();
    assert_eq!(call_with_other_keys(&backend, count).await, count);
    let again = call_with_key(&backend, "mine", &round(1)).await;
    let times = received_rounds(&backend, &mut listener).await.len();
    println!(
        "after {count} other keyed calls in {:?}, the repeat was delivered {} times",
        start.elapsed(),
        times - 1
    );
    assert_eq!(times, 1, "deliveries");
    assert_eq!(again, first);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn repeats_at_the_same_time_are_delivered_once_and_answered_alike() {
    let rounds = scaled(300, 5000);
    let server = Server::start(&[]);
    let backend = Backend::of(&server);
    let mut listener = listener(&server, &backend).await;
    let mut different = 0;
    for number in 0..rounds {
        let (key, body) = (format!("key-{number}"), round(number));
        let calls: Vec<JoinHandle<_>> = (0..3)
            .map(|_| {
                let (backend, key, body) = (backend.clone(), key.clone(), body.clone());
                tokio::spawn(async move { call_with_key(&backend, &key, &body).await })
            })
            .collect();
        let mut answers = Vec::new();
        for call in calls {
            answers.push(call.await.unwrap());
        }
        assert_eq!(answers[0].0, 200, "{answers:?}");
        different += u64::from(answers.iter().any(|answer| *answer != answers[0]));
    }
    let received = received_rounds(&backend, &mut listener).await;
    println!(
        "{rounds} rounds of three calls with one key: {} deliveries, \
         {different} with different answers",
        received.len()
    );
    assert_eq!((received, different), ((0..rounds).collect::<Vec<_>>(), 0));
}

/// Returns a call that takes a while, since its messages visit two channels in turn. Its first
/// message carries the number of the round.
fn long_call(number: u64, length: usize) -> Value {
    let sides = ["left", "right"];
    let visit = |index: usize| json!({"user": "b", "channel": sides[index % 2]});
    round(number)
        .as_array()
        .unwrap()
        .iter()
        .cloned()
        .chain((0..length).map(visit))
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_repeat_of_a_long_call_waits_for_it_while_12_000_others_come() {
    let (rounds, length, count) = (scaled(2, 10), 5000, 12_000);
    let server = Server::start(&[("body-limit", "10000000")]);
    let backend = Backend::of(&server);
    backend.connect("b", &["left", "right"]).await;
    let mut listener = listener(&server, &backend).await;
    let (mut received, mut different) = (Vec::new(), 0);
    for number in 0..rounds {
        let body = long_call(number, length);
        let call = || {
            let (backend, body) = (backend.clone(), body.clone());
            tokio::spawn(
                async move { call_with_key(&backend, &format!("long-{number}"), &body).await },
            )
        };
        let first = call();
        // The call is under way as soon as its first message has arrived.
        received.push(listener.event().await["message"]["round"].as_u64().unwrap());
        let early = call();
        call_with_other_keys(&backend, count).await;
        let is_under_way = !first.is_finished();
        let late = call();
        let (first, early, late) = (
            first.await.unwrap(),
            early.await.unwrap(),
            late.await.unwrap(),
        );
        assert_eq!(first.0, 200);
        println!(
            "round {number}: the first call is under way after {count} others: {is_under_way}"
        );
        different += u64::from(early != first) + u64::from(late != first);
    }
    received.extend(received_rounds(&backend, &mut listener).await);
    println!(
        "{rounds} long calls, each repeated twice: {} deliveries, {different} different answers",
        received.len()
    );
    assert_eq!((received, different), ((0..rounds).collect::<Vec<_>>(), 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_that_hangs_up_finds_the_answer_when_it_repeats_its_call() {
    let (rounds, length) = (scaled(10, 200), 2000);
    // In the long form all answers together have 100 MB.
    let server = Server::start(&[
        ("body-limit", "10000000"),
        ("idempotency-bytes", "1000000000"),
    ]);
    let backend = Backend::of(&server);
    backend.connect("b", &["left", "right"]).await;
    let mut listener = listener(&server, &backend).await;
    let (mut received, mut hung_up) = (Vec::new(), 0);
    for number in 0..rounds {
        let (key, body) = (format!("key-{number}"), long_call(number, length));
        let first = tokio::spawn({
            let (backend, key, body) = (Backend::of(&server), key.clone(), body.clone());
            async move { call_with_key(&backend, &key, &body).await }
        });
        received.push(listener.event().await["message"]["round"].as_u64().unwrap());
        hung_up += u64::from(!first.is_finished());
        first.abort();
        let (status, answer) = call_with_key(&backend, &key, &body).await;
        assert_eq!(status, 200, "{answer}");
        let answer: Vec<Value> = serde_json::from_str(&answer).unwrap();
        assert_eq!(answer.len(), length + 1);
    }
    received.extend(received_rounds(&backend, &mut listener).await);
    println!(
        "{rounds} calls, in {hung_up} of them the caller hung up early and repeated: {} deliveries",
        received.len()
    );
    assert_eq!(received, (0..rounds).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn new_keys_are_refused_and_known_ones_answered_while_the_memory_for_keys_is_full() {
    let server = Server::start(&[("idempotency-bytes", "65536")]);
    let backend = Backend::of(&server);
    let mut listener = listener(&server, &backend).await;
    let first = call_with_key(&backend, "key-0", &round(0)).await;
    let mut last = 0;
    let refused = loop {
        last += 1;
        assert!(last < 5000, "{last} keys fit into 64 KB");
        let request = backend
            .request(Method::POST, "/message")
            .header("Idempotency-Key", format!("key-{last}"));
        let response = request.json(&round(last)).send().await.unwrap();
        if response.status() != 200 {
            break response;
        }
    };
    println!("64 KB hold {last} keys");
    assert_eq!(refused.status(), 503);
    let after: u64 = refused.headers()["retry-after"]
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    assert!((1..=300).contains(&after), "{after}");
    assert_eq!(call_with_key(&backend, "key-0", &round(0)).await, first);
    assert_eq!(
        call_with_key(&backend, "key-0", &round(1)).await.0,
        422,
        "another body"
    );
    backend.post("/message", round(last)).await;
    assert_eq!(
        received_rounds(&backend, &mut listener).await,
        (0..=last).collect::<Vec<_>>()
    );
    // A call that could never fit is also refused. It does not remove others to make room.
    let large =
        json!([{"user": "b", "channel": "room", "message": {"filler": "x".repeat(100_000)}}]);
    assert_eq!(call_with_key(&backend, "large", &large).await.0, 503);
    assert_eq!(call_with_key(&backend, "key-0", &round(0)).await, first);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_was_refused_leaves_its_key_free() {
    let server = Server::start(&[]);
    let backend = Backend::of(&server);
    let mut listener = listener(&server, &backend).await;
    let wrong = json!([{"channel": "room", "message": {"round": 1}}]);
    assert_eq!(call_with_key(&backend, "k", &wrong).await.0, 422);
    let done = tokio::time::timeout(
        Duration::from_secs(10),
        call_with_key(&backend, "k", &round(1)),
    )
    .await
    .unwrap();
    assert_eq!(done.0, 200);
    assert_eq!(received_rounds(&backend, &mut listener).await, [1]);
}
