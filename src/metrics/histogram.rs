//! A histogram of durations. Each thread has its own counts, so threads do not write to the same
//! memory. A reader adds the counts of all threads.

use std::array;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

/// The upper bounds of the buckets, in seconds. Longer durations count in one more bucket.
const BOUNDS: [f64; 13] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
];

/// The number of threads that have their own counts. If there are more threads, some share counts.
const SHARDS: usize = 16;

/// The number of threads that have asked for a shard.
static THREADS: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    /// The shard of this thread.
    static SHARD: usize = THREADS.fetch_add(1, Relaxed) % SHARDS;
}

/// A histogram of durations.
#[derive(Debug)]
pub struct Histogram(Box<[Shard; SHARDS]>);

/// The counts of a thread. The alignment gives them their own cache lines.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Shard {
    /// The number of durations in each bucket, without those of the buckets before it.
    counts: [AtomicU64; BOUNDS.len() + 1],
    /// The sum of the durations, in microseconds.
    micros: AtomicU64,
}

/// The contents of a histogram at the time of a read.
#[derive(Clone, Debug)]
pub struct Distribution {
    /// The sum of all durations, in seconds.
    pub sum: f64,
    /// The number of durations.
    pub count: u64,
    /// The upper bound of each bucket in seconds, and the number of durations in this bucket,
    /// without those of the buckets before it. The last bound is infinity.
    pub buckets: Vec<(f64, u64)>,
}

impl Default for Histogram {
    fn default() -> Self {
        Self(Box::new(array::from_fn(|_| Shard::default())))
    }
}

impl Histogram {
    /// Counts a duration.
    pub fn observe(&self, duration: Duration) {
        let shard = SHARD.with(|shard| self.0.get(*shard));
        let Some(Shard { counts, micros }) = shard else {
            return;
        };
        let seconds = duration.as_secs_f64();
        let bucket = BOUNDS.partition_point(|bound| *bound < seconds);
        if let Some(count) = counts.get(bucket) {
            count.fetch_add(1, Relaxed);
        }
        let length = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        micros.fetch_add(length, Relaxed);
    }

    /// Returns the contents.
    pub fn read(&self) -> Distribution {
        let in_bucket = |(bucket, bound): (usize, f64)| {
            let counts = self.0.iter().filter_map(|shard| shard.counts.get(bucket));
            (bound, counts.map(|count| count.load(Relaxed)).sum())
        };
        let micros: u64 = self.0.iter().map(|shard| shard.micros.load(Relaxed)).sum();
        let bounds = BOUNDS.into_iter().chain([f64::INFINITY]);
        let buckets: Vec<_> = bounds.enumerate().map(in_bucket).collect();
        Distribution {
            sum: micros as f64 / 1e6,
            count: buckets.iter().map(|(_, count)| count).sum(),
            buckets,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_duration_is_in_the_first_bucket_that_is_not_below_it() {
        let histogram = Histogram::default();
        std::thread::scope(|threads| {
            for millis in [0, 1, 2, 250, 60_000] {
                let histogram = &histogram;
                threads.spawn(move || histogram.observe(Duration::from_millis(millis)));
            }
        });
        let read = histogram.read();
        let filled: Vec<_> = read
            .buckets
            .iter()
            .filter(|(_, count)| *count > 0)
            .copied()
            .collect();
        assert_eq!(
            filled,
            [(0.001, 2), (0.0025, 1), (0.25, 1), (f64::INFINITY, 1)]
        );
        assert_eq!((read.count, read.sum), (5, 60.253));
    }
}
