//! A caller that posts at any node, also while nodes are killed and paused.

use std::time::Duration;

use reqwest::Method;
use serde_json::json;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::sleep;

use crate::support::client::Backend;
use crate::support::random::Random;
use crate::support::scale::scaled;

/// The time after which a call is given up. It may still be done.
const GIVE_UP: Duration = Duration::from_secs(5);

/// Returns the time between two calls. While a node stands still for 20 seconds, four callers then
/// post more messages than the 100 that a log keeps whatever their age.
fn interval() -> Duration {
    Duration::from_millis(scaled(100, 250))
}

/// A caller that posts numbered messages, and does not repeat those that were not accepted.
pub(super) struct Publisher {
    is_over: watch::Sender<bool>,
    task: JoinHandle<Vec<u64>>,
}

impl Publisher {
    pub(super) fn start(backends: Vec<Backend>, publisher: u64, seed: u64) -> Self {
        let (is_over, over) = watch::channel(false);
        let mut random = Random::new(seed + publisher);
        let task = tokio::spawn(async move {
            let mut accepted = Vec::new();
            for number in (publisher * 1_000_000).. {
                if *over.borrow() {
                    break;
                }
                let backend = &backends[random.below(backends.len() as u64) as usize];
                let message = json!({"number": number});
                let body = json!([{"user": "backend", "channel": "room", "message": message}]);
                let request = backend.request(Method::POST, "/message").json(&body);
                // An error means that the node is away.
                match request.timeout(GIVE_UP).send().await {
                    Ok(answer) if answer.status() == 200 => accepted.push(number),
                    Ok(answer) => assert_eq!(answer.status(), 503),
                    Err(_) => {}
                }
                sleep(interval()).await;
            }
            accepted
        });
        Self { is_over, task }
    }

    /// Ends the caller. Returns the numbers of the messages that were accepted.
    pub(super) async fn stop(self) -> Vec<u64> {
        self.is_over.send_replace(true);
        self.task.await.unwrap()
    }
}
