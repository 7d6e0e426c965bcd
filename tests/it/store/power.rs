//! Power cuts under load, after which the file holds only synced data.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::json;
use tokio::task::spawn_blocking;

use crate::support::client::Backend;
use crate::support::folder::Folder;
use crate::support::power_cut::PowerCut;
use crate::support::random::Random;
use crate::support::scale::scaled;
use crate::support::server::Server;

const CALLERS: u64 = 8;

/// The duration of the load before a cut, in milliseconds: the shortest, and the largest random
/// addition.
const LOAD: (u64, u64) = (100, 2000);

/// A message that was answered 200.
struct Answered {
    number: u64,
    at: Instant,
}

/// Cuts the power again and again while callers publish to a channel with a history. Returns for
/// each cut the time between it and the answer to the latest missing message, if one is missing.
async fn missing_after_cuts(sync: &str, cuts: u64) -> Vec<Option<Duration>> {
    let folder = Folder::new();
    let path = folder.path("store.sqlite");
    let mut cut = PowerCut::new(Path::new(&folder.path("")));
    // The data that the server wrote before the last cut counts as durable.
    let flags = [
        ("store", "file"),
        ("store-path", path.as_str()),
        ("store-sync", sync),
        ("history-bytes", "1000000000"),
        ("history-size-max", "0"),
    ];
    let mut server = Server::start_with(&flags, &cut.environment());
    let backend = Backend::of(&server);
    let config = json!({"room": {"store_history": true, "history_size": 1_000_000}});
    backend.post("/channel_config", config).await;
    // With either `store_sync`, the channel is in the file before the first cut.
    tokio::time::sleep(Duration::from_secs(3)).await;
    let mut random = Random::new(7);
    let (mut missing, mut answered, mut syncs) = (Vec::new(), Vec::new(), 0);
    for round in 0..cuts {
        let is_over = Arc::new(AtomicBool::new(false));
        let callers: Vec<_> = (0..CALLERS)
            .map(|caller| {
                let first = (round * CALLERS + caller) * 1_000_000;
                tokio::spawn(publish(backend.clone(), first, is_over.clone()))
            })
            .collect();
        tokio::time::sleep(Duration::from_millis(LOAD.0 + random.below(LOAD.1))).await;
        let killed = spawn_blocking(move || {
            server.kill();
            (server, Instant::now())
        });
        let (dead, cut_at) = killed.await.unwrap();
        is_over.store(true, Relaxed);
        for caller in callers {
            answered.extend(caller.await.unwrap());
        }
        let done = spawn_blocking(move || {
            let met = if round % 2 == 0 {
                cut.forget_unsynced()
            } else {
                cut.keep_some_unsynced(round)
            };
            (cut, met, dead.start_again())
        });
        let met;
        (cut, met, server) = done.await.unwrap();
        syncs += met.syncs;
        let info = json!({"info": {"include_history": true, "channels": ["room"]}});
        let info = backend.post("/info", info).await;
        let history = info["channels"]["room"]["history"].as_array().unwrap();
        let kept: std::collections::HashSet<u64> = history
            .iter()
            .map(|message| message["message"]["n"].as_u64().unwrap())
            .collect();
        let lost = |message: &&Answered| !kept.contains(&message.number);
        let latest = answered
            .iter()
            .filter(lost)
            .map(|message| cut_at.duration_since(message.at))
            .max();
        missing.push(latest);
        // A lost message stays lost.
        answered.retain(|message| kept.contains(&message.number));
    }
    println!(
        "store_sync = {sync}: {cuts} cuts, {syncs} syncs, {} messages kept",
        answered.len()
    );
    assert!(
        answered.len() > usize::try_from(cuts).unwrap(),
        "hardly anything was published"
    );
    missing
}

async fn publish(backend: Backend, first: u64, is_over: Arc<AtomicBool>) -> Vec<Answered> {
    let mut answered = Vec::new();
    for number in first.. {
        let body = json!([{"user": "b", "channel": "room", "message": {"n": number}}]);
        let answer = backend
            .request(Method::POST, "/message")
            .json(&body)
            .send()
            .await;
        if is_over.load(Relaxed) {
            break;
        }
        if answer.is_ok_and(|answer| answer.status() == 200) {
            answered.push(Answered {
                number,
                at: Instant::now(),
            });
        }
    }
    answered
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn answered_messages_survive_a_power_cut_with_store_sync_always() {
    let missing = missing_after_cuts("always", scaled(6, 50)).await;
    assert!(missing.iter().all(Option::is_none), "{missing:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_power_cut_loses_at_most_a_second_and_a_half_with_store_sync_interval() {
    let missing = missing_after_cuts("interval", scaled(6, 50)).await;
    let longest = missing.iter().flatten().max();
    println!("the longest loss: {longest:?}");
    // Otherwise the simulated power cut would forget nothing.
    assert!(longest.is_some(), "nothing was ever lost");
    assert!(
        *longest.unwrap() <= Duration::from_millis(1500),
        "{missing:?}"
    );
}
