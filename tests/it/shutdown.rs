//! The server stops in order.

use std::time::{Duration, Instant};

use reqwest::Method;

use crate::support::client::Backend;
use crate::support::event_stream::EventStream;
use crate::support::server::Server;
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
    let (status, server) = tokio::task::spawn_blocking(move || (server.terminate(), server)).await.unwrap();
    assert!(status.success() && start.elapsed() < Duration::from_secs(10), "{status} after {:?}", start.elapsed());
    for socket in &mut sockets {
        let (code, reason) = socket.ended(Duration::from_secs(5)).await.flatten().expect("no close frame");
        assert_eq!((code, reason.as_str()), (1012, "the server restarts; come back in 1 s"));
    }
    server.log_line("stopped");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_stream_ends_with_a_word_when_the_server_stops() {
    let mut server = Server::start(&[]);
    let backend = Backend::of(&server);
    let conn_id = backend.connect("alice", &["room"]).await;
    let mut stream = EventStream::open(backend.unsigned(Method::GET, &format!("/sse?conn_id={conn_id}"))).await;
    let start = Instant::now();
    let status = tokio::task::spawn_blocking(move || server.terminate()).await.unwrap();
    assert!(status.success() && start.elapsed() < Duration::from_secs(4), "{status} after {:?}", start.elapsed());
    let goodbye = stream.soon().await;
    assert!(goodbye.name == "close" && goodbye.data.contains("1012"), "{goodbye:?}");
    assert_eq!(stream.next().await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_poll_ends_with_an_answer_when_the_server_stops() {
    let mut server = Server::start(&[]);
    let backend = Backend::of(&server);
    let conn_id = backend.connect("poller", &["room"]).await;
    let poll = tokio::spawn(async move { backend.listen(&conn_id).await.text().await.unwrap() });
    tokio::time::sleep(Duration::from_millis(200)).await;
    let status = tokio::task::spawn_blocking(move || server.terminate()).await.unwrap();
    assert!(status.success());
    assert_eq!(poll.await.unwrap(), "[]");
}
