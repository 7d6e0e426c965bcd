//! The samples of the last hour: one for each second of the last five minutes, and one for each ten
//! seconds before that.

use std::collections::VecDeque;

use channelstream_actors::transport::ByTransport;
use serde::Serialize;

use crate::operators::store_report::StoreReport;

/// The number of samples that cover a second each.
const SECONDS: usize = 300;

/// The number of seconds that a merged sample covers.
const MERGED: usize = 10;

/// The number of merged samples, which cover the rest of the hour.
const OLDER: usize = (3600 - SECONDS) / MERGED;

/// The numbers of the server in one second, or the largest ones of several seconds.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Sample {
    /// The time at which the last of these seconds ended, in microseconds since 1970.
    pub(crate) at: u64,
    /// The number of clients that listen.
    pub(crate) listening: ByTransport<u64>,
    /// The number of events that were sent to them, per second.
    pub(crate) deliveries: ByTransport<u64>,
    /// The number of messages that were published, per second.
    pub(crate) messages: u64,
    /// The number of times that a client's queue was full, per second.
    pub(crate) full_queues: u64,
    /// The number of clients that were closed for being too slow, per second.
    pub(crate) too_slow: u64,
    /// The number of calls that were answered with an error, per second.
    pub(crate) refused: u64,
    pub(crate) channels: usize,
    pub(crate) users: u64,
    pub(crate) connections: usize,
    /// The state of the store at the end.
    pub(crate) store: StoreReport,
}

impl Sample {
    /// Merges this sample with the one that follows. The result has the larger of each two numbers,
    /// so that a short peak stays visible.
    fn merge(self, next: Self) -> Self {
        let larger = |one: &u64, other: &u64| *one.max(other);
        Self {
            at: next.at,
            listening: self.listening.zip(&next.listening, larger),
            deliveries: self.deliveries.zip(&next.deliveries, larger),
            messages: self.messages.max(next.messages),
            full_queues: self.full_queues.max(next.full_queues),
            too_slow: self.too_slow.max(next.too_slow),
            refused: self.refused.max(next.refused),
            channels: self.channels.max(next.channels),
            users: self.users.max(next.users),
            connections: self.connections.max(next.connections),
            store: next.store,
        }
    }
}

/// The samples of the last hour.
#[derive(Debug, Default)]
pub(crate) struct Samples {
    /// The samples of the last five minutes, oldest first; at most [`SECONDS`] and [`MERGED`].
    recent: VecDeque<Sample>,
    /// The merged samples from before that, oldest first; at most [`OLDER`].
    older: VecDeque<Sample>,
}

impl Samples {
    /// Adds the sample of the last second.
    pub(crate) fn add(&mut self, sample: Sample) {
        self.recent.push_back(sample);
        if self.recent.len() < SECONDS + MERGED {
            return;
        }
        let Some(merged) = self.recent.drain(..MERGED).reduce(Sample::merge) else {
            return;
        };
        if self.older.len() == OLDER {
            self.older.pop_front();
        }
        self.older.push_back(merged);
    }

    /// Returns the samples after a time, in microseconds since 1970, oldest first.
    pub(crate) fn since(&self, moment: u64) -> Vec<Sample> {
        let newest_first = self.recent.iter().rev().chain(self.older.iter().rev());
        let mut newer: Vec<_> = newest_first
            .take_while(|sample| sample.at > moment)
            .cloned()
            .collect();
        newer.reverse();
        newer
    }
}

#[cfg(test)]
mod tests {
    use channelstream_actors::store::Store;

    use super::*;

    fn sample(second: u64, messages: u64) -> Sample {
        Sample {
            at: second * 1_000_000,
            listening: ByTransport::default(),
            deliveries: ByTransport::default(),
            messages,
            full_queues: 0,
            too_slow: 0,
            refused: 0,
            channels: 0,
            users: 0,
            connections: 0,
            store: StoreReport::of(&Store::default()),
        }
    }

    fn after(seconds: u64) -> Samples {
        let mut samples = Samples::default();
        (1..=seconds).for_each(|second| samples.add(sample(second, 0)));
        samples
    }

    #[test]
    fn only_the_last_hour_is_kept() {
        let samples = after(20_000).since(0);
        assert!(samples.len() <= SECONDS + MERGED + OLDER);
        let [first, last] = [samples.first(), samples.last()].map(|sample| sample.unwrap().at);
        assert_eq!(last, 20_000 * 1_000_000);
        let covered = (last - first) / 1_000_000;
        assert!((3590..=3610).contains(&covered), "{covered} seconds");
    }

    #[test]
    fn the_last_five_minutes_have_every_second() {
        let samples = after(1000).since(700 * 1_000_000);
        let times: Vec<u64> = samples.iter().map(|sample| sample.at / 1_000_000).collect();
        assert_eq!(times, (701..=1000).collect::<Vec<u64>>());
    }

    #[test]
    fn a_peak_of_one_second_stays_for_the_hour() {
        let mut samples = Samples::default();
        for second in 1..=2000 {
            samples.add(sample(second, if second == 15 { 7 } else { 1 }));
        }
        let peaks: Vec<u64> = samples
            .since(0)
            .iter()
            .filter(|sample| sample.messages == 7)
            .map(|sample| sample.at)
            .collect();
        assert_eq!(peaks, [20 * 1_000_000]);
    }

    #[test]
    fn samples_are_not_returned_twice() {
        let samples = after(1000);
        let known = samples.since(0).last().unwrap().at;
        assert!(samples.since(known).is_empty());
    }
}
