//! Tests of the times at which connections, presence, users and channels end.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::client::Backend;
use crate::support::eventually;
use crate::support::server::Server;
use crate::support::websocket::WebSocket;

const TIMEOUT: Duration = Duration::from_secs(5);

/// The settings that a short `gc_conns_after` needs: healthy clients show more often that they are
/// alive.
const SHORT: [(&str, &str); 2] = [
    ("heartbeat-interval", "0.1"),
    ("wake-connections-after", "0.1"),
];

async fn watched_room(server: &Server, backend: &Backend) -> WebSocket {
    backend
        .post(
            "/channel_config",
            json!({"room": {"notify_presence": true}}),
        )
        .await;
    let conn_id = backend.connect("watcher", &["room"]).await;
    WebSocket::open(&server.address, &conn_id).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_reload_causes_no_presence_event() {
    let server = Server::start(&[]);
    let backend = Backend::of(&server);
    let mut watcher = watched_room(&server, &backend).await;
    let conn_id = backend.connect("alice", &["room"]).await;
    let mut socket = WebSocket::open(&server.address, &conn_id).await.unwrap();
    assert_eq!(watcher.event().await["message"]["action"], "joined");
    socket.close();
    assert!(socket.ended(TIMEOUT).await.is_some());
    let _again = WebSocket::open(&server.address, &conn_id).await.unwrap();
    assert_eq!(
        watcher
            .events(1, Duration::from_secs(4), Duration::ZERO)
            .await,
        Vec::<Value>::new()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_with_a_new_connection_causes_no_presence_event() {
    let server = Server::start(&[]);
    let backend = Backend::of(&server);
    let mut watcher = watched_room(&server, &backend).await;
    let mut socket = WebSocket::open(&server.address, &backend.connect("alice", &["room"]).await)
        .await
        .unwrap();
    assert_eq!(watcher.event().await["message"]["action"], "joined");
    socket.close();
    assert!(socket.ended(TIMEOUT).await.is_some());
    let _again = WebSocket::open(&server.address, &backend.connect("alice", &["room"]).await)
        .await
        .unwrap();
    assert_eq!(
        watcher
            .events(1, Duration::from_secs(4), Duration::ZERO)
            .await,
        Vec::<Value>::new()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_who_connects_again_within_the_grace_does_not_part() {
    let server = Server::start(&[("presence-grace", "0.5")]);
    let backend = Backend::of(&server);
    let mut watcher = watched_room(&server, &backend).await;
    let conn_id = backend.connect("alice", &["room"]).await;
    let mut socket = WebSocket::open(&server.address, &conn_id).await.unwrap();
    assert_eq!(watcher.event().await["message"]["action"], "joined");
    socket.close();
    assert!(socket.ended(TIMEOUT).await.is_some());
    backend
        .post(
            "/connect",
            json!({"username": "alice", "conn_id": conn_id, "channels": ["room"]}),
        )
        .await;
    assert_eq!(
        watcher
            .events(1, Duration::from_millis(1500), Duration::ZERO)
            .await,
        Vec::<Value>::new()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_socket_parts_after_the_grace_and_joins_again_when_it_is_back() {
    let server = Server::start(&[("presence-grace", "0.1")]);
    let backend = Backend::of(&server);
    let mut watcher = watched_room(&server, &backend).await;
    let conn_id = backend.connect("alice", &["room"]).await;
    let mut socket = WebSocket::open(&server.address, &conn_id).await.unwrap();
    socket.close();
    assert!(socket.ended(TIMEOUT).await.is_some());
    assert_eq!(watcher.event().await["message"]["action"], "joined");
    assert_eq!(watcher.event().await["message"]["action"], "parted");
    backend.say("room", json!({"n": 1})).await;
    assert_eq!(watcher.event().await["type"], "message");
    let mut socket = WebSocket::open(&server.address, &conn_id).await.unwrap();
    assert_eq!(watcher.event().await["message"]["action"], "joined");
    assert_eq!(socket.event().await["message"]["n"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_nobody_listens_to_ends() {
    let server = Server::start(&[("gc-conns-after", "0.3"), SHORT[0], SHORT[1]]);
    let backend = Backend::of(&server);
    let conn_id = backend.connect("alice", &["room"]).await;
    eventually("the connection is gone", async || {
        let info = backend
            .post("/info", json!({"info": {"channels": ["room"]}}))
            .await;
        info["channels"]["room"]["total_connections"] == 0
    })
    .await;
    assert_eq!(backend.listen(&conn_id).await.status(), 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_answers_pings_stays() {
    let server = Server::start(&[
        ("gc-conns-after", "1"),
        ("heartbeat-interval", "0.2"),
        SHORT[1],
    ]);
    let backend = Backend::of(&server);
    let conn_id = backend.connect("alice", &["room"]).await;
    let mut socket = WebSocket::open(&server.address, &conn_id).await.unwrap();
    // This is longer than the deadline.
    assert!(socket.ended(Duration::from_millis(2500)).await.is_none());
    backend.say("room", json!({"n": 1})).await;
    assert_eq!(socket.event().await["catchup"], false);
}

/// Reads frames of a websocket until one of this kind arrives. Returns its payload.
async fn frame(stream: &mut TcpStream, kind: u8) -> Vec<u8> {
    let mut header = [0; 2];
    loop {
        stream.read_exact(&mut header).await.unwrap();
        let mut payload = vec![0; usize::from(header[1])];
        assert!(payload.len() < 126, "a short frame");
        stream.read_exact(&mut payload).await.unwrap();
        if header[0] == kind {
            return payload;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_websocket_whose_client_stops_answering_is_closed_as_idle_while_its_socket_stays_open() {
    const PING: u8 = 0x89;
    const CLOSE: u8 = 0x88;
    let server = Server::start(&[
        ("gc-conns-after", "1"),
        ("heartbeat-interval", "0.2"),
        SHORT[1],
    ]);
    let backend = Backend::of(&server);
    let conn_id = backend.connect("alice", &["room"]).await;
    let mut stream = TcpStream::connect(&server.address).await.unwrap();
    let upgrade = format!(
        "GET /ws?conn_id={conn_id} HTTP/1.1\r\nHost: x\r\n\
         Connection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    stream.write_all(upgrade.as_bytes()).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    // The client sends some pongs with an empty mask. Then it still reads, but sends nothing more.
    for _ in 0..3 {
        let ping = frame(&mut stream, PING).await;
        stream
            .write_all(&[&[0x8a, 0x80 | ping.len() as u8, 0, 0, 0, 0], &ping[..]].concat())
            .await
            .unwrap();
    }
    let start = Instant::now();
    let close = tokio::time::timeout(TIMEOUT, frame(&mut stream, CLOSE))
        .await
        .expect("a close frame");
    assert_eq!(u16::from_be_bytes([close[0], close[1]]), 4003);
    assert_eq!(
        std::str::from_utf8(&close[2..]).unwrap(),
        "idle: nothing heard from the client"
    );
    assert!(
        start.elapsed() >= Duration::from_millis(900),
        "{:?}",
        start.elapsed()
    );
    assert_eq!(backend.listen(&conn_id).await.status(), 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn users_and_channels_are_forgotten() {
    let flags = [
        ("gc-conns-after", "0.2"),
        ("gc-users-after", "0.2"),
        ("gc-channels-after", "0.2"),
        ("sweep-interval", "0.1"),
    ];
    let server = Server::start(&[&flags[..], &SHORT].concat());
    let backend = Backend::of(&server);
    let connect = json!({"username": "alice", "channels": ["room"], "fresh_user_state": {"a": 1}});
    backend.post("/connect", connect).await;
    eventually("all is forgotten", async || {
        let totals = backend.post("/admin/admin.json", json!({})).await;
        [
            &totals["total_channels"],
            &totals["remembered_user_count"],
            &totals["total_connections"],
        ]
        .iter()
        .all(|count| **count == 0)
    })
    .await;
    let again = backend
        .post(
            "/connect",
            json!({"username": "alice", "fresh_user_state": {"a": 2}}),
        )
        .await;
    assert_eq!(again["state"], json!({"a": 2}));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disconnect_is_final() {
    let server = Server::start(&[]);
    let backend = Backend::of(&server);
    let mut watcher = watched_room(&server, &backend).await;
    let conn_id = backend.connect("alice", &["room"]).await;
    let mut socket = WebSocket::open(&server.address, &conn_id).await.unwrap();
    assert_eq!(watcher.event().await["message"]["action"], "joined");
    assert_eq!(
        backend
            .post("/disconnect", json!({"conn_id": conn_id}))
            .await,
        true
    );
    assert_eq!(watcher.event().await["message"]["action"], "parted");
    assert_eq!(
        backend
            .post("/disconnect", json!({"conn_id": conn_id}))
            .await,
        false
    );
    backend.say("room", json!({"n": 1})).await;
    assert_eq!(socket.ended(TIMEOUT).await.flatten().unwrap().0, 1000);
    assert_eq!(backend.listen(&conn_id).await.status(), 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn state_and_presence_events_of_several_channels_come_in_the_order_of_their_names() {
    let server = Server::start(&[("workers", "4")]);
    let backend = Backend::of(&server);
    let names: Vec<_> = (0..9).map(|index| format!("room-{index}")).collect();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    for name in &names {
        backend
            .post(
                "/channel_config",
                json!({*name: {"notify_presence": true, "notify_state": true}}),
            )
            .await;
    }
    let conn_id = backend.connect("watcher", &names).await;
    let mut watcher = WebSocket::open(&server.address, &conn_id).await.unwrap();
    let alice = backend.connect("alice", &names).await;
    backend
        .post(
            "/user_state",
            json!({"user": "alice", "user_state": {"a": 1}}),
        )
        .await;
    backend.post("/disconnect", json!({"conn_id": alice})).await;
    let events = watcher.events(27, TIMEOUT, Duration::ZERO).await;
    let channels: Vec<_> = events
        .iter()
        .map(|event| event["channel"].as_str().unwrap())
        .collect();
    assert_eq!(channels, [names.clone(), names.clone(), names].concat());
}
