//! Runs the recorded cases of the original server in parallel against one server, and against
//! several nodes that share a Redis.
//! `tests/conformance/README.md` describes the cases.

mod case;
mod matching;

use std::fs;
use std::path::Path;
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::Value;

use crate::support::redis::{Redis, node_at};
use crate::support::scale::scaled;
use crate::support::server::Server;
use crate::support::slow_proxy::SlowProxy;

/// The flags of a server that trusts headers as the original does, from every peer.
const FLAGS: [(&str, &str); 3] = [
    ("trusted-proxies", "127.0.0.1"),
    ("cookie-secret", "the same on all nodes"),
    ("proxy-headers", "x-script-name,x-scheme,x-url-scheme"),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_recorded_case_passes() {
    run_cases(&[Server::start(&FLAGS)]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_recorded_case_passes_on_one_node_with_redis() {
    let redis = Redis::start();
    run_cases(&[redis.node(&FLAGS)]).await;
}

/// The requests of each case go to three nodes in turn. One of them is far away from Redis.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_recorded_case_passes_on_three_nodes() {
    let redis = Redis::start();
    let far = SlowProxy::to(&redis.address(), Duration::from_millis(5)).await;
    let far = node_at(&far.address, &FLAGS);
    let nodes = [redis.node(&FLAGS), redis.node(&FLAGS), far];
    for _ in 0..scaled(1, 10) {
        run_cases(&nodes).await;
    }
}

/// Runs all cases in parallel.
async fn run_cases(servers: &[Server]) {
    let addresses: Vec<_> = servers
        .iter()
        .map(|server| server.address.clone())
        .collect();
    let folder = std::env::var("CONFORMANCE_CASES").unwrap_or_else(|_| {
        concat!(env!("CARGO_MANIFEST_DIR"), "/tests/conformance/cases").to_owned()
    });
    let cases = cases(Path::new(&folder));
    assert!(!cases.is_empty(), "no cases in {folder}");
    let count = cases.len();
    let runs = cases.into_iter().map(|(file, case)| {
        let addresses = addresses.clone();
        tokio::spawn(async move {
            let name = format!("{file}: {}", case["name"].as_str().unwrap());
            case::run(&addresses, &case)
                .await
                .err()
                .map(|reason| format!("{name}: {reason}"))
        })
    });
    let failures: Vec<String> = join_all(runs)
        .await
        .into_iter()
        .filter_map(|run| run.unwrap_or_else(|error| Some(error.to_string())))
        .collect();
    assert!(
        failures.is_empty(),
        "{} of {count} cases failed:\n{}",
        failures.len(),
        failures.join("\n")
    );
}

fn cases(folder: &Path) -> Vec<(String, Value)> {
    let mut cases = Vec::new();
    for file in fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        if path.extension().is_none_or(|ending| ending != "json") {
            continue;
        }
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let list: Vec<Value> = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        cases.extend(list.into_iter().map(|case| (name.clone(), case)));
    }
    cases
}
