//! Lifetimes follow the time that passes, not the wall clock. A change of the clock neither ends
//! nor prolongs anything.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::client::Backend;
use crate::support::eventually;
use crate::support::scale::scaled;
use crate::support::server::Server;
use crate::support::wall_clock::WallClock;
use crate::support::websocket::WebSocket;

/// Makes a channel with a history and a user with a state, both without connections. Returns the
/// websocket of another user, who listens elsewhere.
async fn set_up(server: &Server, backend: &Backend) -> WebSocket {
    let config = json!({"room": {"store_history": true}});
    let connect = json!({
        "username": "alice",
        "channels": ["room"],
        "channel_configs": config,
        "fresh_user_state": {"a": 1},
    });
    let conn_id = backend.post("/connect", connect).await["conn_id"].clone();
    backend.say("room", json!({"n": 1})).await;
    backend
        .post("/disconnect", json!({"conn_id": conn_id}))
        .await;
    let bob = backend.connect("bob", &["hall"]).await;
    WebSocket::open(&server.address, &bob).await.unwrap()
}

/// Returns the channel's history, and alice's state once she connects again.
async fn read_state(backend: &Backend) -> (Value, Value) {
    let info = backend
        .post("/info", json!({"info": {"channels": ["room"]}}))
        .await;
    let alice = backend
        .post(
            "/connect",
            json!({"username": "alice", "fresh_user_state": {"a": 2}}),
        )
        .await;
    (
        info["channels"]["room"]["history"][0]["message"]["n"].clone(),
        alice["state"]["a"].clone(),
    )
}

/// Publishes a message, and returns the day of its timestamp when it has arrived.
async fn day_of_a_message(backend: &Backend, bob: &mut WebSocket) -> String {
    backend.say("hall", json!({"n": 2})).await;
    bob.event().await["timestamp"].as_str().unwrap()[..10].to_owned()
}

/// Sets the clock, and checks what is left after some sweeps.
async fn check_clock_jump(shift: &str) {
    let (server, clock) = WallClock::start(&[("sweep-interval", "0.1")]);
    let backend = Backend::of(&server);
    let mut bob = set_up(&server, &backend).await;
    let today = day_of_a_message(&backend, &mut bob).await;
    clock.set(shift);
    eventually("messages have the time of the new clock", async || {
        day_of_a_message(&backend, &mut bob).await != today
    })
    .await;
    let there = day_of_a_message(&backend, &mut bob).await;
    assert_eq!(
        there < today,
        shift.starts_with('-'),
        "{today}, then {there}"
    );
    // More than ten sweeps.
    assert!(
        bob.ended(scaled(Duration::from_millis(1500), Duration::from_secs(10)))
            .await
            .is_none()
    );
    let left = read_state(&backend).await;
    println!("the clock jumps by {shift} from {today} to {there}: history and state are {left:?}");
    assert_eq!(
        left,
        (json!(1), json!(1)),
        "the history and the state from before"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn channels_and_users_are_still_there_when_the_clock_jumps_four_days_ahead() {
    check_clock_jump("+4d").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn channels_and_users_are_still_there_when_the_clock_jumps_four_days_back() {
    check_clock_jump("-4d").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn users_and_channels_are_forgotten_in_time_when_the_clock_was_set_back() {
    let lives = [
        ("sweep-interval", "0.1"),
        ("gc-users-after", "1"),
        ("gc-channels-after", "1"),
    ];
    let (server, clock) = WallClock::start(&lives);
    let backend = Backend::of(&server);
    let mut bob = set_up(&server, &backend).await;
    let today = day_of_a_message(&backend, &mut bob).await;
    clock.set("-4d");
    eventually("messages have the time of the new clock", async || {
        day_of_a_message(&backend, &mut bob).await != today
    })
    .await;
    let is_forgotten = async || {
        let info = backend
            .post("/info", json!({"info": {"channels": ["room"]}}))
            .await;
        let admin = backend
            .request(reqwest::Method::GET, "/admin/admin.json")
            .send()
            .await
            .unwrap();
        let admin: Value = admin.json().await.unwrap();
        info["channels"].as_object().unwrap().is_empty() && admin["remembered_user_count"] == 1
    };
    eventually("the channel and the user are forgotten", is_forgotten).await;
}
