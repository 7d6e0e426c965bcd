//! Calls at the same time and in any order leave no ghosts: no user is present without a
//! connection.

mod client;

use std::time::Instant;

use futures_util::future::join_all;
use futures_util::{StreamExt, stream};
use serde_json::json;
use uuid::Uuid;

use self::client::Client;
use crate::support::agreement::{Member, check_agreement};
use crate::support::client::Backend;
use crate::support::scale::scaled;
use crate::support::server::Server;
use crate::support::websocket::WebSocket;

/// The number of pairs of calls that are under way at the same time.
const CONCURRENCY: usize = 32;

/// Settings with which connections without a transport end soon.
const SHORT_DEADLINES: &[(&str, &str)] = &[
    ("gc-conns-after", "2"),
    ("heartbeat-interval", "0.5"),
    ("wake-connections-after", "0.5"),
    ("presence-grace", "0.2"),
];

/// Returns a client that listens to these channels.
async fn listener(server: &Server, backend: &Backend, channels: &[&str]) -> Member {
    let conn_id = backend.connect("listener", channels).await;
    let socket = WebSocket::open(&server.address, &conn_id).await.unwrap();
    Member {
        user: "listener".to_owned(),
        channels: channels.iter().map(|&name| name.to_owned()).collect(),
        socket,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn connecting_and_disconnecting_the_same_id_at_the_same_time_leaves_no_ghost() {
    let pairs = scaled(1000, 10_000);
    let server = Server::start(SHORT_DEADLINES);
    let backend = Backend::of(&server);
    let channels = ["room", "hall", "yard", "roof"];
    let listener = listener(&server, &backend, &channels).await;
    let start = Instant::now();
    let pair = |index: usize| {
        let backend = backend.clone();
        tokio::spawn(async move {
            let conn_id = Uuid::new_v4().to_string();
            let name = format!("user-{index}");
            let connect = json!({"username": name, "conn_id": conn_id, "channels": channels});
            let connect = backend.post("/connect", connect);
            let disconnect = backend.post("/disconnect", json!({"conn_id": conn_id}));
            // The two calls are sent in alternating order.
            let was_known = if index.is_multiple_of(2) {
                tokio::join!(connect, disconnect).1
            } else {
                tokio::join!(disconnect, connect).0
            };
            was_known == true
        })
    };
    let known = stream::iter(0..pairs)
        .map(pair)
        .buffer_unordered(CONCURRENCY)
        .filter(|known| std::future::ready(*known.as_ref().unwrap()));
    let known = known.count().await;
    println!(
        "{pairs} pairs of /connect and /disconnect in {:?}, \
         in {known} of them the connection was known",
        start.elapsed()
    );
    check_agreement(&backend, &mut [listener]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn present_users_are_those_who_listen_after_any_calls() {
    let (clients, steps) = (scaled(24, 64), scaled(500, 5000));
    let server = Server::start(SHORT_DEADLINES);
    let backend = Backend::of(&server);
    let storm = (0..clients).map(|index| {
        let client = Client::new(backend.clone(), server.address.clone(), index);
        tokio::spawn(client.run(steps))
    });
    let start = Instant::now();
    let clients = join_all(storm).await;
    println!(
        "{} clients took {steps} steps each in {:?}",
        clients.len(),
        start.elapsed()
    );
    let mut members = join_all(
        clients
            .into_iter()
            .map(|client| client.unwrap().into_member()),
    )
    .await;
    check_agreement(&backend, &mut members).await;
}
