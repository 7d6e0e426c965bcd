//! Publishers that repeat each call until it is accepted, whatever happens to the server meanwhile.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use super::record::Accepted;
use super::world::World;
use crate::support::client::Backend;
use crate::support::random::Random;

/// The most messages in one call.
const PER_CALL: u64 = 5;

/// Publishes to channels and users at random until the faults are over.
pub(super) async fn publish(
    world: Arc<World>,
    backend: Backend,
    publisher: u64,
    every: Duration,
) -> Accepted {
    let mut random = Random::new(world.plan.seed ^ (publisher << 32));
    let mut accepted = Accepted::default();
    let mut counts: HashMap<String, u64> = HashMap::new();
    let mut call = 0;
    while world.has_faults() {
        let mut drafts = Vec::new();
        let mut places = Vec::new();
        for _ in 0..=random.below(PER_CALL) {
            let place = world.some_place(&mut random);
            let count = counts.entry(place.clone()).or_default();
            *count += 1;
            // A few messages are large, so that a client that does not read is soon behind.
            let filler = "x".repeat(if random.below(20) == 0 { 8000 } else { 200 });
            let message =
                json!({"publisher": publisher, "place": place, "number": count, "filler": filler});
            drafts.push(draft(&place, message));
            places.push(place);
        }
        let key = format!("{publisher}-{call}");
        let was_repeated = send(&backend, &Value::Array(drafts), &key).await;
        accepted.note(publisher, &places, was_repeated);
        call += 1;
        tokio::time::sleep(every).await;
    }
    accepted
}

/// Sends the last message to a place.
pub(super) async fn end(backend: &Backend, place: &str) {
    let message = json!({"place": place, "end": true});
    send(backend, &json!([draft(place, message)]), place).await;
}

/// A message to a channel, or to a user.
fn draft(place: &str, message: Value) -> Value {
    if place.starts_with("user") {
        json!({"user": "backend", "pm_users": [place], "message": message})
    } else {
        json!({"user": "backend", "channel": place, "message": message})
    }
}

/// Repeats a call with one key until it is answered. Returns whether it was repeated.
async fn send(backend: &Backend, body: &Value, key: &str) -> bool {
    let mut was_repeated = false;
    loop {
        let call = backend.request(Method::POST, "/message").json(body);
        match call.header("Idempotency-Key", key).send().await {
            Ok(answer) if answer.status() == 200 => return was_repeated,
            Ok(answer) => assert_eq!(answer.status(), 503),
            // The server is not running.
            Err(_) => {}
        }
        was_repeated = true;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
