//! Anything that a stranger sends gets a clear answer: a 4xx or a close code, never a 500, never a
//! panic.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};

use crate::support::client::Backend;
use crate::support::server::Server;
use crate::support::websocket::WebSocket;

const SIGNED: [(&str, Method); 9] = [
    ("/connect", Method::POST),
    ("/subscribe", Method::POST),
    ("/unsubscribe", Method::POST),
    ("/user_state", Method::POST),
    ("/message", Method::POST),
    ("/message", Method::PATCH),
    ("/message", Method::DELETE),
    ("/channel_config", Method::POST),
    ("/info", Method::POST),
];

async fn status(
    backend: &Backend,
    method: &Method,
    path: &str,
    body: impl Into<reqwest::Body>,
) -> (u16, String) {
    let response = backend
        .request(method.clone(), path)
        .body(body)
        .send()
        .await
        .unwrap();
    (response.status().as_u16(), response.text().await.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn broken_bodies_get_a_reason() {
    let server = Server::start(&[]);
    let backend = Backend::of(&server);
    let deep = format!("{}{}", "[".repeat(200_000), "]".repeat(200_000));
    let deep_message = format!(
        r#"[{{"user": "a", "channel": "b", "message": {{"x": {}1{}}}}}]"#,
        "[".repeat(5000),
        "]".repeat(5000)
    );
    let bodies: [&[u8]; 12] = [
        b"{\"username\": \"al",
        deep.as_bytes(),
        deep_message.as_bytes(),
        b"\xff\xfe{}",
        b"{\"username\": \"\xff\"}",
        b"null",
        b"[null]",
        b"1e999",
        b"\"text\"",
        b"username=alice&channels=x",
        b"{\"a\": Infinity}",
        b"{} {}",
    ];
    for (path, method) in SIGNED {
        for body in bodies {
            let (status, text) = status(&backend, &method, path, body.to_vec()).await;
            assert!(
                (400..500).contains(&status),
                "{method} {path} {:?}: {status} {text}",
                &body[..body.len().min(40)]
            );
            let answer: Value = serde_json::from_str(&text).unwrap();
            assert!(answer.is_object(), "{method} {path}: {text}");
        }
    }
    assert!(
        !server
            .rest_of_log()
            .iter()
            .any(|line| line.contains("panicked"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn large_bodies_are_refused_with_the_limit() {
    let server = Server::start(&[("message-limit", "1048576")]);
    let backend = Backend::of(&server);
    let large = format!(
        r#"[{{"user": "a", "channel": "b", "message": {{"x": "{}"}}}}]"#,
        "x".repeat(10 << 20)
    );
    let (code, text) = status(&backend, &Method::POST, "/message", large.clone()).await;
    assert_eq!(
        (
            code,
            text.contains("1048576") && text.contains("body_limit")
        ),
        (413, true),
        "{text}"
    );
    let (code, _) = status(
        &backend,
        &Method::POST,
        "/message",
        large[..1 << 19].to_owned(),
    )
    .await;
    assert_eq!(code, 400);
    let roomy = Server::start(&[("body-limit", "20000000"), ("message-limit", "20000000")]);
    let (code, _) = status(&Backend::of(&roomy), &Method::POST, "/message", large).await;
    assert_eq!(code, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_unsigned_body_is_refused_too() {
    let server = Server::start(&[]);
    let response = Backend::of(&server)
        .unsigned(Method::POST, "/message")
        .body("x".repeat(10 << 20))
        .send()
        .await;
    // The server may end the connection before the whole body was sent, but must not accept the
    // call.
    assert!(response.map_or(true, |response| response.status() == 403));
}

#[tokio::test(flavor = "multi_thread")]
async fn absurd_numbers_are_refused() {
    let server = Server::start(&[]);
    let backend = Backend::of(&server);
    for number in [
        "1e400",
        "99999999999999999999999999",
        "-1",
        "1e30",
        "\"1e3\"",
    ] {
        let body = format!(r#"{{"room": {{"history_size": {number}}}}}"#);
        assert_eq!(
            status(&backend, &Method::POST, "/channel_config", body)
                .await
                .0,
            422,
            "{number}"
        );
    }
    let state = backend.post("/connect", json!({"username": "a"})).await;
    assert!(state.is_object());
    let state = r#"{"big": 123456789012345678901234567890.50, "small": -1e-999}"#;
    let body = format!(r#"{{"user": "a", "user_state": {state}}}"#);
    let (code, text) = status(&backend, &Method::POST, "/user_state", body).await;
    assert_eq!(
        (code, text.contains("123456789012345678901234567890.50")),
        (200, true),
        "{text}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn all_errors_of_a_body_are_named_at_once() {
    let server = Server::start(&[]);
    let backend = Backend::of(&server);
    let subscribe = json!({
        "conn_id": uuid::Uuid::new_v4(),
        "channels": [],
        "info": {"channels": [1], "include_users": 3},
    });
    let response = backend.send(Method::POST, "/subscribe", &subscribe).await;
    let expected = json!({
        "conn_id": ["Unknown connection"],
        "channels": ["Shorter than minimum length 1."],
        "info": {
            "channels": {"0": ["Not a valid string."]},
            "include_users": ["Not a valid boolean."],
        },
    });
    assert_eq!(
        (
            response.status().as_u16(),
            response.json::<Value>().await.unwrap()
        ),
        (422, expected)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn any_content_type_is_read_as_json() {
    let server = Server::start(&[]);
    for content_type in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "image/png",
        "nonsense",
    ] {
        let request = Backend::of(&server)
            .request(Method::POST, "/connect")
            .header("content-type", content_type);
        assert_eq!(
            request
                .body(r#"{"username": "a"}"#)
                .send()
                .await
                .unwrap()
                .status(),
            200,
            "{content_type}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn invalid_queries_get_a_reason() {
    let server = Server::start(&[]);
    let backend = Backend::of(&server);
    for path in [
        "/listen",
        "/listen?conn_id=",
        "/listen?conn_id=%FF",
        "/disconnect",
        "/disconnect?conn_id=x",
        "/ws",
        "/ws?conn_id=x",
    ] {
        let response = backend.unsigned(Method::GET, path).send().await.unwrap();
        assert_eq!(response.status(), 422, "{path}");
        assert!(!response.text().await.unwrap().is_empty(), "{path}");
    }
    let conn_id = backend.connect("a", &[]).await;
    let path = format!("/ws?conn_id={conn_id}");
    assert_eq!(
        backend
            .unsigned(Method::GET, &path)
            .send()
            .await
            .unwrap()
            .status(),
        426
    );
    assert_eq!(
        backend
            .unsigned(Method::OPTIONS, &path)
            .send()
            .await
            .unwrap()
            .status(),
        200
    );
    let poll = format!("/listen?conn_id={conn_id}&callback=alert(1)");
    assert_eq!(
        backend
            .unsigned(Method::GET, &poll)
            .send()
            .await
            .unwrap()
            .status(),
        422
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn frames_of_clients_are_signs_of_life_unless_they_break_the_protocol() {
    let server = Server::start(&[]);
    let backend = Backend::of(&server);
    let open = async |user: &str| {
        let conn_id = backend.connect(user, &["room"]).await;
        WebSocket::open(&server.address, &conn_id).await.unwrap()
    };
    let mut socket = open("binary").await;
    socket.send(Message::binary(vec![0; 100]));
    for (opcode, is_final) in [
        (Data::Text, false),
        (Data::Continue, false),
        (Data::Continue, true),
    ] {
        socket.send(Message::Frame(Frame::message(
            "part",
            OpCode::Data(opcode),
            is_final,
        )));
    }
    backend.say("room", json!({"n": 1})).await;
    assert_eq!(socket.event().await["message"]["n"], 1);
    let mut socket = open("oversized").await;
    socket.send(Message::text("x".repeat(5000)));
    let (code, _) = socket
        .ended(Duration::from_secs(5))
        .await
        .flatten()
        .unwrap();
    assert_eq!(code, 1009);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frame_that_announces_more_than_the_limit_is_refused_before_it_comes() {
    let server = Server::start(&[]);
    let conn_id = Backend::of(&server).connect("raw", &[]).await;
    let answer = answer_to(
        &server,
        &conn_id,
        b"\x82\xff\x00\x00\x00\x10\x00\x00\x00\x00",
    )
    .await;
    assert!(
        is_closed_with(&answer, [0x03, 0xf1]),
        "{}",
        String::from_utf8_lossy(&answer)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unmasked_frame_closes_the_websocket() {
    let server = Server::start(&[]);
    let conn_id = Backend::of(&server).connect("raw", &[]).await;
    for frame in [
        &b"\x81\x05hello"[..],
        b"\xf1\x80\0\0\0\0",
        b"\x83\x80\0\0\0\0",
    ] {
        let answer = answer_to(&server, &conn_id, frame).await;
        assert!(
            is_closed_with(&answer, [0x03, 0xea]),
            "{frame:?}: {}",
            String::from_utf8_lossy(&answer)
        );
    }
}

/// Opens a websocket by hand, sends these bytes, and reads until the server closes it.
async fn answer_to(server: &Server, conn_id: &str, frame: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(&server.address).await.unwrap();
    let upgrade = format!(
        "GET /ws?conn_id={conn_id} HTTP/1.1\r\nHost: x\r\n\
         Connection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    stream.write_all(upgrade.as_bytes()).await.unwrap();
    stream.write_all(frame).await.unwrap();
    let mut answer = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(5), stream.read_to_end(&mut answer)).await;
    assert!(read.is_ok(), "{frame:?}: still open");
    answer
}

/// Returns whether the answer contains a close frame with this code: 0x88, the length, the code.
fn is_closed_with(answer: &[u8], code: [u8; 2]) -> bool {
    answer
        .windows(4)
        .any(|bytes| bytes[0] == 0x88 && bytes[2..] == code)
}
