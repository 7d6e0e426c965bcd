//! The limit of frames that a client may send in a second.

use std::time::Duration;

use serde_json::json;
use tokio_tungstenite::tungstenite::Message;

use crate::support::client::Backend;
use crate::support::server::Server;
use crate::support::websocket::WebSocket;

const TIMEOUT: Duration = Duration::from_secs(20);

/// Opens a websocket of a user who listens to `room`.
async fn open(server: &Server, user: &str) -> WebSocket {
    let conn_id = Backend::of(server).connect(user, &["room"]).await;
    WebSocket::open(&server.address, &conn_id).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_sends_more_than_frames_per_second_is_closed_with_1008() {
    // The clients send so many frames that even a slow machine reads more than ten in a second.
    let server = Server::start(&[("frames-per-second", "10")]);
    let backend = Backend::of(&server);
    let kinds = [
        ("text", Message::text("[]")),
        ("bytes", Message::binary(vec![1])),
        ("ping", Message::Ping(Vec::new().into())),
        ("pong", Message::Pong(b"of no ping".to_vec().into())),
    ];
    for (kind, frame) in kinds {
        let mut within = open(&server, &format!("{kind} within")).await;
        for _ in 0..10 {
            within.send(frame.clone());
        }
        let mut beyond = open(&server, &format!("{kind} beyond")).await;
        for _ in 0..1000 {
            beyond.send(frame.clone());
        }
        let ended = beyond.ended(TIMEOUT).await.flatten();
        let (code, reason) = ended.expect("it ends with a close frame");
        assert_eq!(code, 1008, "{kind}");
        assert!(reason.contains("frames_per_second"), "{kind}: {reason}");
        backend.say("room", json!({"kind": kind})).await;
        assert_eq!(within.event().await["message"]["kind"], kind);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_to_the_pings_of_the_server_do_not_count() {
    let server = Server::start(&[("frames-per-second", "1"), ("heartbeat-interval", "0.02")]);
    let backend = Backend::of(&server);
    let mut socket = open(&server, "alice").await;
    for n in 0..30 {
        backend.say("room", json!({"n": n})).await;
        assert_eq!(socket.event().await["message"]["n"], n);
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
}
