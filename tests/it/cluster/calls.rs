//! Calls and long-polls that go to one node after the other.

use std::time::Duration;

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use super::{Cluster, members, presence};
use crate::support::eventually;
use crate::support::websocket::WebSocket;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_call_with_a_key_happens_once_whichever_nodes_take_it() {
    let cluster = Cluster::start(3, &[]);
    let conn_id = cluster.backend(0).connect("alice", &["room"]).await;
    let mut socket = WebSocket::open(&cluster.nodes[1].address, &conn_id)
        .await
        .unwrap();
    let call = |node: usize, text: &str| {
        let body = json!([{"user": "backend", "channel": "room", "message": {"text": text}}]);
        let request = cluster.backend(node).request(Method::POST, "/message");
        let request = request.header("Idempotency-Key", "the-key").json(&body);
        async { request.send().await.unwrap() }
    };
    let answers = join_all((0..12).map(|number| call(number % 3, "once"))).await;
    let mut texts = Vec::new();
    for answer in answers {
        assert_eq!(answer.status(), 200);
        texts.push(answer.text().await.unwrap());
    }
    texts.dedup();
    assert_eq!(texts.len(), 1, "all get the same answer: {texts:?}");
    assert_eq!(call(2, "other").await.status(), 422, "another body");
    cluster
        .backend(2)
        .say("room", json!({"text": "last"}))
        .await;
    let events = socket
        .events(2, Duration::from_secs(10), Duration::ZERO)
        .await;
    assert_eq!(events[0]["message"]["text"], "once");
    assert_eq!(events[1]["message"]["text"], "last");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_client_that_polls_all_nodes_in_turn_gets_each_message_once() {
    let cluster = Cluster::start(3, &[]);
    let conn_id = cluster.backend(0).connect("alice", &["room"]).await;
    let publisher = cluster.backend(1);
    let publish = tokio::spawn(async move {
        for number in 0..40 {
            publisher.say("room", json!({"number": number})).await;
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
    });
    let mut numbers = Vec::new();
    for turn in 0.. {
        let answer = cluster.backend(turn % 3).listen(&conn_id).await;
        assert_eq!(answer.status(), 200);
        let events: Vec<Value> = answer.json().await.unwrap();
        let number = |event: &Value| event["message"]["number"].as_u64().unwrap();
        numbers.extend(events.iter().map(number));
        if numbers.last() == Some(&39) {
            break;
        }
    }
    publish.await.unwrap();
    assert_eq!(numbers, (0..40).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_caller_reads_at_any_node_what_another_one_has_answered() {
    let cluster = Cluster::start(3, &[]);
    let configured = json!({"room": presence()});
    cluster.backend(0).post("/channel_config", configured).await;
    for number in 0..30 {
        let (user, node) = (format!("user{number:02}"), number % 3);
        let conn_id = cluster.backend(node).connect(&user, &["room"]).await;
        let next = cluster.backend((node + 1) % 3);
        assert!(members(&next, "room").await.contains(&user));
        let state = json!({"user": user, "user_state": {"number": number}});
        next.post("/user_state", state).await;
        let last = cluster.backend((node + 2) % 3);
        let body = json!({"info": {"channels": ["room"], "include_users": true}});
        let info = last.post("/info", body).await;
        let users = info["users"].as_array().unwrap();
        let found = users.iter().find(|it| it["user"] == user.as_str()).unwrap();
        assert_eq!(found["state"]["number"], number);
        if number % 2 == 0 {
            last.post("/disconnect", json!({"conn_id": conn_id})).await;
            assert!(!members(&next, "room").await.contains(&user));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_newest_transport_of_a_connection_wins_at_whichever_node() {
    let cluster = Cluster::start(2, &[]);
    let conn_id = cluster.backend(0).connect("alice", &["room"]).await;
    let mut older = WebSocket::open(&cluster.nodes[0].address, &conn_id)
        .await
        .unwrap();
    cluster.backend(1).say("room", json!({"number": 1})).await;
    assert_eq!(older.event().await["message"]["number"], 1);
    older.wait_for_ping().await;
    let mut newer = WebSocket::open(&cluster.nodes[1].address, &conn_id)
        .await
        .unwrap();
    let end = older.ended(Duration::from_secs(10)).await;
    assert_eq!(end.flatten().map(|(code, _)| code), Some(4001));
    cluster.backend(0).say("room", json!({"number": 2})).await;
    let event = newer.event().await;
    assert_eq!(
        (&event["message"]["number"], &event["catchup"]),
        (&json!(2), &json!(false))
    );
    eventually("the user is still there", async || {
        members(&cluster.backend(0), "room").await == ["alice"]
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_edit_or_a_deletion_makes_no_channel() {
    let cluster = Cluster::start(2, &[]);
    let backend = cluster.backend(0);
    backend.connect("alice", &["room"]).await;
    let id = "0191d2f4-8a3b-7c1e-9f60-3b1c2d4e5f60";
    for method in [Method::PATCH, Method::DELETE] {
        let change = json!([{"uuid": id, "channel": "nowhere", "message": {}}]);
        let answer = backend.send(method, "/message", &change).await;
        assert_eq!(answer.status(), 200);
    }
    for node in 0..2 {
        let info = cluster
            .backend(node)
            .post("/info", json!({"info": {}}))
            .await;
        let channels = info["channels"].as_object().unwrap();
        assert_eq!(channels.keys().collect::<Vec<_>>(), ["room"]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_user_keeps_its_id_when_its_state_changes() {
    let cluster = Cluster::start(2, &[]);
    cluster.backend(0).connect("alice", &["room"]).await;
    let shown = async |node: usize| {
        let backend = cluster.backend(node);
        let answer = backend.send(Method::GET, "/admin/admin.json", &Value::Null);
        let numbers: Value = answer.await.json().await.unwrap();
        let user = numbers["users"][0].clone();
        assert_eq!(user["user"], "alice");
        user
    };
    let before = shown(0).await;
    let state = json!({"user": "alice", "user_state": {"status": "away"},
        "state_public_keys": ["status"]});
    cluster.backend(1).post("/user_state", state).await;
    for node in 0..2 {
        let after = shown(node).await;
        assert_eq!(after["state"], json!({"status": "away"}));
        assert_eq!(after["uuid"], before["uuid"]);
    }
}
