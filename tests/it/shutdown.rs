//! Tests of an orderly stop of the server.

use std::time::{Duration, Instant};

use futures_util::StreamExt;
use reqwest::Method;
use serde_json::{Value, json};
use socket2::{Domain, Socket, Type};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{WebSocketStream, client_async};

use crate::support::client::Backend;
use crate::support::event_stream::EventStream;
use crate::support::eventually;
use crate::support::raw::Raw;
use crate::support::server::Server;
use crate::support::signing::{now, sign};
use crate::support::websocket::WebSocket;

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_says_goodbye_to_every_client_and_ends_in_time() {
    let mut server = Server::start(&[]);
    let backend = Backend::of(&server);
    let mut sockets = Vec::new();
    for index in 0..20 {
        let conn_id = backend.connect(&format!("user-{index}"), &["room"]).await;
        sockets.push(WebSocket::open(&server.address, &conn_id).await.unwrap());
    }
    let start = Instant::now();
    let (status, server) = tokio::task::spawn_blocking(move || (server.terminate(), server))
        .await
        .unwrap();
    assert!(
        status.success() && start.elapsed() < Duration::from_secs(10),
        "{status} after {:?}",
        start.elapsed()
    );
    for socket in &mut sockets {
        let (code, reason) = socket
            .ended(Duration::from_secs(5))
            .await
            .flatten()
            .expect("no close frame");
        assert_eq!(
            (code, reason.as_str()),
            (1012, "the server restarts; come back in 1 s")
        );
    }
    server.log_line("stopped");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_stream_ends_with_a_close_event_when_the_server_stops() {
    let mut server = Server::start(&[]);
    let backend = Backend::of(&server);
    let conn_id = backend.connect("alice", &["room"]).await;
    let mut stream =
        EventStream::open(backend.unsigned(Method::GET, &format!("/sse?conn_id={conn_id}"))).await;
    let start = Instant::now();
    let status = tokio::task::spawn_blocking(move || server.terminate())
        .await
        .unwrap();
    assert!(
        status.success() && start.elapsed() < Duration::from_secs(4),
        "{status} after {:?}",
        start.elapsed()
    );
    let goodbye = stream.expect_next().await;
    assert!(
        goodbye.name == "close" && goodbye.data.contains("1012"),
        "{goodbye:?}"
    );
    assert_eq!(stream.next().await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_poll_ends_with_an_answer_when_the_server_stops() {
    let mut server = Server::start(&[]);
    let backend = Backend::of(&server);
    let conn_id = backend.connect("poller", &["room"]).await;
    let poll = tokio::spawn(async move { backend.listen(&conn_id).await.text().await.unwrap() });
    tokio::time::sleep(Duration::from_millis(200)).await;
    let status = tokio::task::spawn_blocking(move || server.terminate())
        .await
        .unwrap();
    assert!(status.success());
    assert_eq!(poll.await.unwrap(), "[]");
}

/// Waits until the server reports that it is about to stop.
async fn wait_until_stopping(backend: &Backend) {
    eventually("the server is not ready", async || {
        backend
            .unsigned(Method::GET, "/ready")
            .send()
            .await
            .is_ok_and(|answer| answer.status() == 503)
    })
    .await;
}

/// Opens a socket with a small buffer, which the test can read slowly.
fn slow_socket(server: &Server, buffer: usize) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(buffer).unwrap();
    let address: std::net::SocketAddr = server.address.parse().unwrap();
    socket.connect(&address.into()).unwrap();
    socket.set_nonblocking(true).unwrap();
    TcpStream::from_std(socket.into()).unwrap()
}

async fn slow_websocket(server: &Server, conn_id: &str) -> WebSocketStream<TcpStream> {
    client_async(
        format!("ws://{}/ws?conn_id={conn_id}", server.address),
        slow_socket(server, 1024),
    )
    .await
    .unwrap()
    .0
}

/// Publishes more than sockets and queues can hold. The messages carry their numbers.
async fn publish_8_megabytes(backend: &Backend) -> u64 {
    for call in 0..40 {
        let batch = (0..20).map(|n| {
            let message = json!({"n": call * 20 + n, "filler": "x".repeat(10_000)});
            json!({"user": "b", "channel": "room", "message": message})
        });
        backend.post("/message", batch.collect()).await;
    }
    800
}

fn number(event: &Value) -> u64 {
    event["message"]["n"].as_u64().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_gives_notice_serves_all_until_the_notice_is_over() {
    let mut server = Server::start(&[("drain-notice", "1.5")]);
    let backend = Backend::of(&server);
    let conn_id = backend.connect("alice", &["room"]).await;
    let mut socket = WebSocket::open(&server.address, &conn_id).await.unwrap();
    let start = Instant::now();
    server.begin_stop();
    wait_until_stopping(&backend).await;
    backend.say("room", json!({"n": 1})).await;
    assert_eq!(socket.event().await["message"]["n"], 1);
    let other = backend.connect("bob", &["room"]).await;
    let mut other = WebSocket::open(&server.address, &other).await.unwrap();
    backend.say("room", json!({"n": 2})).await;
    assert_eq!(other.event().await["message"]["n"], 2);
    assert!(server.end().await.success());
    assert!(
        (Duration::from_millis(1500)..Duration::from_secs(6)).contains(&start.elapsed()),
        "{:?}",
        start.elapsed()
    );
    assert_eq!(
        socket
            .ended(Duration::from_secs(5))
            .await
            .flatten()
            .unwrap()
            .0,
        1012
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn reads_are_answered_and_changes_refused_while_clients_are_closed() {
    let mut server = Server::start(&[("drain-time", "4"), ("demo", "true")]);
    let backend = Backend::of(&server);
    let known = backend.connect("alice", &["side"]).await;
    // This client reads nothing while data waits for it. The server does not end before its time is
    // over.
    let stuck = backend.connect("stuck", &["room"]).await;
    let _stuck = slow_websocket(&server, &stuck).await;
    publish_8_megabytes(&backend).await;
    let start = Instant::now();
    server.begin_stop();
    wait_until_stopping(&backend).await;
    for (method, path) in [
        (Method::POST, "/connect"),
        (Method::POST, "/subscribe"),
        (Method::POST, "/unsubscribe"),
        (Method::POST, "/user_state"),
        (Method::POST, "/message"),
        (Method::PATCH, "/message"),
        (Method::DELETE, "/message"),
        (Method::POST, "/channel_config"),
        (Method::POST, "/admin/message"),
        (Method::POST, "/admin/forget_channel"),
        (Method::GET, &format!("/listen?conn_id={known}")),
        (
            Method::GET,
            &format!("/listen?conn_id={}", uuid::Uuid::new_v4()),
        ),
    ] {
        let answer = backend
            .request(method.clone(), path)
            .json(&json!([]))
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), 503, "{method} {path}");
        assert_eq!(answer.headers()["retry-after"], "1", "{method} {path}");
        assert_eq!(
            answer.headers()["access-control-allow-origin"],
            "*",
            "{method} {path}"
        );
    }
    for (method, path) in [
        (Method::POST, "/info"),
        (Method::GET, "/health"),
        (Method::GET, "/admin/admin.json"),
        (Method::GET, "/admin"),
        (Method::GET, "/openapi.json"),
        (Method::GET, &format!("/disconnect?conn_id={known}")),
    ] {
        assert_eq!(
            backend
                .request(method.clone(), path)
                .send()
                .await
                .unwrap()
                .status(),
            200,
            "{method} {path}"
        );
    }
    let mut panel =
        EventStream::open(backend.request(Method::GET, "/admin/live?view=channels")).await;
    assert!(!panel.expect_next().await.data.is_empty());
    for conn_id in [known, uuid::Uuid::new_v4().to_string()] {
        let listen = backend.unsigned(Method::GET, &format!("/sse?conn_id={conn_id}"));
        let mut stream = EventStream::open(listen).await;
        let close = stream.expect_next().await;
        assert_eq!(close.name, "close");
        assert!(close.data.contains("1012"), "{}", close.data);
        assert_eq!((stream.next().await, stream.retry), (None, Some(1000)));
        let mut socket = WebSocket::open(&server.address, &conn_id)
            .await
            .expect("a handshake was refused");
        let end = socket
            .ended(Duration::from_secs(5))
            .await
            .flatten()
            .expect("no close frame");
        assert_eq!(
            end,
            (1012, "the server restarts; come back in 1 s".to_owned())
        );
    }
    assert!(
        server.ended().is_none(),
        "it had ended before all cases were tried"
    );
    assert!(server.end().await.success());
    // The limit is drain_time, close_grace and one second.
    assert!(
        start.elapsed() < Duration::from_millis(6500),
        "{:?}",
        start.elapsed()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_reader_gets_all_that_was_accepted_before_its_websocket_is_closed() {
    let mut server = Server::start(&[
        ("drain-time", "15"),
        ("gc-conns-after", "30"),
        ("log-bytes", "100000000"),
    ]);
    let backend = Backend::of(&server);
    let conn_id = backend.connect("slow", &["room"]).await;
    let mut socket = slow_websocket(&server, &conn_id).await;
    let published = publish_8_megabytes(&backend).await;
    server.begin_stop();
    let (mut next, mut code) = (0, None);
    while let Some(Ok(message)) = socket.next().await {
        match message {
            Message::Text(text) => {
                for event in serde_json::from_str::<Vec<Value>>(&text).unwrap() {
                    assert_eq!(number(&event), next);
                    next += 1;
                }
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
            Message::Close(close) => code = close.map(|close| u16::from(close.code)),
            _ => {}
        }
    }
    assert_eq!((next, code), (published, Some(1012)));
    assert!(server.end().await.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_event_stream_gets_all_that_was_accepted_and_then_its_goodbye() {
    let mut server = Server::start(&[
        ("drain-time", "15"),
        ("gc-conns-after", "30"),
        ("log-bytes", "100000000"),
    ]);
    let backend = Backend::of(&server);
    let conn_id = backend.connect("slow", &["room"]).await;
    let mut stream = slow_socket(&server, 32 << 10);
    stream
        .write_all(format!("GET /sse?conn_id={conn_id} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes())
        .await
        .unwrap();
    let (mut text, mut bytes) = (Vec::new(), [0; 16 << 10]);
    // The stream has begun, so it is attached.
    while !String::from_utf8_lossy(&text).contains("retry:") {
        let count = stream.read(&mut bytes).await.unwrap();
        text.extend_from_slice(&bytes[..count]);
    }
    let published = publish_8_megabytes(&backend).await;
    server.begin_stop();
    while let Ok(count @ 1..) = stream.read(&mut bytes).await {
        text.extend_from_slice(&bytes[..count]);
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let text = String::from_utf8_lossy(&text);
    let numbers: Vec<u64> = text
        .split("\"n\":")
        .skip(1)
        .map(|rest| rest.split(',').next().unwrap().parse().unwrap())
        .collect();
    assert!(
        numbers == (0..published).collect::<Vec<_>>(),
        "{} of {published}",
        numbers.len()
    );
    let goodbye = text.rsplit("event: close").next().unwrap();
    assert!(
        goodbye.contains("1012") && goodbye.ends_with("0\r\n\r\n"),
        "{goodbye:?}"
    );
    assert!(server.end().await.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_between_two_polls_gets_what_was_accepted_meanwhile() {
    let mut server = Server::start(&[("close-grace", "5")]);
    let backend = Backend::of(&server);
    let conn_id = backend.connect("poller", &["room"]).await;
    backend.say("room", json!({"n": 1})).await;
    assert!(
        backend
            .listen(&conn_id)
            .await
            .text()
            .await
            .unwrap()
            .contains("\"n\":1")
    );
    backend.say("room", json!({"n": 2})).await;
    server.begin_stop();
    wait_until_stopping(&backend).await;
    // The client is not as fast as it could be.
    tokio::time::sleep(Duration::from_millis(300)).await;
    let last = backend.listen(&conn_id).await;
    assert_eq!(last.status(), 200);
    assert!(last.text().await.unwrap().contains("\"n\":2"));
    // It comes back at once, and may find that the server has ended.
    let next = backend
        .unsigned(Method::GET, &format!("/listen?conn_id={conn_id}"))
        .send()
        .await;
    assert!(
        next.as_ref().map_or(true, |next| next.status() == 503),
        "{next:?}"
    );
    assert!(server.end().await.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_is_under_way_when_the_stop_begins_is_finished_and_delivered() {
    let mut server = Server::start(&[]);
    let backend = Backend::of(&server);
    let conn_id = backend.connect("alice", &["room"]).await;
    let mut socket = WebSocket::open(&server.address, &conn_id).await.unwrap();
    let body = json!([{"user": "b", "channel": "room", "message": {"n": 1}}]).to_string();
    let (first, second) = body.split_at(10);
    let secret = sign("secret", "/message", now());
    let mut raw = Raw::open(&server).await;
    let length = body.len();
    raw.send(&format!(
        "POST /message HTTP/1.1\r\nHost: x\r\n\
         X-Channelstream-Secret: {secret}\r\nContent-Length: {length}\r\n\r\n"
    ))
    .await;
    raw.send(first).await;
    // The server has received this request by the time it answers another one.
    backend
        .unsigned(Method::GET, "/health")
        .send()
        .await
        .unwrap();
    tokio::time::sleep(Duration::from_millis(200)).await;
    server.begin_stop();
    wait_until_stopping(&backend).await;
    raw.send(second).await;
    assert!(raw.answer().await.starts_with("http/1.1 200"));
    assert_eq!(socket.event().await["message"]["n"], 1);
    assert_eq!(
        socket
            .ended(Duration::from_secs(5))
            .await
            .flatten()
            .unwrap()
            .0,
        1012
    );
    assert!(server.end().await.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn many_clients_are_closed_one_after_the_other() {
    let mut server = Server::start(&[]);
    let backend = Backend::of(&server);
    let mut sockets = Vec::new();
    for index in 0..300 {
        let conn_id = backend.connect(&format!("user-{index}"), &["room"]).await;
        sockets.push(WebSocket::open(&server.address, &conn_id).await.unwrap());
    }
    server.begin_stop();
    let ends = sockets.iter_mut().map(|socket| async {
        let (code, _) = socket
            .ended(Duration::from_secs(10))
            .await
            .flatten()
            .expect("no close frame");
        (code, Instant::now())
    });
    let ends = futures_util::future::join_all(ends).await;
    assert!(ends.iter().all(|(code, _)| *code == 1012));
    let times = || ends.iter().map(|(_, at)| *at);
    let spread = times().max().unwrap() - times().min().unwrap();
    // The rate is a thousand a second.
    assert!(spread > Duration::from_millis(200), "{spread:?}");
    assert!(server.end().await.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_signal_ends_the_server_at_once() {
    let mut server = Server::start(&[("drain-notice", "60")]);
    let backend = Backend::of(&server);
    let start = Instant::now();
    server.begin_stop();
    wait_until_stopping(&backend).await;
    server.begin_stop();
    assert!(!server.end().await.success());
    assert!(
        start.elapsed() < Duration::from_secs(10),
        "{:?}",
        start.elapsed()
    );
    server.log_line("second signal");
}
