//! Runs the recorded cases of the original server in parallel against one server.
//! `tests/conformance/README.md` describes the cases.

mod case;
mod matching;

use std::fs;
use std::path::Path;

use futures_util::future::join_all;
use serde_json::Value;

use crate::support::server::Server;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_recorded_case_passes() {
    // The original trusts these headers, from every peer.
    let server = Server::start(&[
        ("trusted-proxies", "127.0.0.1"),
        ("proxy-headers", "x-script-name,x-scheme,x-url-scheme"),
    ]);
    let folder = std::env::var("CONFORMANCE_CASES").unwrap_or_else(|_| {
        concat!(env!("CARGO_MANIFEST_DIR"), "/tests/conformance/cases").to_owned()
    });
    let cases = cases(Path::new(&folder));
    assert!(!cases.is_empty(), "no cases in {folder}");
    let count = cases.len();
    let runs = cases.into_iter().map(|(file, case)| {
        let address = server.address.clone();
        tokio::spawn(async move {
            let name = format!("{file}: {}", case["name"].as_str().unwrap());
            case::run(&address, &case)
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
