//! Clients that come back. Each is given a `pid`, and is given the same one again exactly if it has
//! missed nothing. A client that has asked for offsets brings the last one, and gets nothing twice.

use serde_json::{Value, json};

use super::{Client, TIMEOUT, numbers};
use crate::support::client::Backend;
use crate::support::folder::Folder;
use crate::support::server::Server;
use crate::support::websocket::WebSocket;

/// A list, and the offset behind it.
async fn list_with_offset(client: &mut Client) -> (Vec<Value>, String) {
    let packet = client.next_packet().await;
    let event: Value = serde_json::from_str(packet.strip_prefix("42").unwrap()).unwrap();
    let [name, Value::Array(list), Value::String(offset)] = &event.as_array().unwrap()[..] else {
        panic!("{packet}");
    };
    assert_eq!(name, "message");
    (list.clone(), offset.clone())
}

/// Returns the events of the lists until `count` have come.
async fn events(client: &mut Client, count: usize) -> Vec<Value> {
    let mut events = Vec::new();
    while events.len() < count {
        events.extend(client.list().await);
    }
    events
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_keeps_its_pid_until_it_misses_something() {
    let server = Server::start(&[("log-length", "5"), ("channel-frames", "5")]);
    let backend = Backend::of(&server);
    let conn_id = backend.connect("alice", &["room"]).await;
    let (client, first) = Client::connect_as(&server, &json!({"conn_id": conn_id})).await;
    drop(client);
    for n in 1..=5 {
        backend.say("room", json!({"n": n})).await;
    }
    // The pid names the connection too.
    let (mut client, pid) = Client::connect_as(&server, &json!({"pid": first})).await;
    assert_eq!(pid, first);
    assert_eq!(numbers(&events(&mut client, 5).await), [1, 2, 3, 4, 5]);
    drop(client);
    // Another transport of the connection hears something that this client does not.
    let mut other = WebSocket::open(&server.address, &conn_id).await.unwrap();
    backend.say("room", json!({"n": 6})).await;
    while other.event().await["message"]["n"] != 6 {}
    other.wait_for_ping().await;
    other.close();
    assert!(other.ended(TIMEOUT).await.is_some());
    let auth = json!({"conn_id": conn_id, "pid": pid});
    let (client, second) = Client::connect_as(&server, &auth).await;
    assert_ne!(second, pid);
    drop(client);
    // More is published than the log holds.
    for n in 7..=20 {
        backend.say("room", json!({"n": n})).await;
    }
    let auth = json!({"conn_id": conn_id, "pid": second});
    let (mut client, third) = Client::connect_as(&server, &auth).await;
    assert_ne!(third, second);
    assert_eq!(client.list().await[0]["type"], "catchup:gap");
    drop(client);
    // A client without a pid is another one.
    let (client, fourth) = Client::connect_as(&server, &json!({"conn_id": conn_id})).await;
    assert_ne!(fourth, third);
    drop(client);
    // It has taken the place of this one.
    let auth = json!({"conn_id": conn_id, "pid": third});
    assert_ne!(Client::connect_as(&server, &auth).await.1, third);
    // A pid of another connection, and one that is none, have no effect.
    for pid in [format!("{}.1", uuid::Uuid::new_v4()), "x".to_owned()] {
        let auth = json!({"conn_id": conn_id, "pid": pid});
        let (_, given) = Client::connect_as(&server, &auth).await;
        assert!(given.starts_with(&conn_id), "{given}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_brings_its_last_offset_gets_nothing_twice() {
    // Without heartbeats, and without an answer to the first ping, nothing is confirmed.
    let server = Server::start(&[("heartbeat-interval", "60"), ("gc-conns-after", "120")]);
    let backend = Backend::of(&server);
    let channels = ["red", "green", "blue"];
    for received in [1, 4, 9] {
        let conn_id = backend.connect("alice", &channels).await;
        let auth = json!({"conn_id": conn_id, "offsets": 1});
        let (mut client, pid) = Client::connect_as(&server, &auth).await;
        let mut last = String::new();
        for n in 0..10 {
            backend.say(channels[n % 3], json!({"n": n})).await;
            let packet = loop {
                let packet = client.next().await;
                if packet != "2" {
                    break packet;
                }
            };
            let event: Value = serde_json::from_str(packet.strip_prefix("42").unwrap()).unwrap();
            if n < received {
                event[2].as_str().unwrap().clone_into(&mut last);
            }
        }
        drop(client);
        backend.say("red", json!({"n": 10})).await;
        let auth = json!({"conn_id": conn_id, "offsets": true, "pid": pid, "offset": last});
        let (mut client, again) = Client::connect_as(&server, &auth).await;
        assert_eq!(again, pid);
        let mut rest = Vec::new();
        while rest.len() < 11 - received {
            rest.extend(list_with_offset(&mut client).await.0);
        }
        let mut rest_numbers = numbers(&rest);
        // Each channel is read again in its order, one channel after the other.
        rest_numbers.sort_unstable();
        assert_eq!(rest_numbers, (received as u64..=10).collect::<Vec<_>>());
        assert!(
            rest.iter().all(|event| event["catchup"] == true),
            "{rest:?}"
        );
        backend
            .post("/disconnect", json!({"conn_id": conn_id}))
            .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_offset_that_the_server_does_not_know_counts_for_its_log_or_not_at_all() {
    let server = Server::start(&[("heartbeat-interval", "60"), ("gc-conns-after", "120")]);
    let backend = Backend::of(&server);
    let conn_id = backend.connect("alice", &["room"]).await;
    let auth = json!({"conn_id": conn_id, "offsets": "1"});
    let (mut client, pid) = Client::connect_as(&server, &auth).await;
    let mut offsets = Vec::new();
    for n in 1..=3 {
        backend.say("room", json!({"n": n})).await;
        let (list, offset) = list_with_offset(&mut client).await;
        assert_eq!((numbers(&list), offset.len()), (vec![n], 22));
        offsets.push(offset);
    }
    drop(client);
    for offset in [
        json!("AAAAAAAAAAAAAAAAAAAAAA"),
        json!("a text of the application"),
        json!(7),
        json!(null),
        json!(format!("{}AAAA", offsets[2])),
    ] {
        let auth = json!({"conn_id": conn_id, "pid": pid, "offset": offset});
        let (_client, again) = Client::connect_as(&server, &auth).await;
        assert_eq!(again, pid, "{offset}");
    }
    // A transport between has ended, so the server has no trail of the first one any more.
    backend.say("room", json!({"n": 4})).await;
    let auth = json!({"conn_id": conn_id, "pid": pid, "offset": offsets[2]});
    let (mut client, _) = Client::connect_as(&server, &auth).await;
    assert_eq!(numbers(&client.list().await), [4]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_keeps_its_pid_through_an_orderly_restart_and_not_through_a_kill() {
    let folder = Folder::new();
    let path = folder.path("store.sqlite");
    let mut server = Server::start(&[("store", "file"), ("store-path", path.as_str())]);
    let backend = Backend::of(&server);
    let conn_id = backend.connect("alice", &["room"]).await;
    let (mut client, pid) = Client::connect_as(&server, &json!({"conn_id": conn_id})).await;
    backend.say("room", json!({"n": 1})).await;
    assert_eq!(numbers(&client.list().await), [1]);
    server.begin_stop();
    while let Ok(packet) = client.receive().await {
        if packet == "2" {
            client.send("3").await;
        }
    }
    drop(client);
    server.end().await;
    let mut server = server.start_again();
    backend.say("room", json!({"n": 2})).await;
    let auth = json!({"conn_id": conn_id, "pid": pid});
    let (mut client, again) = Client::connect_as(&server, &auth).await;
    assert_eq!(again, pid);
    assert_eq!(numbers(&client.list().await), [2]);
    server.restart();
    let (mut client, after_kill) = Client::connect_as(&server, &auth).await;
    assert_ne!(after_kill, pid);
    assert_eq!(client.list().await[0]["type"], "catchup:gap");
}
