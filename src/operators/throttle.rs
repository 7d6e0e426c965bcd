//! Slows down guesses of the panel's password. After some failures, a source must wait before it
//! may try again, and the waits grow with each failure.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::time::{Duration, Instant};

use actix::prelude::*;
use uuid::Uuid;

/// The number of failures without a wait, because people mistype.
const FREE_FAILURES: u32 = 5;

/// The wait after the next failure. Each further failure doubles it.
const FIRST_WAIT: Duration = Duration::from_millis(500);

/// The longest wait.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// The time for which failures count after the wait that they caused.
const FAILURE_LIFETIME: Duration = Duration::from_secs(15 * 60);

/// The most sources that are remembered.
const CAPACITY: usize = 10_000;

/// The source of an attempt to sign in. Each source has its own wait.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum AttemptSource {
    /// A browser that signed in before, identified by the id in its device cookie. Guesses by
    /// others from its address do not make it wait.
    Device(Uuid),
    /// All other browsers at this address.
    Address(IpAddr),
}

impl AttemptSource {
    /// Returns the source under which failures are counted. For IPv6 this is the network of the
    /// first 64 bits, because one client has all of its addresses.
    fn normalize(self) -> Self {
        match self {
            Self::Device(id) => Self::Device(id),
            Self::Address(address) => Self::Address(match address.to_canonical() {
                IpAddr::V6(address) => {
                    Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64)).into()
                }
                address => address,
            }),
        }
    }
}

/// Asks whether this source may try now. The attempt counts as a failure until it succeeds, so
/// parallel guesses gain nothing.
#[derive(Message, Clone, Copy, Debug)]
#[rtype(result = "Result<(), Wait>")]
pub(crate) struct Attempt(pub(crate) AttemptSource);

/// The time that the source must wait before its next attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Wait(pub(crate) Duration);

/// Reports that the password was right. The failures of the source are forgotten.
#[derive(Message, Clone, Copy, Debug)]
#[rtype(result = "()")]
pub(crate) struct Succeeded(pub(crate) AttemptSource);

struct FailureRecord {
    failures: u32,
    /// The earliest time of the next attempt.
    until: Instant,
}

/// The actor that remembers the sources that failed to sign in, and their waits. The server has
/// one.
#[derive(Default)]
pub struct SignInThrottle {
    /// The failures of each source; at most [`CAPACITY`] sources.
    records: HashMap<AttemptSource, FailureRecord>,
}

impl SignInThrottle {
    fn attempt(&mut self, source: AttemptSource, now: Instant) -> Result<(), Wait> {
        let source = source.normalize();
        if self.records.len() >= CAPACITY && !self.records.contains_key(&source) {
            self.forget_some(now);
        }
        let record = self.records.entry(source).or_insert(FailureRecord {
            failures: 0,
            until: now,
        });
        if record.until + FAILURE_LIFETIME < now {
            record.failures = 0;
        }
        if let Some(left) = record
            .until
            .checked_duration_since(now)
            .filter(|left| !left.is_zero())
        {
            return Err(Wait(left));
        }
        let wait = record
            .failures
            .checked_sub(FREE_FAILURES)
            .map_or(Duration::ZERO, |more| {
                FIRST_WAIT * 2u32.saturating_pow(more)
            });
        record.failures = (record.failures + 1).min(FREE_FAILURES + 16);
        record.until = now + wait.min(LONGEST_WAIT);
        Ok(())
    }

    fn succeeded(&mut self, source: AttemptSource) {
        self.records.remove(&source.normalize());
    }

    /// Forgets the sources that need not wait. If at least half of [`CAPACITY`] remain, also
    /// forgets the half of them with the shortest waits.
    fn forget_some(&mut self, now: Instant) {
        self.records.retain(|_, record| record.until > now);
        if self.records.len() >= CAPACITY / 2 {
            let mut waits: Vec<_> = self.records.values().map(|record| record.until).collect();
            let middle = waits.len() / 2;
            let (_, median, _) = waits.select_nth_unstable(middle);
            let median = *median;
            self.records.retain(|_, record| record.until > median);
        }
    }
}

impl Actor for SignInThrottle {
    type Context = Context<Self>;
}

impl Handler<Attempt> for SignInThrottle {
    type Result = Result<(), Wait>;

    fn handle(&mut self, Attempt(source): Attempt, _: &mut Context<Self>) -> Self::Result {
        self.attempt(source, Instant::now())
    }
}

impl Handler<Succeeded> for SignInThrottle {
    type Result = ();

    fn handle(&mut self, Succeeded(source): Succeeded, _: &mut Context<Self>) {
        self.succeeded(source);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn address(address: impl Into<IpAddr>) -> AttemptSource {
        AttemptSource::Address(address.into())
    }

    #[test]
    fn waits_grow_with_each_failure_and_are_forgotten() {
        let (mut throttle, mut now) = (SignInThrottle::default(), Instant::now());
        let first = address([203, 0, 113, 1]);
        for _ in 0..FREE_FAILURES {
            assert_eq!(throttle.attempt(first, now), Ok(()));
        }
        for wait in [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0] {
            assert_eq!(throttle.attempt(first, now), Ok(()));
            let wait = Duration::from_secs_f64(wait);
            assert_eq!(throttle.attempt(first, now), Err(Wait(wait)));
            now += wait;
        }
        // Others do not wait for it.
        assert_eq!(throttle.attempt(address([203, 0, 113, 2]), now), Ok(()));
        assert_eq!(
            throttle.attempt(AttemptSource::Device(Uuid::new_v4()), now),
            Ok(())
        );
        now += FAILURE_LIFETIME + LONGEST_WAIT;
        for _ in 0..=FREE_FAILURES {
            assert_eq!(throttle.attempt(first, now), Ok(()));
        }
        assert_eq!(throttle.attempt(first, now), Err(Wait(FIRST_WAIT)));
        throttle.succeeded(first);
        assert_eq!(throttle.attempt(first, now), Ok(()));
    }

    #[test]
    fn a_device_waits_for_its_own_failures_only() {
        let (mut throttle, now) = (SignInThrottle::default(), Instant::now());
        let (device, other) = (
            AttemptSource::Device(Uuid::new_v4()),
            AttemptSource::Device(Uuid::new_v4()),
        );
        for _ in 0..=FREE_FAILURES {
            assert_eq!(throttle.attempt(device, now), Ok(()));
        }
        assert_eq!(throttle.attempt(device, now), Err(Wait(FIRST_WAIT)));
        assert_eq!(throttle.attempt(other, now), Ok(()));
    }

    #[test]
    fn the_addresses_of_an_ipv6_network_share_a_wait() {
        let (mut throttle, now) = (SignInThrottle::default(), Instant::now());
        let last = |last: u16| address([0x2001, 0xdb8, 0, 1, 0, 0, 0, last]);
        for number in 0..=FREE_FAILURES {
            assert_eq!(throttle.attempt(last(number as u16), now), Ok(()));
        }
        assert!(throttle.attempt(last(2), now).is_err());
        assert_eq!(
            throttle.attempt(address([0x2001, 0xdb8, 0, 2, 0, 0, 0, 1]), now),
            Ok(())
        );
    }

    #[test]
    fn the_number_of_sources_is_bounded_and_the_longest_waits_stay() {
        let (mut throttle, now) = (SignInThrottle::default(), Instant::now());
        let (persistent, start) = (address([203, 0, 113, 1]), now - SECOND);
        for _ in 0..FREE_FAILURES + 1 {
            throttle.attempt(persistent, start).unwrap();
        }
        // The second wait, of a second, is longer than the first ones of all others.
        throttle.attempt(persistent, now).unwrap();
        for number in 0..25_000u32 {
            (0..=FREE_FAILURES).for_each(|_| {
                throttle
                    .attempt(address(number.to_be_bytes()), now)
                    .unwrap()
            });
            assert!(
                throttle.records.len() <= CAPACITY,
                "{}",
                throttle.records.len()
            );
        }
        assert!(throttle.attempt(persistent, now).is_err());
        // Those that may try again are the first to be forgotten.
        throttle.forget_some(now + 2 * SECOND);
        assert_eq!(throttle.records.len(), 0);
    }
}
