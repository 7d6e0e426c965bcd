//! Tests of catch-up: the messages that a client missed come first and are marked, and a loss is
//! reported as a gap.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::support::client::Backend;
use crate::support::numbered::Publishers;
use crate::support::server::Server;
use crate::support::websocket::WebSocket;

const TIMEOUT: Duration = Duration::from_secs(5);

fn numbers(events: &[Value]) -> Vec<u64> {
    events
        .iter()
        .filter_map(|event| event["message"]["n"].as_u64())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_returns_gets_what_it_missed_and_nothing_twice() {
    let server = Server::start(&[]);
    let backend = Backend::of(&server);
    let conn_id = backend.connect("alice", &["room"]).await;
    let mut socket = WebSocket::open(&server.address, &conn_id).await.unwrap();
    backend.say("room", json!({"n": 1})).await;
    assert_eq!(socket.event().await["catchup"], false);
    // Only the answer to a ping shows that the client has received the event.
    socket.wait_for_ping().await;
    socket.close();
    assert!(socket.ended(TIMEOUT).await.is_some());
    for n in 2..150 {
        backend.say("room", json!({"n": n})).await;
    }
    let mut socket = WebSocket::open(&server.address, &conn_id).await.unwrap();
    let events = socket
        .events(148, TIMEOUT, Duration::from_millis(100))
        .await;
    assert_eq!(numbers(&events), (2..150).collect::<Vec<_>>());
    assert!(events.iter().all(|event| event["catchup"] == true));
    backend.say("room", json!({"n": 150})).await;
    assert_eq!(socket.event().await["catchup"], false);
}

#[tokio::test(flavor = "multi_thread")]
async fn dropped_entries_are_reported_as_a_gap() {
    let server = Server::start(&[("log-length", "20"), ("channel-frames", "20")]);
    let backend = Backend::of(&server);
    let conn_id = backend.connect("alice", &["room"]).await;
    let poll = async || {
        backend
            .listen(&conn_id)
            .await
            .json::<Vec<Value>>()
            .await
            .unwrap()
    };
    backend.say("room", json!({"n": 0})).await;
    assert_eq!(numbers(&poll().await), [0]);
    for n in 1..=30 {
        backend.say("room", json!({"n": n})).await;
    }
    let events = poll().await;
    assert_eq!(
        (
            &events[0]["type"],
            &events[0]["channel"],
            &events[0]["catchup"]
        ),
        (&json!("catchup:gap"), &json!("room"), &json!(true))
    );
    assert_eq!(numbers(&events), (11..=30).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn entries_for_others_leave_no_gap() {
    let server = Server::start(&[
        ("log-length", "20"),
        ("channel-frames", "20"),
        ("wake-connections-after", "0.2"),
    ]);
    let backend = Backend::of(&server);
    let conn_id = backend.connect("alice", &["room"]).await;
    let mut socket = WebSocket::open(&server.address, &conn_id).await.unwrap();
    for n in 0..50 {
        let message =
            json!([{"user": "b", "channel": "room", "message": {"n": n}, "pm_users": ["bob"]}]);
        backend.post("/message", message).await;
    }
    socket.close();
    assert!(socket.ended(TIMEOUT).await.is_some());
    let events = backend
        .listen(&conn_id)
        .await
        .json::<Vec<Value>>()
        .await
        .unwrap();
    assert_eq!(events, Vec::<Value>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn catch_up_begins_at_the_subscription() {
    let server = Server::start(&[]);
    let backend = Backend::of(&server);
    let conn_id = backend.connect("alice", &[]).await;
    backend.connect("bob", &["room"]).await;
    backend.say("room", json!({"n": 1})).await;
    backend
        .post(
            "/subscribe",
            json!({"conn_id": conn_id, "channels": ["room"]}),
        )
        .await;
    backend.say("room", json!({"n": 2})).await;
    let events = backend
        .listen(&conn_id)
        .await
        .json::<Vec<Value>>()
        .await
        .unwrap();
    assert_eq!(numbers(&events), [2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_of_one_call_to_several_places_arrive_in_their_order() {
    let server = Server::start(&[("workers", "4")]);
    let backend = Backend::of(&server);
    let channels: Vec<_> = (0..8).map(|index| format!("room-{index}")).collect();
    let conn_id = backend
        .connect(
            "alice",
            &channels.iter().map(String::as_str).collect::<Vec<_>>(),
        )
        .await;
    let mut socket = WebSocket::open(&server.address, &conn_id).await.unwrap();
    // The order holds across channels for a client that keeps up.
    for round in 0..50 {
        let message = |n: usize| match n % 9 {
            8 => json!({"user": "b", "pm_users": ["alice"], "message": {"n": round * 20 + n}}),
            channel => {
                json!({"user": "b", "channel": channels[channel], "message": {"n": round * 20 + n}})
            }
        };
        backend
            .post("/message", (0..20).map(message).collect())
            .await;
        let events = socket.events(20, TIMEOUT, Duration::ZERO).await;
        assert_eq!(
            numbers(&events),
            (round as u64 * 20..round as u64 * 20 + 20).collect::<Vec<_>>()
        );
    }
}

/// In a crowded channel, entries of a burst wait to be delivered together. Later messages of the
/// same call must not overtake them.
#[tokio::test(flavor = "multi_thread")]
async fn messages_of_one_call_keep_their_order_in_a_burst_to_many_clients() {
    let server = Server::start(&[("workers", "4")]);
    let backend = Backend::of(&server);
    let mut crowd = Vec::new();
    for index in 0..40 {
        let conn_id = backend
            .connect(&format!("user-{index}"), &["crowded"])
            .await;
        crowd.push(WebSocket::open(&server.address, &conn_id).await.unwrap());
    }
    let conn_id = backend.connect("alice", &["crowded", "quiet"]).await;
    let mut socket = WebSocket::open(&server.address, &conn_id).await.unwrap();
    let burst = Publishers::start(&backend, "crowded", 4, 2000);
    for round in 0..100 {
        let message =
            |channel: &str, n: u64| json!({"user": "b", "channel": channel, "message": {"n": n}});
        backend
            .post(
                "/message",
                json!([
                    message("crowded", 2 * round),
                    message("quiet", 2 * round + 1)
                ]),
            )
            .await;
    }
    burst.stop().await;
    let mut read = Vec::new();
    while read.len() < 200 {
        read.extend(numbers(&[socket.event().await]));
    }
    for round in 0..100 {
        let place = |n| read.iter().position(|read| *read == n);
        assert!(
            place(2 * round) < place(2 * round + 1),
            "round {round}: {read:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn edits_and_deletions_change_missed_messages() {
    let server = Server::start(&[]);
    let backend = Backend::of(&server);
    let conn_id = backend.connect("alice", &["room"]).await;
    let ids = [
        uuid::Uuid::new_v4().to_string(),
        uuid::Uuid::new_v4().to_string(),
    ];
    for (n, id) in ids.iter().enumerate() {
        let draft = json!([{"user": "b", "channel": "room", "uuid": id, "message": {"n": n}}]);
        backend.post("/message", draft.clone()).await;
        let mut private = draft;
        private[0].as_object_mut().unwrap().remove("channel");
        private[0]["pm_users"] = json!(["alice"]);
        backend.post("/message", private).await;
    }
    for to in [json!({"channel": "room"}), json!({"pm_users": ["alice"]})] {
        let with = |fields: Value| {
            let mut message = to.as_object().unwrap().clone();
            message.extend(fields.as_object().unwrap().clone());
            json!([message])
        };
        let patch = with(json!({"uuid": ids[0], "message": {"n": 7}}));
        backend
            .send(reqwest::Method::PATCH, "/message", &patch)
            .await;
        backend
            .send(
                reqwest::Method::DELETE,
                "/message",
                &with(json!({"uuid": ids[1]})),
            )
            .await;
    }
    let events = backend
        .listen(&conn_id)
        .await
        .json::<Vec<Value>>()
        .await
        .unwrap();
    let told: Vec<_> = events
        .iter()
        .map(|event| {
            (
                event["type"].as_str().unwrap(),
                event["message"]["n"].as_u64(),
            )
        })
        .collect();
    let half = [
        ("message", Some(7)),
        ("message:edit", Some(7)),
        ("message:delete", None),
    ];
    assert_eq!(told, [half, half].concat());
}

#[tokio::test(flavor = "multi_thread")]
async fn leaving_a_channel_between_two_polls_makes_no_gap_in_the_others() {
    let server = Server::start(&[]);
    let backend = Backend::of(&server);
    let conn_id = backend.connect("alice", &["red", "green"]).await;
    backend.say("red", json!({"n": 1})).await;
    let events: Vec<Value> = backend.listen(&conn_id).await.json().await.unwrap();
    assert_eq!(numbers(&events), [1]);
    backend
        .post(
            "/unsubscribe",
            json!({"conn_id": conn_id, "channels": ["red"]}),
        )
        .await;
    backend.say("green", json!({"n": 2})).await;
    let events: Vec<Value> = backend.listen(&conn_id).await.json().await.unwrap();
    assert_eq!((events.len(), numbers(&events)), (1, vec![2]), "{events:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_abandons_its_first_poll_gets_the_answer_again_if_it_tells_its_positions() {
    let server = Server::start(&[]);
    let backend = Backend::of(&server);
    let conn_id = backend.connect("alice", &["room"]).await;
    backend.say("room", json!({"n": 1})).await;
    let path = format!("/listen?conn_id={conn_id}&last_event_id=");
    // The answer arrives at a socket that nobody reads and nobody resets.
    let mut abandoned = TcpStream::connect(&server.address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n");
    abandoned.write_all(request.as_bytes()).await.unwrap();
    assert!(abandoned.peek(&mut [0]).await.unwrap() > 0);
    let answer = backend.unsigned(Method::GET, &path).send().await.unwrap();
    let events: Vec<Value> = answer.json().await.unwrap();
    assert_eq!(numbers(&events), [1]);
    assert_eq!(events[0]["catchup"], true);
}
