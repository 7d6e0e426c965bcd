//! What publishers were answered, and what clients have read of it.
//!
//! A message says by whom it is, to which place it goes (the name of a channel or of a user), and
//! its number among those of this publisher to this place.

use std::collections::{BTreeSet, HashMap};
use std::ops::Range;
use std::time::Instant;

use serde_json::Value;

/// A publisher and a place.
type Series = (u64, String);

/// What publishers were answered.
#[derive(Debug, Default)]
pub(super) struct Accepted {
    /// For each message the call that it was in, in their order.
    calls: HashMap<Series, Vec<usize>>,
    /// When each call was answered, and whether it had been made before without an answer.
    answered: Vec<(Instant, bool)>,
}

/// What a client has read.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// The name of its user, which is the place of private messages.
    user: String,
    places: BTreeSet<String>,
    /// The last number of each series.
    last: HashMap<Series, u64>,
    /// When gaps were told in each place.
    gaps: HashMap<String, Vec<Instant>>,
    /// The messages that have not come.
    pub(super) missing: Vec<Missing>,
    /// How many messages came again with a mark.
    pub(super) repeats: usize,
    /// The messages that came again without one.
    pub(super) unmarked: Vec<(Series, u64)>,
    /// The places whose last message has come.
    ended: BTreeSet<String>,
    pub(super) faults: Vec<String>,
}

/// A message that was passed over.
#[derive(Debug)]
pub(super) struct Missing {
    pub(super) message: (Series, u64),
    /// When a later one was read.
    noticed: Instant,
}

impl Accepted {
    /// Notes that a call was answered which had these messages.
    pub(super) fn note(&mut self, publisher: u64, places: &[String], was_repeated: bool) {
        let call = self.answered.len();
        self.answered.push((Instant::now(), was_repeated));
        for place in places {
            let series = (publisher, place.clone());
            self.calls.entry(series).or_default().push(call);
        }
    }

    /// Adds what another publisher was answered.
    pub(super) fn add(&mut self, other: Self) {
        let before = self.answered.len();
        self.answered.extend(other.answered);
        for (series, calls) in other.calls {
            let calls = calls.into_iter().map(|call| before + call);
            self.calls.entry(series).or_default().extend(calls);
        }
    }

    /// How many messages were accepted.
    pub(super) fn count(&self) -> usize {
        self.calls.values().map(Vec::len).sum()
    }

    /// When a message was accepted, and whether its call had been made before.
    pub(super) fn answered(&self, (series, number): &(Series, u64)) -> (Instant, bool) {
        let call = self.calls[series][usize::try_from(*number).unwrap() - 1];
        self.answered[call]
    }
}

impl Seen {
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
            return self.blame(format!("an event of nobody: {event}"));
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
            self.miss(&series, missing);
        } else if event["catchup"] == true {
            self.repeats += 1;
        } else {
            self.unmarked.push((series, number));
        }
    }

    pub(super) fn blame(&mut self, fault: String) {
        if self.faults.len() < 5 {
            self.faults.push(fault);
        }
    }

    fn miss(&mut self, series: &Series, numbers: Range<u64>) {
        let noticed = Instant::now();
        let missing = numbers.map(|number| Missing {
            message: (series.clone(), number),
            noticed,
        });
        self.missing.extend(missing);
    }

    /// How many gaps were told.
    pub(super) fn gaps(&self) -> usize {
        self.gaps.values().map(Vec::len).sum()
    }

    /// Whether the client was told of a gap in the place of a message after it was lost and before
    /// a later one was read. What is left of a log after a kill is read behind the gap.
    pub(super) fn was_told(&self, missing: &Missing, lost: Instant) -> bool {
        let ((_, place), _) = &missing.message;
        let mut gaps = self.gaps.get(place).into_iter().flatten();
        gaps.any(|told| (lost..=missing.noticed).contains(told))
    }

    /// Whether the last message of each place has come, or something is wrong.
    pub(super) fn is_done(&self) -> bool {
        !self.faults.is_empty() || self.ended == self.places
    }

    /// Looks for what was accepted at the end and has not come.
    pub(super) fn close(&mut self, accepted: &Accepted) {
        if self.ended != self.places {
            let places = format!("it heard the end of {:?} only", self.ended);
            self.blame(places);
        }
        for (series, calls) in &accepted.calls {
            if !self.places.contains(&series.1) {
                continue;
            }
            let last = self.last.get(series).copied().unwrap_or_default();
            self.miss(series, last + 1..calls.len() as u64 + 1);
        }
    }
}
