//! Every message reaches every subscriber once and in order, whatever the clients do. 250 clients
//! listen by websocket, long-poll and server-sent events, and drop and return at random, while 20
//! publishers send 20,000 messages.

mod clients;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use self::clients::{Client, ClientRecord, Tally};
use crate::support::client::Backend;
use crate::support::server::Server;

const CHANNELS: usize = 10;
const CLIENTS: usize = 250;
/// The number of the last clients, which listen by server-sent events.
const STREAMS: usize = 50;
const PUBLISHERS: usize = 20;
const MESSAGES: usize = 1000;
const PER_CALL: usize = 5;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn messages_stay_complete_and_in_order_while_clients_drop_and_return() {
    let server = Server::start(&[]);
    let backend = Backend::of(&server);
    let published = Arc::new(AtomicBool::new(false));
    let mut clients = Vec::new();
    for index in 0..CLIENTS {
        let channel = format!("channel-{}", index % CHANNELS);
        let conn_id = backend.connect(&format!("user-{index}"), &[&channel]).await;
        let client = Client::new(server.address.clone(), conn_id, index as u64);
        let (expected, published) = (PUBLISHERS * MESSAGES / CHANNELS, published.clone());
        clients.push(tokio::spawn(async move {
            match index {
                _ if index >= CLIENTS - STREAMS => client.stream(expected, &published).await,
                _ if index % 3 == 0 => client.poll(expected, &published).await,
                _ => client.listen(expected, &published).await,
            }
        }));
    }
    let publishers =
        (0..PUBLISHERS).map(|publisher| tokio::spawn(publish(backend.clone(), publisher)));
    for publisher in futures_util::future::join_all(publishers).await {
        publisher.unwrap();
    }
    published.store(true, Ordering::Relaxed);
    let mut total = Tally::default();
    for (index, client) in clients.into_iter().enumerate() {
        let seen: ClientRecord = tokio::time::timeout(Duration::from_secs(60), client)
            .await
            .expect("a client did not receive all messages")
            .unwrap();
        assert_eq!(seen.faults, Vec::<String>::new(), "client {index}");
        for publisher in 0..PUBLISHERS {
            let last = seen.last(publisher);
            assert_eq!(
                last,
                MESSAGES / CHANNELS,
                "client {index}, publisher {publisher}: {:?}",
                seen.tally
            );
        }
        total.add(&seen.tally);
    }
    println!("{total:?}");
    assert_eq!(total.gaps, 0);
    assert!(
        total.clean > 0 && total.like_a_page > 0 && total.unclean > 0 && total.replaced > 0,
        "{total:?}"
    );
}

/// Publishes to all channels in turn. Each message carries its number in its channel.
async fn publish(backend: Backend, publisher: usize) {
    let mut batch: Vec<Value> = Vec::new();
    for index in 0..MESSAGES {
        let message = json!({
            "publisher": publisher,
            "number": index / CHANNELS + 1,
            "filler": "x".repeat(100),
        });
        let channel = format!("channel-{}", index % CHANNELS);
        batch.push(json!({"user": "backend", "channel": channel, "message": message}));
        if batch.len() == PER_CALL {
            backend
                .post("/message", Value::Array(std::mem::take(&mut batch)))
                .await;
        }
    }
}
