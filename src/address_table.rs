//! Counts by address, without a lock. The memory is fixed: it does not grow with the number of
//! addresses.
//!
//! A hash with a random seed gives each address one place in each of several rows. Addresses can
//! share a place, so the count in one row may be too high for an address, but it is never too low.
//! Therefore the lowest count of all rows is used. Two addresses share their places in all rows
//! with a probability of about 1 in 10^14.

use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// The number of rows. Each row uses its own part of a 64-bit hash.
const ROWS: usize = 3;

/// The number of bits of the hash that name a place in a row.
const BITS: usize = 16;

/// The places of a row.
type Row<T> = Box<[T]>;

/// The part of an address that stands for one client. For IPv6 it is the first 64 bits, because one
/// client has all the addresses that begin with them.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct AddressKey(u64);

impl AddressKey {
    /// Returns the part of an address that stands for one client.
    pub fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            // No client has an IPv6 address that begins with 32 zero bits, so an IPv4 key never
            // equals an IPv6 key.
            IpAddr::V4(address) => Self(u64::from(address.to_bits())),
            IpAddr::V6(address) => {
                let [a, b, c, d, ..] = address.segments();
                let bits = [a, b, c, d].into_iter();
                Self(bits.fold(0, |bits, segment| bits << 16 | u64::from(segment)))
            }
        }
    }
}

/// A table of places by address.
#[derive(Debug)]
struct Table<T> {
    rows: [Row<T>; ROWS],
    hasher: RandomState,
}

impl<T: Default> Default for Table<T> {
    fn default() -> Self {
        let row = || (0..1 << BITS).map(|_| T::default()).collect();
        Self {
            rows: std::array::from_fn(|_| row()),
            hasher: RandomState::new(),
        }
    }
}

impl<T> Table<T> {
    /// Returns the places of an address.
    fn places(&self, key: AddressKey) -> impl Iterator<Item = &T> {
        let hash = self.hasher.hash_one(key);
        self.rows
            .iter()
            .enumerate()
            .filter_map(move |(row, places)| {
                let part = hash >> (row * BITS) & ((1 << BITS) - 1);
                places.get(usize::try_from(part).ok()?)
            })
    }
}

/// The number of connections of each address. Cloning shares the counts.
#[derive(Clone, Debug)]
pub struct ConnectionCounts(Arc<CountTable>);

#[derive(Debug)]
struct CountTable {
    counts: Table<AtomicU32>,
    most: u32,
}

/// A connection that counts for its address until this value is dropped.
#[derive(Debug)]
pub struct CountedConnection {
    table: Arc<CountTable>,
    key: AddressKey,
}

impl ConnectionCounts {
    /// Creates counts that allow each address at most `most` connections.
    pub fn new(most: usize) -> Self {
        Self(Arc::new(CountTable {
            counts: Table::default(),
            most: u32::try_from(most).unwrap_or(u32::MAX),
        }))
    }

    /// Counts a connection. Returns `None` and counts nothing when the address already has the most
    /// connections that it may have.
    pub fn begin(&self, key: AddressKey) -> Option<CountedConnection> {
        let places = self.0.counts.places(key);
        // Every row must count the connection, even if an earlier row is below the limit already.
        let before = places.map(|count| count.fetch_add(1, Relaxed)).min();
        let counted = CountedConnection {
            table: self.0.clone(),
            key,
        };
        (before.unwrap_or(0) < self.0.most).then_some(counted)
    }
}

impl Drop for CountedConnection {
    fn drop(&mut self) {
        for count in self.table.counts.places(self.key) {
            count.fetch_sub(1, Relaxed);
        }
    }
}

/// A limit on the number of calls that each address may make in a second. An address that was quiet
/// may make the calls of one second at once.
#[derive(Debug)]
pub struct RateLimit {
    /// The time until which each address has used up its calls, in nanoseconds since `start`.
    used_until: Table<AtomicU64>,
    start: Instant,
    /// The time that one call uses up, in nanoseconds.
    cost: u64,
}

/// The longest time by which an address may use up its calls in advance.
const BURST: Duration = Duration::from_secs(1);

impl RateLimit {
    /// Creates a limit of `per_second` calls. Returns `None` for 0, which stands for no limit.
    pub fn new(per_second: usize) -> Option<Self> {
        let per_second = u64::try_from(per_second).ok().filter(|rate| *rate > 0)?;
        Some(Self {
            used_until: Table::default(),
            start: Instant::now(),
            cost: (nanos(BURST) / per_second).max(1),
        })
    }

    /// Counts a call of an address.
    ///
    /// # Errors
    /// Fails when the address has used up its calls, and counts nothing. The error is the time
    /// after which the address may call again.
    pub fn take(&self, key: AddressKey) -> Result<(), Duration> {
        self.take_at(key, nanos(self.start.elapsed()))
    }

    fn take_at(&self, key: AddressKey, now: u64) -> Result<(), Duration> {
        let take = |place: &AtomicU64| {
            let used = |until: u64| until.max(now).saturating_add(self.cost);
            let before = place.fetch_update(Relaxed, Relaxed, |until| Some(used(until)));
            used(before.unwrap_or_else(|until| until))
        };
        let until = self.used_until.places(key).map(take).min();
        let (until, end) = (until.unwrap_or(now), now.saturating_add(nanos(BURST)));
        if until <= end {
            return Ok(());
        }
        for place in self.used_until.places(key) {
            place.fetch_sub(self.cost, Relaxed);
        }
        Err(Duration::from_nanos(until - end))
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(address: &str) -> AddressKey {
        AddressKey::of(address.parse().unwrap())
    }

    #[test]
    fn an_ipv6_client_is_identified_by_its_first_64_bits() {
        assert_eq!(key("2001:db8:1:2::1"), key("2001:db8:1:2:ffff::2"));
        assert_ne!(key("2001:db8:1:2::1"), key("2001:db8:1:3::1"));
        assert_ne!(key("203.0.113.9"), key("203.0.113.10"));
        assert_eq!(key("203.0.113.9"), key("::ffff:203.0.113.9"));
    }

    #[test]
    fn the_connections_of_an_address_are_limited() {
        let counts = ConnectionCounts::new(2);
        let (one, other) = (key("203.0.113.9"), key("203.0.113.10"));
        let begun: Vec<_> = (0..2).map(|_| counts.begin(one)).collect();
        assert!(begun.iter().all(Option::is_some));
        assert!(counts.begin(one).is_none());
        assert!(counts.begin(other).is_some());
        drop(begun);
        assert!(counts.begin(one).is_some());
    }

    #[test]
    fn many_addresses_do_not_use_up_the_limit_of_one() {
        let counts = ConnectionCounts::new(20);
        let others: Vec<_> = (0..200_000_u32)
            .map(|bits| counts.begin(AddressKey::of(IpAddr::V4(bits.into()))))
            .collect();
        assert!(others.iter().all(Option::is_some));
    }

    #[test]
    fn a_rate_allows_a_burst_and_then_one_at_a_time() {
        let rate_limit = RateLimit::new(10).unwrap();
        let (one, other) = (key("203.0.113.9"), key("203.0.113.10"));
        let second = nanos(BURST);
        let burst = (0..10)
            .filter(|_| rate_limit.take_at(one, 0).is_ok())
            .count();
        assert_eq!(burst, 10);
        assert_eq!(rate_limit.take_at(one, 0), Err(Duration::from_millis(100)));
        assert_eq!(rate_limit.take_at(other, 0), Ok(()));
        assert_eq!(rate_limit.take_at(one, second / 10), Ok(()));
        assert!(rate_limit.take_at(one, second / 10).is_err());
        assert_eq!(rate_limit.take_at(one, 3 * second), Ok(()));
    }

    #[test]
    fn a_rate_of_zero_is_no_limit() {
        assert!(RateLimit::new(0).is_none());
    }
}
