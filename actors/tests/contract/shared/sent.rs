//! What a client was sent on both sides.
//!
//! A client of the nodes may be sent more than the client of the broker in memory: what it was sent
//! before, if that is marked. All the rest must be the same, in the same order within each log.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};

use serde_json::Value;

use crate::client::is_gap;
use crate::normal::Ids;
use crate::shared::counts::Counts;
use crate::side::{Delivered, Side};
use crate::world::Checked;
use channelstream_actors::outlet::Batch;

/// The events of the nodes, and which events of the broker in memory they are. The same event may
/// be sent to many clients.
#[derive(Default)]
pub(crate) struct Pairs {
    of_nodes: HashMap<String, String>,
    of_memory: HashSet<String>,
}

/// What a client was sent on both sides.
#[derive(Default)]
pub(crate) struct Sent {
    logs: BTreeMap<String, LogSent>,
    /// The events that the client of the nodes was ever sent.
    seen: HashSet<String>,
    /// The events that the client of the broker in memory has read.
    read: HashSet<String>,
    /// Whether the answer to the taking of the latest turn was lost. It names the places in which
    /// no transport has begun. Without it nobody knows that a client, which brings a position, has
    /// left the channel and entered it again since then.
    pub(crate) may_miss_gaps: bool,
}

/// What a client was sent of one log, and has not been compared.
#[derive(Default, Debug)]
struct LogSent {
    memory: VecDeque<Event>,
    nodes: VecDeque<Event>,
    gaps_in_memory: usize,
    gaps_of_nodes: usize,
}

/// An event that was sent.
#[derive(Debug)]
struct Event {
    /// The event tells itself from others by this, on its side.
    key: String,
    /// The event without random ids and times, and without the mark.
    normal: String,
    is_marked: bool,
}

impl Sent {
    /// Notes what has arrived on both sides since the last call.
    pub(crate) fn gather(&mut self, connection: usize, memory: &mut Side, nodes: &mut Side) {
        for delivered in memory.take_delivered(connection) {
            let log = self.logs.entry(delivered.log.clone()).or_default();
            log.gaps_in_memory += usize::from(delivered.is_gap);
            log.memory.extend(events(&delivered, &memory.ids));
        }
        for delivered in nodes.take_delivered(connection) {
            let log = self.logs.entry(delivered.log.clone()).or_default();
            log.gaps_of_nodes += usize::from(delivered.is_gap);
            log.nodes.extend(events(&delivered, &nodes.ids));
        }
    }

    /// Compares what has arrived. Returns whether both sides have sent the same.
    pub(crate) fn compare(&mut self, pairs: &mut Pairs, counts: &mut Counts) -> Checked<bool> {
        let mut is_same = true;
        for (name, log) in &mut self.logs {
            while let Some(event) = log.nodes.front() {
                let expected = log.memory.front();
                let is_again = self.seen.contains(&event.key);
                if expected.is_some_and(|expected| pairs.match_up(event, expected)) {
                    log.memory.pop_front();
                } else if is_again && event.is_marked {
                    counts.repeats += 1;
                } else if is_again {
                    return Err(format!("{name}: sent again without a mark: {event:?}"));
                } else if expected.is_none() {
                    // The broker in memory has sent everything before this was called.
                    return Err(format!("{name}: not sent in memory: {event:?}"));
                } else {
                    return Err(format!("{name}: sent {event:?}\ninstead of {expected:?}"));
                }
                counts.events += 1;
                counts.catch_ups += usize::from(event.is_marked);
                self.seen.insert(event.key.clone());
                log.nodes.pop_front();
            }
            let (memory, nodes) = (log.gaps_in_memory, log.gaps_of_nodes);
            if nodes > memory {
                return Err(format!("{name}: {nodes} gaps, but {memory} in memory"));
            }
            if log.memory.is_empty() && (nodes == memory || self.may_miss_gaps) {
                counts.gaps += nodes;
                (log.gaps_in_memory, log.gaps_of_nodes) = (0, 0);
            } else {
                is_same = false;
            }
        }
        Ok(is_same)
    }

    /// Returns what one side has sent and the other one has not.
    pub(crate) fn missing(&self) -> Option<String> {
        let differs = |(_, log): &(&String, &LogSent)| {
            !log.memory.is_empty() || log.gaps_in_memory != log.gaps_of_nodes
        };
        let missing: Vec<_> = self.logs.iter().filter(differs).collect();
        (!missing.is_empty()).then(|| format!("{missing:#?}"))
    }

    /// Notes what the client of the broker in memory has read.
    pub(crate) fn note_read(&mut self, batches: &[Batch]) {
        for batch in batches.iter().filter(|batch| !is_gap(batch)) {
            let raw: Vec<Value> = serde_json::from_str(batch.list.text()).unwrap();
            self.read.extend(raw.into_iter().map(key));
        }
    }

    /// Returns whether the client of the broker in memory has read everything in a batch that the
    /// client of the nodes was sent.
    pub(crate) fn has_read(&self, batch: &Batch, pairs: &Pairs) -> bool {
        let raw: Vec<Value> = serde_json::from_str(batch.list.text()).unwrap();
        is_gap(batch)
            || raw.into_iter().all(|event| {
                let read = pairs.of_nodes.get(&key(event));
                read.is_some_and(|event| self.read.contains(event))
            })
    }

    /// Forgets everything, since a new connection with the same id begins.
    pub(crate) fn forget(&mut self) {
        *self = Self::default();
    }
}

impl Pairs {
    /// Returns whether both events are the same one.
    fn match_up(&mut self, of_nodes: &Event, in_memory: &Event) -> bool {
        let is_pair = match self.of_nodes.get(&of_nodes.key) {
            Some(key) => *key == in_memory.key,
            None => !self.of_memory.contains(&in_memory.key),
        };
        let is_same = is_pair
            && of_nodes.normal == in_memory.normal
            && of_nodes.is_marked >= in_memory.is_marked;
        if is_same {
            self.of_memory.insert(in_memory.key.clone());
            (self.of_nodes).insert(of_nodes.key.clone(), in_memory.key.clone());
        }
        is_same
    }
}

fn events(delivered: &Delivered, ids: &Ids) -> Vec<Event> {
    if delivered.is_gap {
        return Vec::new();
    }
    let event = |raw: &Value| {
        let mut unmarked = raw.clone();
        let mark = unmarked.as_object_mut().unwrap().remove("catchup");
        Event {
            key: key(raw.clone()),
            normal: ids.normal_value(unmarked).to_string(),
            is_marked: mark == Some(true.into()),
        }
    };
    delivered.raw.iter().map(event).collect()
}

/// Returns what tells an event from others. A message may have been edited since it was sent. An
/// edit has the id of its message.
fn key(mut raw: Value) -> String {
    let is_change = matches!(
        raw["type"].as_str(),
        Some("message:edit" | "message:delete")
    );
    if is_change {
        raw.as_object_mut().unwrap().remove("catchup");
        return raw.to_string();
    }
    format!("{} {} {}", raw["type"], raw["channel"], raw["uuid"])
}
