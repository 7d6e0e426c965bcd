//! Clients of the Socket.IO protocol over a websocket: what they are sent, what they confirm, and
//! what becomes of bad packets. `polling` tests clients that poll, `recovery` clients that come
//! back, `users` clients that listen as a user, and `programs` and `returning_programs` the
//! official clients. `nodes` and `roaming` test clients whose requests go to several nodes.

use std::time::{Duration, Instant};

use futures_util::{SinkExt, StreamExt};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};
use uuid::Uuid;

use crate::support::client::Backend;
use crate::support::server::Server;

mod browser;
mod flood;
mod nodes;
mod polling;
mod program;
mod programs;
mod recovery;
mod returning_programs;
mod roaming;
mod users;

const TIMEOUT: Duration = Duration::from_secs(10);

/// A client that sends and receives packets as text.
struct Client(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Client {
    /// Opens a session, and returns it with the contents of its first packet.
    async fn open(server: &Server, query: &str) -> (Self, Value) {
        let url = format!(
            "ws://{}/socket.io/?EIO=4&transport=websocket{query}",
            server.address
        );
        let (stream, _) = connect_async(url).await.unwrap();
        let mut client = Self(stream);
        let opening = client.next().await;
        let opening = opening.strip_prefix('0').unwrap();
        (client, serde_json::from_str(opening).unwrap())
    }

    /// Opens a session, and connects to the namespace `/` with this connection.
    async fn connect(server: &Server, conn_id: &str) -> Self {
        Self::connect_as(server, &json!({"conn_id": conn_id}))
            .await
            .0
    }

    /// Opens a session, and connects to the namespace `/` with this `auth`. Returns the `pid` too.
    async fn connect_as(server: &Server, auth: &Value) -> (Self, String) {
        let (mut client, opening) = Self::open(server, "").await;
        client.send(&format!("40{auth}")).await;
        let pid = pid_of(&client.next().await, "", &opening);
        let event = client.next().await;
        assert!(event.starts_with(r#"42["user_connect",{"#), "{event}");
        (client, pid)
    }

    async fn send(&mut self, text: &str) {
        self.0.send(Message::text(text)).await.unwrap();
    }

    /// Returns the next text or the code of the close frame, if one comes in time.
    async fn receive(&mut self) -> Result<String, Option<u16>> {
        loop {
            let message = timeout(TIMEOUT, self.0.next()).await.expect("nothing came");
            match message {
                Some(Ok(Message::Text(text))) => return Ok(text.to_string()),
                Some(Ok(Message::Close(frame))) => {
                    return Err(frame.map(|frame| frame.code.into()));
                }
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Err(None),
            }
        }
    }

    async fn next(&mut self) -> String {
        self.receive().await.expect("the socket was closed")
    }

    /// Returns the next text that is not a ping, and answers pings.
    async fn next_packet(&mut self) -> String {
        loop {
            let text = self.next().await;
            if text != "2" {
                return text;
            }
            self.send("3").await;
        }
    }

    /// Returns the events of the next list.
    async fn list(&mut self) -> Vec<Value> {
        events_of(&self.next_packet().await)
    }

    /// Returns the code of the close frame, and the texts before it.
    async fn ended(&mut self) -> (Vec<String>, Option<u16>) {
        let mut texts = Vec::new();
        loop {
            match self.receive().await {
                Ok(text) if text == "2" => {}
                Ok(text) => texts.push(text),
                Err(code) => return (texts, code),
            }
        }
    }
}

/// Returns the `pid` in the answer to a client that has connected to a namespace.
fn pid_of(packet: &str, namespace: &str, opening: &Value) -> String {
    let answer = packet
        .strip_prefix(&format!("40{namespace}"))
        .unwrap_or_else(|| panic!("{packet}"));
    let answer: Value = serde_json::from_str(answer).unwrap();
    assert_eq!(answer["sid"], opening["sid"]);
    answer["pid"].as_str().unwrap().to_owned()
}

/// Returns the events of a list.
fn events_of(packet: &str) -> Vec<Value> {
    let event = packet
        .strip_prefix("42")
        .unwrap_or_else(|| panic!("{packet}"));
    let event: Value = serde_json::from_str(event).unwrap();
    assert_eq!(event[0], "message", "{packet}");
    event[1].as_array().unwrap().clone()
}

fn numbers(list: &[Value]) -> Vec<u64> {
    list.iter()
        .map(|event| event["message"]["n"].as_u64().unwrap())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_tells_its_times_and_the_largest_packet() {
    let server = Server::start(&[
        ("heartbeat-interval", "3"),
        ("gc-conns-after", "11"),
        ("frame-limit", "5000"),
    ]);
    let (_, opening) = Client::open(&server, "").await;
    let sid = opening["sid"].as_str().unwrap();
    assert_eq!(sid.len(), 22, "{sid}");
    assert_eq!(
        opening,
        json!({
            "sid": sid, "upgrades": [], "pingInterval": 3000, "pingTimeout": 8000,
            "maxPayload": 5000,
        })
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_hears_its_channels_in_both_namespaces() {
    let server = Server::start(&[]);
    let backend = Backend::of(&server);
    for (namespace, in_query) in [
        ("", true),
        ("", false),
        ("/stream,", true),
        ("/stream,", false),
    ] {
        let conn_id = backend.connect("alice", &["room", "hall"]).await;
        let (query, auth) = if in_query {
            (format!("&conn_id={conn_id}"), String::new())
        } else {
            // What the client says of itself takes precedence.
            let other = Uuid::new_v4();
            let auth = json!({"conn_id": conn_id}).to_string();
            (format!("&conn_id={other}"), auth)
        };
        let (mut client, opening) = Client::open(&server, &query).await;
        client.send(&format!("40{namespace}{auth}")).await;
        let pid = pid_of(&client.next().await, namespace, &opening);
        assert!(pid.starts_with(&format!("{conn_id}.")), "{pid}");
        let event = client.next().await;
        let event = event.strip_prefix(&format!("42{namespace}")).unwrap();
        let event: Value = serde_json::from_str(event).unwrap();
        assert_eq!(
            event,
            json!(["user_connect", {
                "conn_id": conn_id, "username": "alice", "channels": ["hall", "room"],
                "state": {},
            }])
        );
        backend.say("room", json!({"n": 7})).await;
        let packet = client.next_packet().await;
        let prefix = format!(r#"42{namespace}["message",[{{"#);
        assert!(packet.starts_with(&prefix), "{packet}");
        assert!(packet.contains(r#""message":{"n":7}"#), "{packet}");
        backend
            .post("/disconnect", json!({"conn_id": conn_id}))
            .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_names_no_known_connection_is_refused_and_may_try_again() {
    let server = Server::start(&[]);
    let backend = Backend::of(&server);
    let (mut client, _) = Client::open(&server, "&conn_id=nonsense").await;
    let refusal = concat!(
        r#"{"message":"unknown connection; connect again through the application","#,
        r#""data":{"code":4004}}"#
    );
    let unknown = Uuid::new_v4();
    for auth in [
        "",
        "{}",
        r#"{"conn_id":7}"#,
        &json!({"conn_id": unknown}).to_string(),
    ] {
        client.send(&format!("40{auth}")).await;
        assert_eq!(client.next_packet().await, format!("44{refusal}"));
        client.send(&format!("40/stream,{auth}")).await;
        assert_eq!(client.next_packet().await, format!("44/stream,{refusal}"));
    }
    client.send("40/other,").await;
    assert_eq!(
        client.next_packet().await,
        r#"44/other,{"message":"Invalid namespace"}"#
    );
    let conn_id = backend.connect("alice", &["room"]).await;
    client
        .send(&format!("40{}", json!({"conn_id": conn_id})))
        .await;
    assert!(client.next_packet().await.starts_with("40{"));
    assert!(client.next_packet().await.contains("user_connect"));
    client.send("40/stream,").await;
    assert_eq!(
        client.next_packet().await,
        r#"44/stream,{"message":"one namespace per connection: use forceNew"}"#
    );
    backend.say("room", json!({"n": 1})).await;
    assert_eq!(numbers(&client.list().await), [1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_client_has_not_confirmed_comes_again_and_nothing_else_does() {
    // Without heartbeats, each ping follows a message.
    let server = Server::start(&[("heartbeat-interval", "60"), ("gc-conns-after", "120")]);
    let backend = Backend::of(&server);
    let conn_id = backend.connect("alice", &["room"]).await;
    let mut client = Client::connect(&server, &conn_id).await;
    backend.say("room", json!({"n": 1})).await;
    let first = client.next().await;
    assert!(first.starts_with("42["), "{first}");
    assert_eq!(client.next().await, "2");
    client.send("3").await;
    // The pong is read before the answer to this event is written.
    client.send(r#"425["anything"]"#).await;
    assert_eq!(
        client.next().await,
        r#"435[{"error":"listen only: post through your application"}]"#
    );
    backend.say("room", json!({"n": 2})).await;
    assert!(client.next().await.contains(r#""n":2"#));
    // The client drops without an answer to the next ping.
    drop(client);
    backend.say("room", json!({"n": 3})).await;
    let mut client = Client::connect(&server, &conn_id).await;
    let mut events = client.list().await;
    while events.len() < 2 {
        events.extend(client.list().await);
    }
    assert_eq!(numbers(&events), [2, 3]);
    assert!(
        events.iter().all(|event| event["catchup"] == true),
        "{events:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_learns_why_its_socket_is_closed() {
    let server = Server::start(&[]);
    let backend = Backend::of(&server);
    let conn_id = backend.connect("alice", &["room"]).await;
    let close = |code: u16, reason: &str| {
        format!(r#"42["close",{}]"#, json!({"code": code, "reason": reason}))
    };
    let mut older = Client::connect(&server, &conn_id).await;
    let mut newer = Client::connect(&server, &conn_id).await;
    let (texts, code) = older.ended().await;
    let replaced = close(4001, "replaced by a newer transport of this connection");
    assert_eq!((texts, code), (vec![replaced, "41".to_owned()], Some(4001)));
    backend
        .post("/disconnect", json!({"conn_id": conn_id}))
        .await;
    let (texts, code) = newer.ended().await;
    let disconnected = close(1000, "disconnected");
    assert_eq!(
        (texts, code),
        (vec![disconnected, "41".to_owned()], Some(1000))
    );
    let conn_id = backend.connect("alice", &["room"]).await;
    let mut client = Client::connect(&server, &conn_id).await;
    server.begin_stop();
    let (texts, code) = client.ended().await;
    assert_eq!(code, Some(1012));
    assert_eq!(texts.len(), 1, "{texts:?}");
    assert!(
        texts[0].starts_with(r#"42["close",{"code":1012,"#),
        "{texts:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_packet_closes_the_session_before_and_after_the_client_has_connected() {
    let server = Server::start(&[("frame-limit", "4096")]);
    let backend = Backend::of(&server);
    let long = format!(r#"42["{}"]"#, "x".repeat(4096));
    for (packet, code) in [
        ("", 1002),
        ("abc", 1002),
        ("4abc", 1002),
        ("42{}", 1002),
        (r#"42abc["a"]"#, 1002),
        (r#"42["a""#, 1002),
        (&long, 1009),
    ] {
        let conn_id = backend.connect("alice", &["room"]).await;
        let mut client = Client::connect(&server, &conn_id).await;
        client.send(packet).await;
        assert_eq!(client.ended().await.1, Some(code), "{packet}");
        let (mut client, _) = Client::open(&server, "").await;
        client.send(packet).await;
        assert_eq!(client.ended().await.1, Some(code), "{packet}");
    }
    let (mut client, _) = Client::open(&server, "").await;
    client.send(r#"42["too early"]"#).await;
    assert_eq!(client.ended().await.1, Some(1002));
}

#[tokio::test(flavor = "multi_thread")]
async fn binary_data_and_packets_without_a_meaning_have_no_effect() {
    let server = Server::start(&[]);
    let backend = Backend::of(&server);
    let conn_id = backend.connect("alice", &["room"]).await;
    let mut client = Client::connect(&server, &conn_id).await;
    client.0.send(Message::binary(vec![1, 2, 3])).await.unwrap();
    client
        .send(r#"451-["a",{"_placeholder":true,"num":0}]"#)
        .await;
    client.0.send(Message::binary(vec![4])).await.unwrap();
    for packet in ["5", "6", r#"42["a"]"#, "430[]"] {
        client.send(packet).await;
    }
    client.send("2probe").await;
    assert_eq!(client.next_packet().await, "3probe");
    backend.say("room", json!({"n": 1})).await;
    assert_eq!(numbers(&client.list().await), [1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_leaves_its_namespace_hears_no_more_and_keeps_its_place() {
    let server = Server::start(&[("heartbeat-interval", "0.2")]);
    let backend = Backend::of(&server);
    let conn_id = backend.connect("alice", &["room"]).await;
    let mut client = Client::connect(&server, &conn_id).await;
    client.send("41").await;
    for _ in 0..3 {
        assert_eq!(client.next().await, "2");
        client.send("3").await;
    }
    backend.say("room", json!({"n": 1})).await;
    assert_eq!(client.next().await, "2");
    let mut client = Client::connect(&server, &conn_id).await;
    assert_eq!(numbers(&client.list().await), [1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_ends_if_its_client_does_not_answer_or_does_not_connect() {
    let server = Server::start(&[
        ("heartbeat-interval", "0.2"),
        ("wake-connections-after", "0.2"),
        ("gc-conns-after", "0.5"),
    ]);
    let backend = Backend::of(&server);
    let (mut silent, _) = Client::open(&server, "").await;
    let begun = Instant::now();
    assert_eq!(silent.ended().await.1, Some(4003));
    assert!(
        begun.elapsed() < Duration::from_secs(1),
        "{:?}",
        begun.elapsed()
    );
    let (mut idle, _) = Client::open(&server, "").await;
    let begun = Instant::now();
    while let Ok(text) = idle.receive().await {
        if text == "2" {
            idle.send("3").await;
        }
    }
    assert!(
        begun.elapsed() > Duration::from_secs(1),
        "{:?}",
        begun.elapsed()
    );
    let conn_id = backend.connect("alice", &["room"]).await;
    let mut client = Client::connect(&server, &conn_id).await;
    let (texts, code) = client.ended().await;
    assert_eq!(code, Some(4003), "{texts:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_begins_no_session_is_refused_with_a_number() {
    let server = Server::start(&[]);
    let backend = Backend::of(&server);
    for (method, path, code) in [
        (Method::GET, "/socket.io/", 0),
        (Method::GET, "/socket.io/?EIO=4&transport=flashsocket", 0),
        (
            Method::GET,
            "/socket.io/?EIO=4&transport=websocket&sid=x",
            3,
        ),
        (Method::POST, "/socket.io/?EIO=4&transport=websocket", 2),
        (Method::PUT, "/socket.io?EIO=4&transport=websocket", 2),
        (Method::GET, "/socket.io/?EIO=4&transport=websocket", 3),
        (Method::GET, "/socket.io/?EIO=3&transport=websocket", 5),
        (Method::GET, "/socket.io?transport=websocket", 5),
    ] {
        assert_refused(&backend, method, path, code).await;
    }
}

/// Asserts that a request is refused with this number.
async fn assert_refused(backend: &Backend, method: Method, path: &str, code: u8) {
    let answer = backend.unsigned(method.clone(), path).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::BAD_REQUEST, "{path}");
    let name = answer.headers()["x-channelstream-error"].clone();
    assert_eq!(name, "socket-io-refused");
    let body: Value = answer.json().await.unwrap();
    assert_eq!(body["code"], code, "{method} {path}");
    assert!(body["message"].is_string(), "{body}");
}
