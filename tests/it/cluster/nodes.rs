//! Nodes that die, stop, or are away for a while.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use super::client::Returning;
use super::{Cluster, PARTED_WITHIN, members, presence};
use crate::support::eventually;
use crate::support::scale::scaled;
use crate::support::websocket::WebSocket;

/// A client that watches who comes and goes, at the last node.
async fn watcher(cluster: &Cluster) -> Returning {
    let last = cluster.nodes.len() - 1;
    let backend = cluster.backend(last);
    let configured = json!({"room": presence()});
    backend.post("/channel_config", configured).await;
    let conn_id = backend.connect("watcher", &["room"]).await;
    let address = vec![cluster.nodes[last].address.clone()];
    let watcher = Returning::start(address, conn_id, 0);
    let watches = async || {
        let said = json!({"is": "watching"});
        backend.say("room", said).await;
        !watcher.events().is_empty()
    };
    eventually("the watcher listens", watches).await;
    watcher
}

/// Returns how often each user has done this.
fn count(events: &[Value], action: &str) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for event in events {
        if event["type"] == "presence" && event["message"]["action"] == action {
            let user = event["user"].as_str().unwrap().to_owned();
            *counts.entry(user).or_default() += 1;
        }
    }
    counts
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn only_those_part_who_do_not_come_back_from_a_killed_node() {
    let mut cluster = Cluster::start(3, &[]);
    let mut watcher = watcher(&cluster).await;
    let users = scaled(20, 200);
    let mut connections = Vec::new();
    for index in 0..users {
        let user = format!("user{index}");
        let conn_id = cluster.backend(index % 3).connect(&user, &["room"]).await;
        connections.push(conn_id);
    }
    let mut sockets = Vec::new();
    for conn_id in &connections {
        sockets.push(
            WebSocket::open(&cluster.nodes[0].address, conn_id)
                .await
                .unwrap(),
        );
    }
    watcher
        .wait_for(PARTED_WITHIN, |events| {
            count(events, "joined").len() == users
        })
        .await;
    cluster.nodes[0].kill();
    drop(sockets);
    cluster
        .backend(1)
        .say("room", json!({"after": "kill"}))
        .await;
    // Every second client comes back, to another node.
    let addresses = cluster.addresses()[1..].to_vec();
    let mut returned = Vec::new();
    for (index, conn_id) in connections.iter().enumerate().step_by(2) {
        let client = Returning::start(addresses.clone(), conn_id.clone(), index as u64);
        returned.push(client);
    }
    watcher
        .wait_for(PARTED_WITHIN, |events| {
            count(events, "parted").len() == users / 2
        })
        .await;
    for client in &mut returned {
        client
            .wait_for(PARTED_WITHIN, |events| {
                events
                    .iter()
                    .any(|event| event["message"]["after"] == "kill")
            })
            .await;
    }
    // Whoever had to part has parted, so nobody else does.
    eventually("everybody else has ended", async || {
        let left = members(&cluster.backend(1), "room").await;
        left.len() == 1 + users / 2 && left == members(&cluster.backend(2), "room").await
    })
    .await;
    let events = watcher.stop().await;
    let (joined, parted) = (count(&events, "joined"), count(&events, "parted"));
    assert!(joined.values().all(|count| *count == 1), "{joined:?}");
    assert!(parted.values().all(|count| *count == 1), "{parted:?}");
    let stayed = (0..users).step_by(2).map(|index| format!("user{index}"));
    let stayed: Vec<_> = stayed.filter(|user| parted.contains_key(user)).collect();
    assert!(stayed.is_empty(), "{stayed:?}");
    for client in returned {
        client.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn clients_of_a_node_that_stops_go_on_at_another_one() {
    let mut cluster = Cluster::start(2, &[]);
    let watcher = watcher(&cluster).await;
    let conn_id = cluster.backend(0).connect("alice", &["room"]).await;
    let mut client = Returning::start(cluster.addresses(), conn_id, 1);
    let within = Duration::from_secs(10);
    let backend = cluster.backend(1);
    for number in 0..20 {
        backend.say("room", json!({"number": number})).await;
        if number == 10 {
            cluster.nodes[0].begin_stop();
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    client
        .wait_for(within, |events| {
            events.iter().any(|event| event["message"]["number"] == 19)
        })
        .await;
    assert!(cluster.nodes[0].terminate().success());
    let events = client.stop().await;
    let numbers = events
        .iter()
        .filter_map(|event| event["message"]["number"].as_u64());
    let mut numbers: Vec<_> = numbers.collect();
    numbers.sort_unstable();
    numbers.dedup();
    assert_eq!(numbers, (0..20).collect::<Vec<_>>());
    let events = watcher.stop().await;
    assert!(count(&events, "parted").is_empty(), "{events:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn clients_of_a_node_that_stopped_are_waited_for_as_long_as_they_were_told() {
    let mut cluster = Cluster::start(2, &[("presence-grace", "0.1")]);
    let mut watcher = watcher(&cluster).await;
    let late = cluster.backend(0).connect("late", &["room"]).await;
    let lost = cluster.backend(0).connect("lost", &["room"]).await;
    let stopping = &cluster.nodes[0].address;
    let sockets = [
        WebSocket::open(stopping, &late).await.unwrap(),
        WebSocket::open(stopping, &lost).await.unwrap(),
    ];
    assert!(cluster.nodes[0].terminate().success());
    drop(sockets);
    // A node that dies is noticed after 10 seconds. These clients were told to wait for one second,
    // and have 15 seconds more.
    tokio::time::sleep(Duration::from_secs(13)).await;
    let late = WebSocket::open(&cluster.nodes[1].address, &late)
        .await
        .unwrap();
    watcher
        .wait_for(PARTED_WITHIN, |events| {
            count(events, "parted").contains_key("lost")
        })
        .await;
    let stayed = members(&cluster.backend(1), "room").await;
    assert_eq!(stayed, ["late", "watcher"]);
    let events = watcher.stop().await;
    assert_eq!(count(&events, "parted"), [("lost".to_owned(), 1)].into());
    assert_eq!(count(&events, "joined").get("late"), Some(&1));
    drop(late);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_node_that_was_away_goes_on_as_another_node() {
    let cluster = Cluster::start(2, &[]);
    let mut watcher = watcher(&cluster).await;
    let conn_id = cluster.backend(0).connect("alice", &["room"]).await;
    let mut socket = WebSocket::open(&cluster.nodes[0].address, &conn_id)
        .await
        .unwrap();
    cluster.nodes[0].pause();
    watcher
        .wait_for(PARTED_WITHIN, |events| count(events, "parted").len() == 1)
        .await;
    cluster.nodes[0].go_on();
    let end = socket.ended(Duration::from_secs(10)).await;
    let code = end.expect("the websocket is closed").map(|(code, _)| code);
    assert!(code == Some(1012) || code == Some(4001), "{code:?}");
    // The connection is absent, and comes back with the next transport.
    let mut client = Returning::start(cluster.addresses(), conn_id, 1);
    watcher
        .wait_for(PARTED_WITHIN, |events| {
            count(events, "joined")["alice"] == 2
        })
        .await;
    eventually("the node takes calls again", async || {
        let body = json!([{"user": "backend", "channel": "room", "message": {"is": "back"}}]);
        let backend = cluster.backend(0);
        let response = backend.send(reqwest::Method::POST, "/message", &body).await;
        response.status().is_success()
    })
    .await;
    client
        .wait_for(PARTED_WITHIN, |events| {
            events.iter().any(|event| event["message"]["is"] == "back")
        })
        .await;
    client.stop().await;
    watcher.stop().await;
}
