//! The answers that publishers received, and the messages that clients have read.
//!
//! A message names its publisher, the place to which it goes (the name of a channel or of a user),
//! and its number among the messages of this publisher to this place.

use std::collections::{BTreeSet, HashMap};
use std::ops::Range;
use std::time::Instant;

use serde_json::Value;

/// A publisher and a place.
type Series = (u64, String);

/// The answers that publishers received.
#[derive(Debug, Default)]
pub(super) struct Accepted {
    /// The call of each message, in the order of the messages.
    calls: HashMap<Series, Vec<usize>>,
    /// The time at which each call was answered, and whether it had been made before without an
    /// answer.
    answered: Vec<(Instant, bool)>,
}

/// The record of what a client has read.
#[derive(Debug, Default)]
pub(super) struct ClientRecord {
    /// The name of the client's user, which is the place of private messages.
    user: String,
    places: BTreeSet<String>,
    /// The last number of each series.
    last: HashMap<Series, u64>,
    /// The times at which gaps were sent for each place.
    gaps: HashMap<String, Vec<Instant>>,
    /// The messages that have not arrived.
    pub(super) missing: Vec<Missing>,
    /// The number of messages that came again with a mark.
    pub(super) repeats: usize,
    /// The messages that came again without a mark.
    pub(super) unmarked: Vec<(Series, u64)>,
    /// The places whose last message has arrived.
    ended: BTreeSet<String>,
    pub(super) faults: Vec<String>,
}

/// A message that was passed over.
#[derive(Debug)]
pub(super) struct Missing {
    pub(super) message: (Series, u64),
    /// The time at which a later message was read.
    noticed: Instant,
}

impl Accepted {
    /// Records that a call with these messages was answered.
    pub(super) fn note(&mut self, publisher: u64, places: &[String], was_repeated: bool) {
        let call = self.answered.len();
        self.answered.push((Instant::now(), was_repeated));
        for place in places {
            let series = (publisher, place.clone());
            self.calls.entry(series).or_default().push(call);
        }
    }

    /// Adds the answers that another publisher received.
    pub(super) fn add(&mut self, other: Self) {
        let before = self.answered.len();
        self.answered.extend(other.answered);
        for (series, calls) in other.calls {
            let calls = calls.into_iter().map(|call| before + call);
            self.calls.entry(series).or_default().extend(calls);
        }
    }

    /// Returns the number of accepted messages.
    pub(super) fn count(&self) -> usize {
        self.calls.values().map(Vec::len).sum()
    }

    /// Returns the time at which a message was accepted, and whether its call had been made before.
    pub(super) fn answered(&self, (series, number): &(Series, u64)) -> (Instant, bool) {
        let call = self.calls[series][usize::try_from(*number).unwrap() - 1];
        self.answered[call]
    }
}

impl ClientRecord {
    pub(super) fn new(user: &str, channels: &[String]) -> Self {
        let user = user.to_owned();
        let places = channels.iter().chain([&user]).cloned().collect();
        Self {
            user,
            places,
            ..Self::default()
        }
    }

    pub(super) fn note_all(&mut self, events: &[Value]) {
        events.iter().for_each(|event| self.note(event));
    }

    fn note(&mut self, event: &Value) {
        if event["type"] == "catchup:gap" {
            let place = event["channel"].as_str().unwrap_or(&self.user);
            let gaps = self.gaps.entry(place.to_owned()).or_default();
            return gaps.push(Instant::now());
        }
        let message = &event["message"];
        let Some(place) = message["place"].as_str() else {
            return self.add_fault(format!("an event of nobody: {event}"));
        };
        if message["end"] == true {
            self.ended.insert(place.to_owned());
            return;
        }
        let number = |key: &str| message[key].as_u64().unwrap();
        let series = (number("publisher"), place.to_owned());
        let number = number("number");
        let last = self.last.entry(series.clone()).or_default();
        if number > *last {
            let missing = *last + 1..number;
            *last = number;
            self.add_missing(&series, missing);
        } else if event["catchup"] == true {
            self.repeats += 1;
        } else {
            self.unmarked.push((series, number));
        }
    }

    pub(super) fn add_fault(&mut self, fault: String) {
        if self.faults.len() < 5 {
            self.faults.push(fault);
        }
    }

    fn add_missing(&mut self, series: &Series, numbers: Range<u64>) {
        let noticed = Instant::now();
        let missing = numbers.map(|number| Missing {
            message: (series.clone(), number),
            noticed,
        });
        self.missing.extend(missing);
    }

    /// Returns the number of gaps that were sent.
    pub(super) fn gaps(&self) -> usize {
        self.gaps.values().map(Vec::len).sum()
    }

    /// Returns whether the client got a gap for the place of a message after the message was lost
    /// and before a later one was read. The part of a log that a kill leaves is sent after the gap.
    pub(super) fn got_gap(&self, missing: &Missing, lost: Instant) -> bool {
        let mut gaps = self.gaps_of(missing).iter();
        gaps.any(|told| (lost..=missing.noticed).contains(told))
    }

    /// Returns the times at which gaps were sent for the place of a message.
    pub(super) fn gaps_of(&self, missing: &Missing) -> &[Instant] {
        let ((_, place), _) = &missing.message;
        self.gaps.get(place).map_or(&[], Vec::as_slice)
    }

    /// Returns whether the last message of each place has arrived, or something is wrong.
    pub(super) fn is_done(&self) -> bool {
        !self.faults.is_empty() || self.ended == self.places
    }

    /// Finds messages that were accepted at the end and have not arrived.
    pub(super) fn close(&mut self, accepted: &Accepted) {
        if self.ended != self.places {
            let places = format!("it received the end of {:?} only", self.ended);
            self.add_fault(places);
        }
        for (series, calls) in &accepted.calls {
            if !self.places.contains(&series.1) {
                continue;
            }
            let last = self.last.get(series).copied().unwrap_or_default();
            self.add_missing(series, last + 1..calls.len() as u64 + 1);
        }
    }
}
