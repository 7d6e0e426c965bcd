//! The answers that publishers received, and the messages that clients have read.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};

use super::CHANNELS;
use crate::support::client::Backend;

/// The number of messages in one call.
const PER_CALL: usize = 5;

/// A publisher that publishes to all channels in turn. Each message carries its number in its
/// channel.
#[derive(Debug)]
pub(super) struct Publisher {
    pub(super) index: usize,
    /// The time at which each call was answered.
    answered: Vec<Instant>,
    /// The calls that were repeated, since the server stopped before it answered.
    repeated: HashSet<usize>,
}

impl Publisher {
    pub(super) fn new(index: usize) -> Self {
        Self {
            index,
            answered: Vec::new(),
            repeated: HashSet::new(),
        }
    }

    /// Publishes, and repeats each call with one key until it is answered.
    pub(super) async fn publish(mut self, backend: Backend, messages: usize) -> Self {
        let mut batch = Vec::new();
        for index in 0..messages {
            let message = json!({
                "publisher": self.index,
                "number": index / CHANNELS + 1,
                "filler": "x".repeat(100),
            });
            let channel = format!("channel-{}", index % CHANNELS);
            batch.push(json!({"user": "backend", "channel": channel, "message": message}));
            if batch.len() == PER_CALL {
                let batch = Value::Array(std::mem::take(&mut batch));
                self.call(&backend, &batch).await;
            }
        }
        self
    }

    async fn call(&mut self, backend: &Backend, batch: &Value) {
        let key = format!("{}-{}", self.index, self.answered.len());
        loop {
            let call = backend.request(Method::POST, "/message").json(batch);
            let answer = call.header("Idempotency-Key", &key).send().await;
            match answer {
                Ok(answer) if answer.status() == 200 => break,
                Ok(answer) => assert_eq!(answer.status(), 503),
                // The server is not running.
                Err(_) => {}
            }
            self.repeated.insert(self.answered.len());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        self.answered.push(Instant::now());
        // The pause makes the restarts happen in the middle of the run.
        tokio::time::sleep(Duration::from_millis(25)).await;
    }

    /// Returns the number of messages that were published to each channel.
    fn count(&self) -> usize {
        self.answered.len() * PER_CALL / CHANNELS
    }

    /// Returns the time at which the message with this number in a channel was answered.
    pub(super) fn answered_at(&self, channel: usize, number: usize) -> Instant {
        self.answered[Self::call_of(channel, number)]
    }

    /// Returns whether the message was sent again. A message that was delivered and then lost comes
    /// again.
    pub(super) fn was_repeated(&self, channel: usize, number: usize) -> bool {
        self.repeated.contains(&Self::call_of(channel, number))
    }

    fn call_of(channel: usize, number: usize) -> usize {
        ((number - 1) * CHANNELS + channel) / PER_CALL
    }
}

/// The record of what a client has read.
#[derive(Debug, Default)]
pub(super) struct ClientRecord {
    pub(super) channel: usize,
    /// The numbers from each publisher, in their order.
    numbers: HashMap<usize, Vec<usize>>,
    pub(super) gaps: usize,
    /// The number of messages that came again with a mark.
    pub(super) repeats: usize,
    /// The publisher and number of each message that came again without a mark.
    pub(super) unmarked: Vec<(usize, usize)>,
    pub(super) presence: Vec<String>,
    pub(super) faults: Vec<String>,
    /// Whether the last message has arrived.
    pub(super) has_ended: bool,
}

impl ClientRecord {
    /// Returns the empty record of a client that listens to this channel.
    pub(super) fn of(channel: usize) -> Self {
        Self {
            channel,
            ..Self::default()
        }
    }

    pub(super) fn note(&mut self, event: &Value) {
        match event["type"].as_str() {
            // The private log has a gap too, which is not counted.
            Some("catchup:gap") => self.gaps += usize::from(event["channel"].is_string()),
            Some("message") if event["message"]["end"] == true => self.has_ended = true,
            Some("message") => self.note_message(event),
            _ => self.presence.push(event.to_string()),
        }
    }

    pub(super) fn note_list(&mut self, text: &str) {
        for event in serde_json::from_str::<Vec<Value>>(text).unwrap() {
            self.note(&event);
        }
    }

    fn note_message(&mut self, event: &Value) {
        let number = |key: &str| usize::try_from(event["message"][key].as_u64().unwrap()).unwrap();
        let (publisher, number) = (number("publisher"), number("number"));
        let numbers = self.numbers.entry(publisher).or_default();
        let last = numbers.last().copied().unwrap_or_default();
        if number > last {
            numbers.push(number);
        } else if numbers.contains(&number) && event["catchup"] == true {
            self.repeats += 1;
        } else if numbers.contains(&number) {
            self.unmarked.push((publisher, number));
        } else if self.faults.len() < 5 {
            self.faults.push(format!(
                "publisher {publisher}: {number} after {last}: {event}"
            ));
        }
    }

    /// Returns the numbers of a publisher's messages that have not arrived.
    pub(super) fn missing_of(&self, publisher: &Publisher) -> Vec<usize> {
        let numbers = self
            .numbers
            .get(&publisher.index)
            .map_or(&[][..], Vec::as_slice);
        (1..=publisher.count())
            .filter(|number| numbers.binary_search(number).is_err())
            .collect()
    }
}
