//! Sessions of clients that poll, each of whose requests goes to another node.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use super::polling::{Poller, SHORT, list_of};
use super::{events_of, numbers, pid_of};
use crate::support::client::Backend;
use crate::support::eventually;
use crate::support::redis::Redis;
use crate::support::server::Server;

/// Nodes that share one Redis.
struct Nodes {
    nodes: Vec<Server>,
    _redis: Redis,
}

impl Nodes {
    fn start(count: usize, flags: &[(&str, &str)]) -> Self {
        let redis = Redis::start();
        // The log then tells when a poll has attached.
        let flags = [flags, &[("log-level", "DEBUG")]].concat();
        Self {
            nodes: (0..count).map(|_| redis.node(&flags)).collect(),
            _redis: redis,
        }
    }

    fn backend(&self, node: usize) -> Backend {
        Backend::of(&self.nodes[node % self.nodes.len()])
    }

    /// Returns the session at a node.
    fn at(&self, client: &Poller, node: usize) -> Poller {
        client.at(&self.nodes[node % self.nodes.len()])
    }

    /// Connects a client: it begins its session at one node, names its connection at the next one,
    /// and polls at the one after that.
    async fn connect(&self, conn_id: &str) -> Poller {
        let (client, opening) = Poller::open(&self.nodes[0], "").await;
        let auth = json!({"conn_id": conn_id});
        self.at(&client, 1).post(&format!("40{auth}")).await;
        let packets = self.at(&client, 2).packets().await;
        pid_of(&packets[0], "", &opening);
        assert!(
            packets[1].starts_with(r#"42["user_connect",{"#),
            "{packets:?}"
        );
        assert_eq!(packets.len(), 2, "{packets:?}");
        client
    }

    /// Begins a poll at a node, and waits until it listens. From then on, a message is not one
    /// that the client has missed.
    async fn listen(&self, client: &Poller, node: usize) -> JoinHandle<Vec<String>> {
        let node = &self.nodes[node % self.nodes.len()];
        node.rest_of_log();
        let waiting = client.at(node).begin_poll().await;
        node.log_line("started listening ");
        waiting
    }
}

/// Returns whether all events are marked as catch-up.
fn are_marked(events: &[Value]) -> bool {
    events.iter().all(|event| event["catchup"] == true)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn polls_at_nodes_in_turn_bring_each_message_once_and_in_order() {
    let nodes = Nodes::start(3, &[]);
    let conn_id = nodes.backend(0).connect("alice", &["room"]).await;
    let client = nodes.connect(&conn_id).await;
    let mut received = Vec::new();
    for n in 0..30 {
        let backend = nodes.backend(n + 1);
        if n % 2 == 0 {
            // The message comes while the client does not poll.
            backend.say("room", json!({"n": n})).await;
            received.extend(numbers(&nodes.at(&client, n).list().await));
        } else {
            let waiting = nodes.listen(&client, n).await;
            backend.say("room", json!({"n": n})).await;
            let packets = waiting.await.unwrap();
            let list: Vec<Value> = packets.iter().flat_map(|it| events_of(it)).collect();
            assert!(!are_marked(&list), "{list:?}");
            received.extend(numbers(&list));
        }
    }
    assert_eq!(received, (0..30).collect::<Vec<u64>>());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_poll_that_waits_gets_the_answers_to_what_its_client_posts_at_another_node() {
    let nodes = Nodes::start(2, &[]);
    let conn_id = nodes.backend(0).connect("alice", &["room"]).await;
    let (client, opening) = Poller::open(&nodes.nodes[0], &format!("&conn_id={conn_id}")).await;
    let waiting = client.begin_poll().await;
    // The query of the first request names the connection.
    let other = nodes.at(&client, 1);
    other.post("40/stream,").await;
    let packets = waiting.await.unwrap();
    pid_of(&packets[0], "/stream,", &opening);
    assert!(packets[1].starts_with(r#"42/stream,["user_connect",{"#));
    let waiting = nodes.listen(&client, 0).await;
    other.post(r#"42/stream,7["question"]"#).await;
    let error = json!([{"error": "listen only: post through your application"}]);
    assert_eq!(waiting.await.unwrap(), [format!("43/stream,7{error}")]);
    // Another namespace is refused, and the session goes on.
    other.post("40/other,").await;
    let refused = client.packets().await;
    assert!(refused[0].starts_with("44/other,"), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_client_answers_pings_at_another_node_and_is_given_up_if_it_does_not() {
    let nodes = Nodes::start(2, &SHORT);
    let conn_id = nodes.backend(0).connect("alice", &["room"]).await;
    let client = nodes.connect(&conn_id).await;
    // The client lives longer than a silent one.
    for n in 0..4 {
        assert_eq!(nodes.at(&client, n).packets().await, ["2"]);
        nodes.at(&client, n + 1).post("3").await;
    }
    assert_eq!(client.packets().await, ["2"]);
    let (status, text) = nodes.at(&client, 1).poll().await;
    assert!(
        (status, text.as_str()) == (StatusCode::OK, "6") || status == StatusCode::BAD_REQUEST,
        "{status} {text}"
    );
    client.assert_ended().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_client_goes_on_by_a_websocket_at_another_node_and_misses_nothing() {
    let nodes = Nodes::start(3, &[]);
    let conn_id = nodes.backend(0).connect("alice", &["room"]).await;
    let client = nodes.connect(&conn_id).await;
    nodes.backend(0).say("room", json!({"n": 1})).await;
    assert_eq!(numbers(&client.list().await), [1]);
    let waiting = nodes.listen(&client, 0).await;
    let other = nodes.at(&client, 1);
    let mut websocket = other.websocket().await;
    websocket.send("2probe").await;
    assert_eq!(websocket.next().await, "3probe");
    assert_eq!(waiting.await.unwrap(), ["6"]);
    nodes.backend(2).say("room", json!({"n": 2})).await;
    websocket.send("5").await;
    assert_eq!(numbers(&list_of(&mut websocket).await), [2]);
    nodes.backend(2).say("room", json!({"n": 3})).await;
    assert_eq!(numbers(&list_of(&mut websocket).await), [3]);
    for node in 0..3 {
        nodes.at(&client, node).assert_ended().await;
    }
    // The session cannot go on twice.
    let mut second = nodes.at(&client, 2).websocket().await;
    assert_eq!(second.ended().await, (Vec::new(), Some(1002)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_client_that_has_not_connected_goes_on_by_a_websocket_at_another_node() {
    let nodes = Nodes::start(2, &[]);
    let conn_id = nodes.backend(0).connect("alice", &["room"]).await;
    let (client, opening) = Poller::open(&nodes.nodes[0], "").await;
    // Some clients do not ask first.
    let mut websocket = nodes.at(&client, 1).websocket().await;
    websocket.send("5").await;
    let auth = json!({"conn_id": conn_id});
    websocket.send(&format!("40{auth}")).await;
    pid_of(&websocket.next_packet().await, "", &opening);
    websocket.next_packet().await;
    nodes.backend(0).say("room", json!({"n": 1})).await;
    assert_eq!(numbers(&list_of(&mut websocket).await), [1]);
    client.assert_ended().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_session_goes_on_when_the_node_of_its_last_poll_is_killed_or_stops() {
    let mut nodes = Nodes::start(3, &[]);
    let conn_id = nodes.backend(0).connect("alice", &["room"]).await;
    let client = nodes.connect(&conn_id).await;
    nodes.backend(1).say("room", json!({"n": 1})).await;
    assert_eq!(numbers(&client.list().await), [1]);
    nodes.nodes[0].kill();
    nodes.backend(1).say("room", json!({"n": 2})).await;
    let mut received = Vec::new();
    let second = nodes.at(&client, 1);
    while received
        .iter()
        .all(|event: &Value| event["message"]["n"] != 2)
    {
        received.extend(second.list().await);
    }
    // Nobody knows whether the client has read the last answer of the node.
    assert!(are_marked(&received), "{received:?}");
    let waiting = nodes.listen(&client, 1).await;
    nodes.nodes[1].begin_stop();
    assert_eq!(waiting.await.unwrap(), ["6"]);
    nodes.backend(2).say("room", json!({"n": 3})).await;
    assert_eq!(numbers(&nodes.at(&client, 2).list().await), [3]);
    assert!(nodes.nodes[1].terminate().success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_id_that_no_node_has_made_or_that_is_too_old_is_unknown() {
    let redis = Redis::start();
    let node = redis.node(&SHORT);
    let (client, opening) = Poller::open(&node, "").await;
    let sid = opening["sid"].as_str().unwrap();
    let (text, _) = sid.rsplit_once('.').unwrap();
    let strangers = redis.node(&[("secret", "another")]);
    client.at(&strangers).assert_ended().await;
    for forged in [
        text.to_owned(),
        format!("{text}.AAAA"),
        format!("A{sid}"),
        "x".to_owned(),
    ] {
        let path = format!("/socket.io/?EIO=4&transport=polling&sid={forged}");
        let answer = Backend::of(&node).unsigned(Method::GET, &path).send();
        let answer = answer.await.unwrap();
        assert_eq!(answer.status(), StatusCode::BAD_REQUEST, "{forged}");
        assert_eq!(answer.json::<Value>().await.unwrap()["code"], 1, "{forged}");
    }
    assert_eq!(client.packets().await, ["2"]);
    // A client has three times 0.5 seconds to connect, and the id counts whole seconds.
    eventually("the id is too old", async || {
        client.poll().await.0 == StatusCode::BAD_REQUEST
    })
    .await;
    let (status, _) = client.try_post("40").await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_client_ends_its_session_at_another_node() {
    let nodes = Nodes::start(2, &[]);
    let backend = nodes.backend(1);
    let conn_id = nodes.backend(0).connect("alice", &["room"]).await;
    let client = nodes.connect(&conn_id).await;
    let waiting = nodes.listen(&client, 0).await;
    nodes.at(&client, 1).post("1").await;
    assert_eq!(waiting.await.unwrap(), ["6"]);
    // A poll that is on its way may still be answered.
    let is_unknown = async || client.poll().await.0 == StatusCode::BAD_REQUEST;
    eventually("the session has ended", is_unknown).await;
    nodes.at(&client, 1).assert_ended().await;
    assert_eq!(
        nodes.at(&client, 1).try_post("40").await.0,
        StatusCode::BAD_REQUEST
    );
    // The connection is free for the next session, and what is not confirmed comes again.
    backend.say("room", json!({"n": 1})).await;
    let client = nodes.connect(&conn_id).await;
    assert_eq!(numbers(&client.list().await), [1]);
    // A client that only leaves its namespace is sent nothing more.
    let waiting = nodes.listen(&client, 0).await;
    nodes.at(&client, 1).post("41").await;
    assert_eq!(waiting.await.unwrap(), ["6"]);
    backend.say("room", json!({"n": 2})).await;
    assert_eq!(nodes.at(&client, 1).packets().await, ["2"]);
    let (status, text) = nodes.at(&client, 1).try_post("4nonsense").await;
    assert_eq!(status, StatusCode::BAD_REQUEST, "{text}");
    assert_eq!(client.packets().await, ["1"]);
    client.assert_ended().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_client_is_told_why_its_session_ends_at_whatever_node_it_polls() {
    let nodes = Nodes::start(2, &[]);
    let backend = nodes.backend(0);
    let close = |packets: &[String]| -> Value {
        let event = packets[0].strip_prefix("42").unwrap();
        let event: Value = serde_json::from_str(event).unwrap();
        assert_eq!(event[0], "close", "{packets:?}");
        event[1]["code"].clone()
    };
    let conn_id = backend.connect("alice", &["room"]).await;
    let client = nodes.connect(&conn_id).await;
    let waiting = nodes.listen(&client, 1).await;
    let ended = json!({"conn_id": conn_id});
    backend.post("/disconnect", ended.clone()).await;
    let packets = waiting.await.unwrap();
    assert_eq!((close(&packets), packets[1].as_str()), (json!(1000), "41"));

    // Another session of the connection begins while the client does not poll.
    let conn_id = backend.connect("alice", &["room"]).await;
    let older = nodes.connect(&conn_id).await;
    let newer = nodes.connect(&conn_id).await;
    let packets = nodes.at(&older, 1).packets().await;
    assert_eq!((close(&packets), packets[1].as_str()), (json!(4001), "41"));
    backend.say("room", json!({"n": 1})).await;
    assert_eq!(numbers(&nodes.at(&newer, 1).list().await), [1]);

    // The connection ends while the client does not poll.
    let ended = json!({"conn_id": conn_id});
    backend.post("/disconnect", ended).await;
    let packets = newer.packets().await;
    assert_eq!((close(&packets), packets[1].as_str()), (json!(1000), "41"));
    // The client ends the session itself.
    nodes.at(&newer, 1).post("1").await;
}
