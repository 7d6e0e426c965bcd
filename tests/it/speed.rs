//! The cost of a call does not depend on bursts, users and connections that it does not concern.
//!
//! Costs are measured as processor time, which does not grow while other tests run.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use futures_util::{StreamExt, stream};
use serde_json::{Value, json};

use crate::support::client::Backend;
use crate::support::scale::scaled;
use crate::support::server::Server;
use crate::support::websocket::WebSocket;

/// The number of calls in a measurement.
const CALLS: u32 = 50;

#[tokio::test(flavor = "multi_thread")]
async fn callers_that_publish_at_the_same_time_do_not_wait_for_one_another() {
    let server = Server::start(&[]);
    let backend = Backend::of(&server);
    let mut listener = WebSocket::open(&server.address, &backend.connect("alice", &["room"]).await)
        .await
        .unwrap();
    let mut quartiles = Vec::new();
    for (callers, calls) in [(16, scaled(500, 5000)), (4, scaled(1000, 10_000))] {
        let start = Instant::now();
        let all = (0..callers).map(|_| tokio::spawn(publish(Backend::of(&server), calls)));
        let mut times: Vec<_> = join_all(all)
            .await
            .into_iter()
            .flat_map(Result::unwrap)
            .collect();
        let (rate, count) = (
            times.len() as f64 / start.elapsed().as_secs_f64(),
            times.len(),
        );
        times.sort_unstable();
        let (quarter, half) = (times[count / 4], times[count / 2]);
        println!(
            "{callers} callers: {rate:.0} calls/s, a quarter takes less than {quarter:?}, \
             half less than {half:?}"
        );
        quartiles.push(quarter);
        let events = listener
            .events(count, Duration::from_secs(20), Duration::ZERO)
            .await;
        assert_eq!(events.len(), count);
    }
    // A delay of 1 ms for a batch would slow down every call of a few callers, and not only the
    // slowest ones.
    assert!(
        quartiles[1] < Duration::from_micros(800),
        "{:?}",
        quartiles[1]
    );
}

/// Publishes each message when the one before was answered. Returns the time of each call.
async fn publish(backend: Backend, calls: usize) -> Vec<Duration> {
    let mut times = Vec::new();
    for n in 0..calls {
        let start = Instant::now();
        backend.say("room", json!({"n": n})).await;
        times.push(start.elapsed());
    }
    times
}

/// Connects users to `room`. `user` gives the name for each number.
async fn fill(backend: &Backend, count: usize, user: impl Fn(usize) -> String) {
    let connect = |index| {
        let body = json!({
            "username": user(index),
            "channels": ["room"],
            "info": {"include_users": false},
        });
        async move { backend.post("/connect", body).await }
    };
    stream::iter(0..count)
        .map(connect)
        .buffer_unordered(16)
        .collect::<Vec<_>>()
        .await;
}

/// Returns the processor time of one such call: the best of several rounds.
async fn cost(server: &Server, backend: &Backend, path: &str, body: &Value) -> Duration {
    let mut best = Duration::MAX;
    for _ in 0..5 {
        let before = server.cpu();
        for _ in 0..CALLS {
            backend.post(path, body.clone()).await;
        }
        best = best.min((server.cpu() - before) / CALLS);
    }
    best
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_of_thousands_of_users_costs_little() {
    let users = scaled(3000, 8000);
    // The time that a call may cost for each user in its answer.
    let each = Duration::from_nanos(800);
    let server = Server::start(&[("gc-conns-after", "600")]);
    let backend = Backend::of(&server);
    let (before, start) = (server.cpu(), Instant::now());
    fill(&backend, users, |index| format!("user-{index}")).await;
    println!(
        "{users} users entered in {:?}, {:?} of the processor each",
        start.elapsed(),
        (server.cpu() - before) / users as u32
    );
    let connect = cost(
        &server,
        &backend,
        "/connect",
        &json!({"username": "alice", "channels": ["room"]}),
    )
    .await;
    let info = cost(
        &server,
        &backend,
        "/info",
        &json!({"info": {"channels": ["room"]}}),
    )
    .await;
    println!("beside {users} users: /connect {connect:?}, /info {info:?} of the processor");
    assert!(connect < each * users as u32, "/connect {connect:?}");
    assert!(info < each * users as u32, "/info {info:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn entering_and_leaving_a_channel_where_nobody_is_told_costs_the_same_beside_thousands() {
    let users = 20_000;
    let server = Server::start(&[("gc-conns-after", "600")]);
    let backend = Backend::of(&server);
    let connect = async |channel: &str| {
        let (before, conn_id) = (server.cpu(), uuid::Uuid::new_v4().to_string());
        for _ in 0..CALLS {
            let body = json!({
                "username": "alice",
                "conn_id": conn_id,
                "channels": [channel],
                "info": {"include_users": false},
            });
            backend.post("/connect", body).await;
            backend
                .post("/disconnect", json!({"conn_id": conn_id}))
                .await;
        }
        (server.cpu() - before) / CALLS
    };
    fill(&backend, users, |index| format!("user-{index}")).await;
    let (mut alone, mut beside) = (Duration::MAX, Duration::MAX);
    let is_cheap =
        |alone: Duration, beside| beside < alone.mul_f64(1.5) + Duration::from_micros(30);
    // The cheapest of many rounds counts, since the other tests take turns on the processors with
    // this server, and empty their caches. A cost that grew with the users would never be cheap.
    for round in 0..40 {
        alone = alone.min(connect("empty").await);
        beside = beside.min(connect("room").await);
        if round >= 4 && is_cheap(alone, beside) {
            break;
        }
    }
    println!(
        "/connect and /disconnect: {alone:?} of the processor alone, \
         {beside:?} beside {users} users"
    );
    assert!(is_cheap(alone, beside), "{beside:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_state_of_a_user_with_thousands_of_connections_is_changed_at_little_cost() {
    let connections = 20_000;
    let server = Server::start(&[("gc-conns-after", "600")]);
    let backend = Backend::of(&server);
    fill(&backend, connections, |_| "alice".to_owned()).await;
    let each = cost(
        &server,
        &backend,
        "/user_state",
        &json!({"user": "alice", "user_state": {"a": 1}}),
    )
    .await;
    let mut changes = Duration::MAX;
    for round in 0..5 {
        let before = server.cpu();
        for n in 0..CALLS {
            backend
                .post(
                    "/user_state",
                    json!({"user": "alice", "user_state": {"a": n + 1000 * round}}),
                )
                .await;
        }
        changes = changes.min((server.cpu() - before) / CALLS);
    }
    println!(
        "/user_state of a user with {connections} connections: {each:?} of the processor, \
         {changes:?} with a change"
    );
    assert!(changes < Duration::from_micros(300), "{changes:?}");
}
