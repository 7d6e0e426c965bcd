//! Data for many clients is encoded once and shared: among clients that do not read, clients that
//! return, and clients that see others join.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use futures_util::{StreamExt, stream};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::net::TcpStream;

use crate::support::client::Backend;
use crate::support::discarding_client::DiscardingClient;
use crate::support::eventually;
use crate::support::raw_socket::{silent_event_stream, silent_websocket};
use crate::support::server::Server;
use crate::support::websocket::WebSocket;

const STALLED: u64 = 600;

/// Publishes large messages and reads them. Returns the highest memory of the server meanwhile.
async fn load(server: &Server, backend: &Backend, reader: &mut WebSocket, messages: u64) -> u64 {
    let mut most = 0;
    for n in 0..messages {
        backend
            .say("room", json!({"n": n, "x": "x".repeat(200_000)}))
            .await;
        while reader.event().await["message"]["n"] != n {}
        most = most.max(server.memory());
    }
    most
}

/// Returns the memory in kilobytes for each client that listens to messages of 200 KB and does not
/// read.
async fn cost_of_stalled(open: impl AsyncFn(&Server, &str) -> TcpStream) -> u64 {
    let server = Server::start(&[("gc-conns-after", "60")]);
    let backend = Backend::of(&server);
    let mut reader = WebSocket::open(&server.address, &backend.connect("reader", &["room"]).await)
        .await
        .unwrap();
    // The log is full, and the server has allocated what it needs itself.
    let before = load(&server, &backend, &mut reader, 150).await;
    let mut ids = Vec::new();
    for index in 0..STALLED {
        ids.push(
            backend
                .connect(&format!("stalled-{index}"), &["room"])
                .await,
        );
    }
    // All clients have missed some messages when they attach, the later ones more. They stop at
    // different places of the log.
    let mut most = load(&server, &backend, &mut reader, 20).await;
    let mut stalled = Vec::new();
    for (index, conn_id) in ids.iter().enumerate() {
        stalled.push(open(&server, conn_id).await);
        if index % 50 == 49 {
            most = most.max(load(&server, &backend, &mut reader, 1).await);
        }
    }
    most = most.max(load(&server, &backend, &mut reader, 5).await);
    most.saturating_sub(before) / STALLED
}

#[tokio::test(flavor = "multi_thread")]
async fn a_websocket_that_does_not_read_large_messages_costs_less_than_one() {
    let each = cost_of_stalled(silent_websocket).await;
    println!("a websocket that does not read messages of 200 KB costs {each} KB");
    assert!(each < 180, "{each} KB");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_stream_that_does_not_read_large_messages_costs_less_than_one() {
    let each = cost_of_stalled(silent_event_stream).await;
    println!("an event stream that does not read messages of 200 KB costs {each} KB");
    assert!(each < 180, "{each} KB");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_longer_than_message_limit_is_refused() {
    for (limit, flags) in [(262_144, &[][..]), (100, &[("message-limit", "100")][..])] {
        let server = Server::start(flags);
        let backend = Backend::of(&server);
        let conn_id = backend.connect("alice", &["room"]).await;
        let mut listener = WebSocket::open(&server.address, &conn_id).await.unwrap();
        // The size counts as received, so blanks within the message count.
        let message = |length: usize| format!("{{\"n\":  \"{}\"}}", "x".repeat(length - 10));
        let item = |length| {
            format!(
                r#"{{"uuid": "{}", "user": "b", "channel": "room", "message": {}}}"#,
                uuid::Uuid::nil(),
                message(length)
            )
        };
        for method in [Method::POST, Method::PATCH] {
            let send = async |body: String| {
                backend
                    .request(method.clone(), "/message")
                    .body(body)
                    .send()
                    .await
                    .unwrap()
            };
            let refused = send(format!("[{}, {}]", item(20), item(limit + 1))).await;
            assert_eq!(refused.status(), 422, "{method}");
            let reason = format!(
                "Longer than maximum size {limit} bytes (message_limit); got {}.",
                limit + 1
            );
            assert_eq!(
                refused.json::<Value>().await.unwrap(),
                json!({"1": {"message": [reason]}}),
                "{method}"
            );
            assert_eq!(
                send(format!("[{}]", item(limit))).await.status(),
                200,
                "{method}"
            );
            // No part of the refused call was delivered.
            assert_eq!(
                listener.event().await["message"]["n"]
                    .as_str()
                    .unwrap()
                    .len(),
                limit - 10,
                "{method}"
            );
        }
    }
}

/// A waker that stays registered would keep the task of the request. Only the release build shows
/// this, because a debug build allocates the large part of a task separately.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_idle_websocket_keeps_no_memory_of_the_request_that_opened_it() {
    let clients = 2000;
    let server = Server::start(&[("gc-conns-after", "120")]);
    let backend = Backend::of(&server);
    let ids = create_connections(&backend, clients).await;
    let before = server.memory();
    let mut opened = Vec::new();
    for conn_id in &ids {
        // The requests come one after the other: many at once would need memory that is not given
        // back when they end.
        let stream = silent_websocket(&server, conn_id).await;
        stream.readable().await.unwrap();
        opened.push(stream);
    }
    let each = server.memory().saturating_sub(before) as f64 / clients as f64;
    println!("an idle websocket costs {each:.1} KB beside its connection");
    assert!(each < 5.0, "{each} KB");
}

/// Returns connections to `room`, whose clients come and go.
async fn create_connections(backend: &Backend, count: usize) -> Vec<String> {
    // Requests no list of all users: it would take memory for a while, which would hide later
    // growth.
    let connect = |index| async move {
        let body = json!({
            "username": format!("user-{index}"),
            "channels": ["room"],
            "info": {"include_users": false},
        });
        backend.post("/connect", body).await["conn_id"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    stream::iter(0..count)
        .map(connect)
        .buffered(16)
        .collect()
        .await
}

async fn publish_missed(backend: &Backend, messages: usize) {
    for call in 0..messages.div_ceil(100) {
        let draft = |n| {
            let message = json!({"n": 100 * call + n, "x": "x".repeat(300)});
            json!({"user": "b", "channel": "room", "message": message})
        };
        backend
            .post("/message", (0..100).map(draft).collect())
            .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_that_return_at_once_for_the_same_missed_messages_cost_little_time() {
    let clients = 2000;
    let server = Server::start(&[("gc-conns-after", "120"), ("presence-grace", "0.1")]);
    let backend = Backend::of(&server);
    let ids = create_connections(&backend, clients).await;
    let mut costs = Vec::new();
    // The first round returns for no message at all, and so costs what a websocket costs.
    for missed in [0, 100] {
        publish_missed(&backend, missed).await;
        let (cpu, start) = (server.cpu(), Instant::now());
        let returned = join_all(
            ids.iter()
                .map(|conn_id| DiscardingClient::open(&server, conn_id)),
        )
        .await;
        // A message has more than 400 bytes with its envelope.
        eventually("all have what they missed", async || {
            returned.iter().all(|one| one.bytes() >= missed * 400)
        })
        .await;
        let cpu = (server.cpu() - cpu) / clients as u32;
        println!(
            "{clients} clients return for {missed} messages in {:?}: {cpu:?} of the processor each",
            start.elapsed()
        );
        costs.push(cpu);
        drop(returned);
        let is_over = async || {
            let info = backend
                .post(
                    "/info",
                    json!({"info": {"channels": ["room"], "include_users": false}}),
                )
                .await;
            info["channels"]["room"]["total_connections"] == 0
        };
        eventually("all have gone", is_over).await;
    }
    let more = costs[1].saturating_sub(costs[0]);
    println!("100 missed messages cost {more:?} each");
    // On a busy machine everything takes longer, a websocket too.
    let most = Duration::from_micros(150).max(costs[0] * 3 / 2);
    assert!(more < most, "{more:?} each, and a websocket {:?}", costs[0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_that_return_for_the_same_missed_messages_and_do_not_read_share_them() {
    let clients = 2000;
    let server = Server::start(&[("gc-conns-after", "120"), ("channel-frames", "1000")]);
    let backend = Backend::of(&server);
    let ids = create_connections(&backend, clients).await;
    publish_missed(&backend, 1000).await;
    let before = server.memory();
    let mut returned = Vec::new();
    for conn_id in &ids {
        returned.push(silent_websocket(&server, conn_id).await);
    }
    // A handshake is answered after the missed messages were delivered.
    join_all(returned.iter().map(|stream| stream.readable())).await;
    // A websocket itself takes 10 KB of these.
    let each = server.memory().saturating_sub(before) / clients as u64;
    println!("{clients} clients return for 1,000 messages and do not read: {each} KB each");
    assert!(each < 40, "{each} KB each");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_of_users_that_many_see_is_encoded_once() {
    let (listeners, joins) = (1000, 30);
    let server = Server::start(&[]);
    let backend = Backend::of(&server);
    let config =
        json!({"room": {"notify_presence": true, "broadcast_presence_with_user_lists": true}});
    let ids = create_connections(&backend, listeners).await;
    let readers = join_all(
        ids.iter()
            .map(|conn_id| DiscardingClient::open(&server, conn_id)),
    )
    .await;
    backend.post("/channel_config", config).await;
    // Waits until every listener has received this many bytes since `before`. Returns the processor
    // time since `cpu`.
    let received = async |before: &[usize], least: usize, cpu: Duration| {
        let all_have = async || {
            readers
                .iter()
                .zip(before)
                .all(|(one, before)| one.bytes() - before >= least)
        };
        eventually("all have heard of all", all_have).await;
        (server.cpu() - cpu) / joins as u32
    };
    let bytes = || {
        readers
            .iter()
            .map(DiscardingClient::bytes)
            .collect::<Vec<_>>()
    };

    let (before, cpu) = (bytes(), server.cpu());
    for index in 0..joins {
        backend.connect(&format!("guest-{index}"), &["room"]).await;
    }
    // Every event has an entry of more than 20 bytes for each user.
    let join = received(&before, joins * listeners * 20, cpu).await;

    // A message of this size is encoded once for all, so it shows the cost of the sockets alone on
    // this machine.
    let size = (readers[0].bytes() - before[0]) / joins;
    let (before, cpu) = (bytes(), server.cpu());
    for _ in 0..joins {
        backend.say("room", json!({"x": "x".repeat(size)})).await;
    }
    let message = received(&before, joins * size, cpu).await;
    println!(
        "{joins} joins, each {size} bytes to {listeners} listeners: \
         {join:?} of the processor, a message {message:?}"
    );
    assert!(
        join < 2 * message,
        "a join {join:?}, a message of the same size {message:?}"
    );
}
