//! Other callers beside the clients that are counted: guests who never come back, and callers with
//! bad signatures.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout_at};

use super::client::vanish;
use super::listener::{Kind, Place, Received};
use super::world::World;
use crate::support::client::Backend;
use crate::support::random::Random;
use crate::support::signing::{now, sign};

/// Connects again and again, each time as another user, and vanishes without a close. Returns the
/// sockets that are still open.
pub(super) async fn visit(
    world: Arc<World>,
    backend: Backend,
    address: String,
    guest: usize,
) -> Vec<TcpStream> {
    let mut random = Random::new(world.plan.seed ^ ((guest as u64) << 40));
    let mut abandoned = Vec::new();
    for visit in 0.. {
        if !world.has_faults() {
            break;
        }
        let kind = [Kind::Websocket, Kind::EventStream, Kind::LongPoll][visit % 3];
        let user = format!("guest-{guest}-{visit}");
        let channels = [format!("lobby-{}", guest % 4), "channel-0".to_owned()];
        let Some(conn_id) = connect(&backend, &user, &channels).await else {
            sleep(Duration::from_millis(50)).await;
            continue;
        };
        let place = Place {
            address: address.clone(),
            conn_id,
            kind,
            position: String::new(),
            is_narrow: random.below(2) == 0,
        };
        let Ok(mut listener) = place.open().await else {
            continue;
        };
        let until = Instant::now() + Duration::from_millis(100 + random.below(400));
        let mut has_ended = false;
        while let Ok(received) = timeout_at(until, listener.next()).await {
            match received {
                Received::List(..) => listener.go_on(&place).await,
                Received::End(_) => {
                    has_ended = true;
                    break;
                }
            }
        }
        if !has_ended {
            world.tally.vanished.fetch_add(1, Relaxed);
            if random.below(2) == 0 {
                listener.reset();
            } else {
                vanish(listener, &mut abandoned);
            }
        }
    }
    abandoned
}

/// Connects a user with these channels. Returns `None` while the server is not running.
async fn connect(backend: &Backend, user: &str, channels: &[String]) -> Option<String> {
    let body = json!({"username": user, "channels": channels});
    let call = backend.request(Method::POST, "/connect").json(&body);
    let answer = call.send().await.ok()?;
    if answer.status() != 200 {
        assert_eq!(answer.status(), 503);
        return None;
    }
    let answer: Value = answer.json().await.ok()?;
    Some(answer["conn_id"].as_str().unwrap().to_owned())
}

/// Calls with signatures that are wrong in different ways. Each must be refused.
pub(super) async fn forge(world: Arc<World>, backend: Backend, forger: u64) {
    let mut random = Random::new(world.plan.seed ^ (forger << 48));
    while world.has_faults() {
        let paths = ["/message", "/connect", "/channel_config", "/info"];
        let path = paths[random.below(4) as usize];
        let signature = match random.below(4) {
            0 => sign("another secret", path, now()),
            1 => sign("secret", path, now() - 1000),
            2 => format!("{}x", sign("secret", path, now())),
            _ => "nonsense".to_owned(),
        };
        let body = json!([{"user": "forger", "channel": "channel-0", "message": {"forged": true}}]);
        let call = backend.unsigned(Method::POST, path).json(&body);
        let call = call.header("x-channelstream-secret", signature);
        // The server may be stopped, or about to stop.
        if let Ok(answer) = call.send().await {
            let status = answer.status().as_u16();
            assert!([401, 403, 503].contains(&status), "{path}: {status}");
            world.tally.forgeries.fetch_add(1, Relaxed);
        }
        sleep(Duration::from_millis(2)).await;
    }
}
