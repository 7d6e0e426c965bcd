//! Numbered messages. Several publishers send them, and a ledger records which of them a client has
//! read.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;

use super::client::Backend;

/// The number of messages that a publisher sends in one call.
const PER_CALL: u64 = 5;

/// The publisher of the last message, after which no more follow: the largest number that
/// JavaScript keeps exactly.
pub(crate) const LAST: u64 = (1 << 53) - 1;

/// Publishers that send to one channel, at a steady rate, until they are told to stop.
pub(crate) struct Publishers {
    backend: Backend,
    channel: String,
    is_over: Arc<AtomicBool>,
    tasks: Vec<JoinHandle<u64>>,
}

impl Publishers {
    /// Starts `count` publishers, which together send `per_second` messages a second.
    pub(crate) fn start(backend: &Backend, channel: &str, count: u64, per_second: u64) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let every = Duration::from_secs_f64((count * PER_CALL) as f64 / per_second as f64);
        let publish = |publisher| {
            publish(
                backend.clone(),
                channel.to_owned(),
                publisher,
                every,
                is_over.clone(),
            )
        };
        let tasks = (0..count)
            .map(|publisher| tokio::spawn(publish(publisher)))
            .collect();
        Self {
            backend: backend.clone(),
            channel: channel.to_owned(),
            is_over,
            tasks,
        }
    }

    /// Stops the publishers and publishes the last message. Returns the number of messages that
    /// they have sent together.
    pub(crate) async fn stop(self) -> u64 {
        self.is_over.store(true, Ordering::Relaxed);
        let mut sent = 0;
        for task in self.tasks {
            sent += task.await.unwrap();
        }
        self.backend
            .say(&self.channel, json!({"publisher": LAST, "number": 1}))
            .await;
        sent
    }
}

async fn publish(
    backend: Backend,
    channel: String,
    publisher: u64,
    every: Duration,
    is_over: Arc<AtomicBool>,
) -> u64 {
    let mut clock = tokio::time::interval(every);
    clock.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut sent = 0;
    while !is_over.load(Ordering::Relaxed) {
        clock.tick().await;
        let message =
            |number| json!({"publisher": publisher, "number": number, "filler": "x".repeat(100)});
        let draft =
            |number| json!({"user": "backend", "channel": channel, "message": message(number)});
        backend
            .post(
                "/message",
                (sent + 1..=sent + PER_CALL).map(draft).collect(),
            )
            .await;
        sent += PER_CALL;
    }
    sent
}

/// The record of what one client has read.
#[derive(Debug, Default)]
pub(crate) struct ClientRecord {
    /// The highest number that was read from each publisher.
    highest: HashMap<u64, u64>,
    /// The messages that later messages of the same publisher have overtaken.
    missing: BTreeSet<(u64, u64)>,
    /// The number of messages that were read for the first time.
    pub(crate) read: u64,
    /// The number of messages that came again, marked as caught up.
    pub(crate) repeated: u64,
    /// The number of messages that came again without this mark.
    pub(crate) doubled: u64,
    /// The number of messages that came after later ones.
    pub(crate) disordered: u64,
    pub(crate) gaps: u64,
    has_last: bool,
}

impl ClientRecord {
    pub(crate) fn note(&mut self, event: &Value) {
        if event["type"] == "catchup:gap" {
            self.gaps += 1;
            return;
        }
        let number = |key: &str| {
            event["message"][key]
                .as_u64()
                .unwrap_or_else(|| panic!("not numbered: {event}"))
        };
        let (publisher, number) = (number("publisher"), number("number"));
        if publisher == LAST {
            self.has_last = true;
            return;
        }
        let highest = self.highest.entry(publisher).or_default();
        if number > *highest {
            self.missing
                .extend((*highest + 1..number).map(|missing| (publisher, missing)));
            *highest = number;
            self.read += 1;
        } else if self.missing.remove(&(publisher, number)) {
            self.disordered += 1;
            self.read += 1;
        } else if event["catchup"] == true {
            self.repeated += 1;
        } else {
            self.doubled += 1;
        }
    }

    pub(crate) fn note_all<'a>(&mut self, events: impl IntoIterator<Item = &'a Value>) {
        events.into_iter().for_each(|event| self.note(event));
    }

    /// Returns whether the last message has arrived.
    pub(crate) fn is_complete(&self) -> bool {
        self.has_last
    }

    /// Returns the number of sent messages that were never read.
    pub(crate) fn lost(&self, sent: u64) -> u64 {
        sent - self.read
    }
}
