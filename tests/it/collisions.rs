//! Names that were chosen to collide in a hash cost no more than other names.

mod names;

use std::time::Duration;

use futures_util::{StreamExt, stream};
use serde_json::{Value, json};
use uuid::Uuid;

use self::names::{colliding, colliding_ids, ordinary};
use crate::support::client::Backend;
use crate::support::scale::scaled;
use crate::support::server::Server;

/// The factor by which chosen names may cost more.
const FACTOR: u32 = 2;

/// The tolerance of a measurement.
const NOISE: Duration = Duration::from_millis(150);

/// Returns the processor time of the calls on a new server: the best of several measurements.
async fn cost(calls: Vec<(&str, Value)>) -> Duration {
    let mut best = Duration::MAX;
    for _ in 0..scaled(2, 5) {
        best = best.min(cost_once(calls.clone()).await);
    }
    best
}

async fn cost_once(calls: Vec<(&str, Value)>) -> Duration {
    let server = Server::start(&[
        ("body-limit", "100000000"),
        ("channels-per-call", "0"),
        ("state-keys", "0"),
        ("state-bytes", "0"),
    ]);
    let backend = Backend::of(&server);
    let before = server.cpu();
    let call = async |(path, body)| drop(backend.post(path, body).await);
    stream::iter(calls)
        .map(call)
        .buffer_unordered(8)
        .collect::<Vec<_>>()
        .await;
    server.cpu() - before
}

fn assert_alike(what: &str, ordinary: Duration, chosen: Duration) {
    println!("{what}: {ordinary:?} with ordinary names, {chosen:?} with chosen ones");
    assert!(chosen < FACTOR * ordinary + NOISE, "{what}");
}

#[tokio::test(flavor = "multi_thread")]
async fn channels_with_chosen_names_in_one_call_cost_no_more_than_others() {
    let count = 12_000;
    let connect = |names| {
        vec![(
            "/connect",
            json!({
                "username": "alice",
                "channels": names,
                "info": {"include_users": false, "include_history": false},
            }),
        )]
    };
    let (usual, chosen) = (
        cost(connect(ordinary(count))).await,
        cost(connect(colliding(count))).await,
    );
    assert_alike("/connect with 12,000 channels", usual, chosen);
}

#[tokio::test(flavor = "multi_thread")]
async fn users_with_chosen_names_in_one_channel_cost_no_more_than_others() {
    let count = 12_000;
    let connect = |name| {
        (
            "/connect",
            json!({
                "username": name,
                "channels": ["room"],
                "info": {"include_users": false, "include_history": false},
            }),
        )
    };
    let calls = |names: Vec<String>| names.into_iter().map(connect).collect();
    let (usual, chosen) = (
        cost(calls(ordinary(count))).await,
        cost(calls(colliding(count))).await,
    );
    assert_alike(&format!("{count} users"), usual, chosen);
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_with_chosen_ids_cost_no_more_than_others() {
    let count = 40_000;
    let connect = |id: String| {
        (
            "/connect",
            json!({
                "username": "alice",
                "conn_id": id,
                "info": {"include_users": false, "include_history": false},
            }),
        )
    };
    let calls = |ids: Vec<String>| ids.into_iter().map(connect).collect();
    let random = (0..count).map(|_| Uuid::new_v4().to_string()).collect();
    let (usual, chosen) = (
        cost(calls(random)).await,
        cost(calls(colliding_ids(count))).await,
    );
    assert_alike(&format!("{count} connections"), usual, chosen);
}
