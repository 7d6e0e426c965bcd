//! How often a node reads the feed. Each read costs Redis about 15 µs, whatever it brings, so the
//! nodes share a number of reads. A node reads at once as long as it has reads left. After that it
//! waits a little before each read, which then brings more.

use std::time::{Duration, Instant};

/// The reads a second of all nodes together.
const READS_PER_SECOND: u32 = 10_000;

/// The longest time whose reads are saved up.
const SAVED: Duration = Duration::from_millis(5);

/// The shortest wait. Timers know no shorter one.
const SHORTEST_WAIT: Duration = Duration::from_millis(1);

/// The pace of one node.
pub(super) struct Pace {
    /// The time at which the next read is due.
    due: Instant,
}

impl Pace {
    pub(super) fn new(now: Instant) -> Self {
        Self { due: now }
    }

    /// Notes a read of one of this many nodes. Returns the wait before the next one.
    pub(super) fn read(&mut self, now: Instant, nodes: u32) -> Duration {
        let earliest = now.checked_sub(SAVED).unwrap_or(now);
        let interval = Duration::from_secs(1) * nodes.max(1) / READS_PER_SECOND;
        self.due = self.due.max(earliest) + interval;
        let wait = self.due.saturating_duration_since(now);
        if wait < SHORTEST_WAIT {
            Duration::ZERO
        } else {
            wait
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns how many reads a node makes in a second if each takes this long.
    fn reads(nodes: u32, each: Duration) -> u32 {
        let begun = Instant::now();
        let (mut pace, mut now, mut count) = (Pace::new(begun), begun, 0);
        while now < begun + Duration::from_secs(1) {
            now += each;
            now += pace.read(now, nodes);
            count += 1;
        }
        count
    }

    #[test]
    fn nodes_that_always_read_share_the_reads() {
        let short = Duration::from_micros(50);
        for (nodes, expected) in [(1, 10_000), (4, 2500), (20, 500), (100, 100)] {
            let count = reads(nodes, short);
            let saved = SAVED.as_micros() as u32 * 10 / 1000;
            assert!(
                (expected..=expected + saved).contains(&count),
                "{nodes}: {count}"
            );
        }
    }

    #[test]
    fn a_node_that_reads_seldom_waits_for_nothing() {
        let begun = Instant::now();
        let mut pace = Pace::new(begun);
        for read in 1..1000 {
            let now = begun + Duration::from_millis(2) * read;
            assert_eq!(pace.read(now, 20), Duration::ZERO);
        }
    }
}
