//! Clients that poll: what they are sent, what they confirm, and how they go on by a websocket.

use std::time::{Duration, Instant};

use futures_util::SinkExt;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio::time::sleep;
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::Message;

use super::{Client, TIMEOUT, assert_refused, events_of, numbers, pid_of};
use crate::support::client::Backend;
use crate::support::server::Server;

/// The settings of the protocol's own tests: short times.
pub(super) const SHORT: [(&str, &str); 3] = [
    ("heartbeat-interval", "0.3"),
    ("wake-connections-after", "0.2"),
    ("gc-conns-after", "0.5"),
];

/// A client that polls.
#[derive(Clone)]
pub(super) struct Poller {
    http: reqwest::Client,
    url: String,
}

impl Poller {
    /// Begins a session, and returns it with the contents of its first packet.
    pub(super) async fn open(server: &Server, query: &str) -> (Self, Value) {
        let http = reqwest::Client::new();
        let url = format!(
            "http://{}/socket.io/?EIO=4&transport=polling{query}",
            server.address
        );
        let answer = http.get(&url).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        let text = answer.text().await.unwrap();
        let opening: Value = serde_json::from_str(text.strip_prefix('0').unwrap()).unwrap();
        let sid = opening["sid"].as_str().unwrap();
        let poller = Self {
            http,
            url: format!("{url}&sid={sid}"),
        };
        (poller, opening)
    }

    /// Begins a session, and connects to the namespace `/` with this connection.
    pub(super) async fn connect(server: &Server, conn_id: &str) -> Self {
        let (poller, packets) = Self::connect_and_read(server, conn_id).await;
        assert_eq!(packets.len(), 0, "{packets:?}");
        poller
    }

    /// Does the same, and returns the packets that came in the same answer.
    pub(super) async fn connect_and_read(server: &Server, conn_id: &str) -> (Self, Vec<String>) {
        let (poller, opening) = Self::open(server, "").await;
        let auth = json!({"conn_id": conn_id});
        poller.post(&format!("40{auth}")).await;
        let mut packets = poller.packets().await;
        if packets.len() < 2 {
            packets.extend(poller.packets().await);
        }
        pid_of(&packets[0], "", &opening);
        assert!(packets[1].starts_with(r#"42["user_connect",{"#));
        (poller, packets.split_off(2))
    }

    /// Returns the same session at another node.
    pub(super) fn at(&self, node: &Server) -> Self {
        let (_, rest) = self.url.split_once("/socket.io/").unwrap();
        Self {
            http: reqwest::Client::new(),
            url: format!("http://{}/socket.io/{rest}", node.address),
        }
    }

    pub(super) async fn poll(&self) -> (StatusCode, String) {
        let answer = self.http.get(&self.url).timeout(TIMEOUT).send().await;
        let answer = answer.unwrap();
        let status = answer.status();
        (status, answer.text().await.unwrap())
    }

    /// Returns the packets of the next answer.
    pub(super) async fn packets(&self) -> Vec<String> {
        let (status, text) = self.poll().await;
        assert_eq!(status, StatusCode::OK, "{text}");
        text.split('\x1e').map(str::to_owned).collect()
    }

    /// Begins a poll, and returns the packets of its answer when they have come.
    pub(super) async fn begin_poll(&self) -> JoinHandle<Vec<String>> {
        let client = self.clone();
        let waiting = tokio::spawn(async move { client.packets().await });
        sleep(Duration::from_millis(50)).await;
        waiting
    }

    /// Returns the packets of the answers until this one.
    pub(super) async fn packets_to(&self, last: &str) -> Vec<String> {
        let mut packets = Vec::new();
        while packets.last().is_none_or(|packet| packet != last) {
            packets.extend(self.packets().await);
        }
        packets
    }

    /// Returns the events of the next list, and answers pings before it.
    pub(super) async fn list(&self) -> Vec<Value> {
        loop {
            let mut packets = self.packets().await;
            if let Some(ping) = packets.iter().position(|packet| packet == "2") {
                packets.remove(ping);
                self.post("3").await;
            }
            let events: Vec<Value> = packets
                .iter()
                .flat_map(|packet| events_of(packet))
                .collect();
            if !events.is_empty() {
                return events;
            }
        }
    }

    pub(super) async fn try_post(&self, body: &str) -> (StatusCode, String) {
        let request = self.http.post(&self.url).body(body.to_owned());
        let answer = request.send().await.unwrap();
        let status = answer.status();
        (status, answer.text().await.unwrap())
    }

    pub(super) async fn post(&self, body: &str) {
        let answer = self.try_post(body).await;
        assert_eq!(answer, (StatusCode::OK, "ok".to_owned()), "{body}");
    }

    /// Opens a websocket for this session.
    pub(super) async fn websocket(&self) -> Client {
        let url = self.url.replace("http://", "ws://");
        let url = url.replace("transport=polling", "transport=websocket");
        Client(connect_async(url).await.unwrap().0)
    }

    /// Asserts that the session does not exist any more.
    pub(super) async fn assert_ended(&self) {
        let (status, text) = self.poll().await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{text}");
        let refusal: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(refusal["code"], 1, "{text}");
    }
}

/// Returns the events of the next list of a websocket, without other packets before it.
pub(super) async fn list_of(client: &mut Client) -> Vec<Value> {
    loop {
        let packet = client.next_packet().await;
        if packet.starts_with(r#"42["message""#) {
            return events_of(&packet);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_begins_by_polling_and_offers_a_websocket() {
    let server = Server::start(&[("heartbeat-interval", "3"), ("gc-conns-after", "11")]);
    let (_, opening) = Poller::open(&server, "").await;
    let sid = opening["sid"].as_str().unwrap();
    assert_eq!(
        opening,
        json!({
            "sid": sid, "upgrades": ["websocket"], "pingInterval": 3000, "pingTimeout": 8000,
            "maxPayload": 4096,
        })
    );
    let answer = Backend::of(&server)
        .unsigned(Method::GET, "/socket.io?EIO=4&transport=polling")
        .send()
        .await
        .unwrap();
    assert_eq!(
        answer.headers()["content-type"],
        "text/plain; charset=UTF-8"
    );
    assert_eq!(answer.headers()["cache-control"], "no-store");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_polls_hears_its_channels_in_both_namespaces() {
    let server = Server::start(&[]);
    let backend = Backend::of(&server);
    for namespace in ["", "/stream,"] {
        let conn_id = backend.connect("alice", &["room", "hall"]).await;
        let (client, opening) = Poller::open(&server, &format!("&conn_id={conn_id}")).await;
        client.post(&format!("40{namespace}")).await;
        let mut packets = client.packets().await;
        if packets.len() < 2 {
            packets.extend(client.packets().await);
        }
        let user = json!(["user_connect", {
            "conn_id": conn_id, "username": "alice", "channels": ["hall", "room"], "state": {},
        }]);
        pid_of(&packets[0], namespace, &opening);
        let event = packets[1].strip_prefix(&format!("42{namespace}")).unwrap();
        assert_eq!(serde_json::from_str::<Value>(event).unwrap(), user);
        let waiting = client.begin_poll().await;
        backend.say("room", json!({"n": 7})).await;
        let packets = waiting.await.unwrap();
        let prefix = format!(r#"42{namespace}["message",[{{"#);
        assert!(packets[0].starts_with(&prefix), "{packets:?}");
        assert!(packets[0].contains(r#""message":{"n":7}"#), "{packets:?}");
        backend
            .post("/disconnect", json!({"conn_id": conn_id}))
            .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn several_packets_of_one_body_are_handled_in_order() {
    let server = Server::start(&[]);
    let backend = Backend::of(&server);
    let conn_id = backend.connect("alice", &["room"]).await;
    let (client, _) = Poller::open(&server, "").await;
    let auth = json!({"conn_id": conn_id});
    let body = format!("40{auth}\x1e421[\"a\"]\x1ebAQIDBA==\x1e422[\"b\"]\x1e2probe");
    client.post(&body).await;
    let packets = client.packets_to("3probe").await;
    assert_eq!(packets.len(), 5, "{packets:?}");
    let error = r#"[{"error":"listen only: post through your application"}]"#;
    assert_eq!(
        packets[2..4],
        [format!("431{error}"), format!("432{error}")]
    );
    client.post(&["42[\"a\"]"; 40].join("\x1e")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_no_list_of_packets_ends_the_session() {
    let server = Server::start(&[("frames-per-second", "80")]);
    let backend = Backend::of(&server);
    let many = ["6"; 65].join("\x1e");
    let too_many_in_a_second = ["6"; 40].join("\x1e");
    for body in ["", "abc", "4abc", "42{}", "42abc[\"a\"]", &many] {
        let conn_id = backend.connect("alice", &["room"]).await;
        let client = Poller::connect(&server, &conn_id).await;
        let waiting = client.begin_poll().await;
        let (status, text) = client.try_post(body).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{body}: {text}");
        assert_eq!(waiting.await.unwrap(), ["1"], "{body}");
        client.assert_ended().await;
    }
    let (client, _) = Poller::open(&server, "").await;
    assert_eq!(client.try_post(r#"42["early"]"#).await.0, 400);
    client.assert_ended().await;
    let (client, _) = Poller::open(&server, "").await;
    client.post(&too_many_in_a_second).await;
    client.post(&too_many_in_a_second).await;
    assert_eq!(client.try_post("6").await.0, 400);
    client.assert_ended().await;
    // A body that is too large is refused before it is read, and harms nobody else.
    let (client, _) = Poller::open(&server, "").await;
    let (status, text) = client.try_post(&"6".repeat(4097)).await;
    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE, "{text}");
    client.post("6").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_polls_at_once_end_the_session() {
    let server = Server::start(&[]);
    let (client, _) = Poller::open(&server, "").await;
    let first = client.begin_poll().await;
    let (status, text) = client.poll().await;
    assert_eq!(status, StatusCode::BAD_REQUEST, "{text}");
    assert_eq!(first.await.unwrap(), ["1"]);
    client.assert_ended().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_answers_pings_stays_and_one_that_does_not_is_given_up() {
    let server = Server::start(&SHORT);
    let (client, _) = Poller::open(&server, "").await;
    for _ in 0..3 {
        assert_eq!(client.packets().await, ["2"]);
        client.post("3").await;
    }
    let (silent, _) = Poller::open(&server, "").await;
    let begun = Instant::now();
    assert_eq!(silent.packets().await, ["2"]);
    assert_eq!(silent.packets().await, ["1"]);
    assert!(begun.elapsed() < Duration::from_secs(1));
    silent.assert_ended().await;
    // The session of a client that does not poll ends too.
    let (away, _) = Poller::open(&server, "").await;
    let ended = async {
        while away.try_post("6").await.0 == StatusCode::OK {
            sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(TIMEOUT, ended).await.unwrap();
    // A client that answers pings must also connect.
    let (client, _) = Poller::open(&server, "").await;
    let begun = Instant::now();
    while client.packets().await != ["1"] {
        client.post("3").await;
    }
    assert!(begun.elapsed() > Duration::from_secs(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_ends_its_session() {
    let server = Server::start(&[]);
    let (client, _) = Poller::open(&server, "").await;
    let waiting = client.begin_poll().await;
    client.post("1").await;
    assert_eq!(waiting.await.unwrap(), ["6"]);
    client.assert_ended().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_is_confirmed_by_the_next_poll_and_by_nothing_else() {
    let server = Server::start(&[("heartbeat-interval", "60"), ("gc-conns-after", "120")]);
    let backend = Backend::of(&server);
    let conn_id = backend.connect("alice", &["room"]).await;
    let client = Poller::connect(&server, &conn_id).await;
    backend.say("room", json!({"n": 1})).await;
    assert_eq!(numbers(&client.list().await), [1]);
    let waiting = tokio::spawn({
        let client = client.clone();
        async move { client.list().await }
    });
    // If a poll comes by another socket, the server waits 50 ms for a reset of the first one.
    sleep(Duration::from_millis(500)).await;
    backend.say("room", json!({"n": 2})).await;
    assert_eq!(numbers(&waiting.await.unwrap()), [2]);
    // The client has not polled since.
    client.post("1").await;
    backend.say("room", json!({"n": 3})).await;
    let (client, packets) = Poller::connect_and_read(&server, &conn_id).await;
    let mut events: Vec<Value> = packets
        .iter()
        .flat_map(|packet| events_of(packet))
        .collect();
    while events.len() < 2 {
        events.extend(client.list().await);
    }
    assert_eq!(numbers(&events), [2, 3]);
    assert!(events.iter().all(|event| event["catchup"] == true));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_poll_that_its_client_gave_up_takes_nothing_with_it() {
    let server = Server::start(&[]);
    let backend = Backend::of(&server);
    let conn_id = backend.connect("alice", &["room"]).await;
    let client = Poller::connect(&server, &conn_id).await;
    let given_up = tokio::spawn({
        let client = client.clone();
        async move { client.poll().await }
    });
    sleep(Duration::from_millis(100)).await;
    given_up.abort();
    sleep(Duration::from_millis(100)).await;
    backend.say("room", json!({"n": 1})).await;
    assert_eq!(numbers(&client.list().await), [1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_polls_learns_why_its_session_ends() {
    let server = Server::start(&[]);
    let backend = Backend::of(&server);
    let close = |code: u16, reason: &str| {
        format!(r#"42["close",{}]"#, json!({"code": code, "reason": reason}))
    };
    let conn_id = backend.connect("alice", &["room"]).await;
    for is_polling in [true, false] {
        let older = Poller::connect(&server, &conn_id).await;
        let waiting = match is_polling {
            true => Some(older.begin_poll().await),
            false => None,
        };
        let packets = async {
            match waiting {
                Some(waiting) => waiting.await.unwrap(),
                None => older.packets().await,
            }
        };
        let newer = Client::connect(&server, &conn_id);
        let (_, packets) = tokio::join!(newer, packets);
        let replaced = close(4001, "replaced by a newer transport of this connection");
        assert_eq!(packets, [replaced.as_str(), "41"]);
        older.post("1").await;
        assert_eq!(older.packets().await, ["6"]);
        older.assert_ended().await;
    }
    let client = Poller::connect(&server, &conn_id).await;
    backend.say("room", json!({"n": 1})).await;
    backend
        .post("/disconnect", json!({"conn_id": conn_id}))
        .await;
    let packets = client.packets().await;
    assert!(packets[0].contains(r#""n":1"#), "{packets:?}");
    assert_eq!(packets[1..], [&close(1000, "disconnected"), "41"]);
    let conn_id = backend.connect("alice", &["room"]).await;
    let client = Poller::connect(&server, &conn_id).await;
    let waiting = tokio::spawn(async move { [client.packets().await, client.packets().await] });
    sleep(Duration::from_millis(50)).await;
    server.begin_stop();
    let [packets, last] = waiting.await.unwrap();
    assert_eq!(packets.len(), 1, "{packets:?}");
    assert!(packets[0].starts_with(r#"42["close",{"code":1012,"#));
    assert_eq!(last, ["1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_goes_on_by_a_websocket_before_and_after_it_has_connected() {
    let server = Server::start(&[]);
    let backend = Backend::of(&server);
    for is_connected in [false, true] {
        let conn_id = backend.connect("alice", &["room"]).await;
        let client = match is_connected {
            true => Poller::connect(&server, &conn_id).await,
            false => {
                Poller::open(&server, &format!("&conn_id={conn_id}"))
                    .await
                    .0
            }
        };
        let mut websocket = client.websocket().await;
        websocket.send("2probe").await;
        assert_eq!(websocket.next().await, "3probe");
        // A poll is answered at once, since some clients wait for its end.
        assert_eq!(client.packets().await, ["6"]);
        websocket.send("5").await;
        if !is_connected {
            websocket.send("40").await;
            assert!(websocket.next().await.starts_with("40{"));
        }
        websocket.send(r#"421["a"]"#).await;
        while !websocket.next_packet().await.starts_with("431") {}
        backend.say("room", json!({"n": 1})).await;
        assert_eq!(numbers(&list_of(&mut websocket).await), [1]);
        // The session has moved: nothing else may use it.
        client.assert_ended().await;
        let mut second = client.websocket().await;
        assert_eq!(second.ended().await.1, Some(1002));
        backend.say("room", json!({"n": 2})).await;
        assert_eq!(numbers(&list_of(&mut websocket).await), [2]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_for_a_poll_comes_by_the_websocket_once() {
    let server = Server::start(&[]);
    let backend = Backend::of(&server);
    let conn_id = backend.connect("alice", &["room"]).await;
    let client = Poller::connect(&server, &conn_id).await;
    backend.say("room", json!({"n": 1})).await;
    assert_eq!(numbers(&client.list().await), [1]);
    backend.say("room", json!({"n": 2})).await;
    client.post(r#"427["a"]"#).await;
    let mut websocket = client.websocket().await;
    // Some clients go on without a probe.
    websocket.send("5").await;
    assert!(websocket.next_packet().await.starts_with("437["));
    assert_eq!(numbers(&list_of(&mut websocket).await), [2]);
    backend.say("room", json!({"n": 3})).await;
    assert_eq!(numbers(&list_of(&mut websocket).await), [3]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_websocket_that_fails_leaves_the_session_as_it_was() {
    let server = Server::start(&[("close-grace", "0.1")]);
    let backend = Backend::of(&server);
    let conn_id = backend.connect("alice", &["room"]).await;
    let client = Poller::connect(&server, &conn_id).await;
    let mut failing = client.websocket().await;
    failing.send("2probe").await;
    assert_eq!(failing.next().await, "3probe");
    drop(failing);
    let mut bad = client.websocket().await;
    bad.send("40").await;
    assert_eq!(bad.ended().await.1, Some(1002));
    let mut slow = client.websocket().await;
    slow.send("2probe").await;
    assert_eq!(slow.next().await, "3probe");
    assert_eq!(slow.ended().await.1, Some(4003));
    let mut closed = client.websocket().await;
    closed.0.send(Message::Close(None)).await.unwrap();
    closed.ended().await;
    backend.say("room", json!({"n": 1})).await;
    assert_eq!(numbers(&client.list().await), [1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_catch_up_comes_in_several_answers() {
    let server = Server::start(&[]);
    let backend = Backend::of(&server);
    let conn_id = backend.connect("alice", &["room"]).await;
    let client = Poller::connect(&server, &conn_id).await;
    let text = "x".repeat(10_000);
    for n in 0..60 {
        backend.say("room", json!({"n": n, "text": text})).await;
    }
    let mut events = Vec::new();
    let mut answers = 0;
    while events.len() < 60 {
        events.extend(numbers(&client.list().await));
        answers += 1;
    }
    assert_eq!(events, (0..60).collect::<Vec<u64>>());
    assert!(answers > 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_for_a_session_that_is_not_there_is_refused() {
    let server = Server::start(&[]);
    let backend = Backend::of(&server);
    for (method, path, code) in [
        (Method::GET, "/socket.io/?EIO=4&transport=polling&sid=x", 1),
        (Method::POST, "/socket.io/?EIO=4&transport=polling&sid=x", 1),
        (Method::POST, "/socket.io/?EIO=4&transport=polling", 2),
        (Method::PUT, "/socket.io/?EIO=4&transport=polling", 2),
        (
            Method::POST,
            "/socket.io/?EIO=4&transport=websocket&sid=x",
            3,
        ),
        (Method::GET, "/socket.io/?transport=polling", 5),
        (Method::GET, "/socket.io/?EIO=3&transport=polling", 5),
    ] {
        assert_refused(&backend, method, path, code).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_poll_that_arrives_a_little_after_the_end_of_its_session_is_answered_once() {
    let server = Server::start(&[]);
    let backend = Backend::of(&server);
    let conn_id = backend.connect("alice", &["room"]).await;
    let client = Poller::connect(&server, &conn_id).await;
    client.post("1").await;
    backend.say("room", json!({"n": 1})).await;
    assert_eq!(client.packets().await, ["6"]);
    client.assert_ended().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_websocket_is_closed_when_the_first_one_takes_the_session_over() {
    let server = Server::start(&[]);
    let backend = Backend::of(&server);
    let conn_id = backend.connect("alice", &["room"]).await;
    let client = Poller::connect(&server, &conn_id).await;
    let (mut first, mut second) = (client.websocket().await, client.websocket().await);
    first.send("2probe").await;
    first.send("5").await;
    assert_eq!(second.ended().await, (Vec::new(), Some(1002)));
    backend.say("room", json!({"n": 1})).await;
    assert_eq!(first.next().await, "3probe");
    assert_eq!(numbers(&first.list().await), [1]);
}
