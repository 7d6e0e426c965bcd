//! Keeps the panel's door. Guessing the password is slow: after some failures an address waits before it may try again, longer each time.
//! And who has signed out stays out, with a copy of the cookie too.

use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, Ipv6Addr};
use std::time::{Duration, Instant};

use actix::prelude::*;
use time::OffsetDateTime;
use uuid::Uuid;

/// So many failures bring no wait: people mistype.
const FREE: u32 = 5;

/// After the next; each further one doubles it …
const FIRST_WAIT: Duration = Duration::from_millis(500);

/// … up to this.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// Failures count for so long after the wait they brought.
const MEMORY: Duration = Duration::from_secs(15 * 60);

/// With more addresses than this, only those that wait are remembered.
const MANY: usize = 10_000;

/// Somebody at this address wants to sign in. Counts as a failure until [`Welcome`], so that many at once are no way around.
#[derive(Message, Clone, Copy, Debug)]
#[rtype(result = "Result<(), Wait>")]
pub(super) struct Knock(pub(super) IpAddr);

/// So long before the next attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Wait(pub(super) Duration);

/// The password was right.
#[derive(Message, Clone, Copy, Debug)]
#[rtype(result = "()")]
pub(super) struct Welcome(pub(super) IpAddr);

/// Of one who signed in.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct Session {
    /// Seconds since 1970.
    pub(super) until: i64,
    pub(super) id: Uuid,
}

/// This session ends before its time.
#[derive(Message, Clone, Copy, Debug)]
#[rtype(result = "()")]
pub(super) struct End(pub(super) Session);

/// Whether this session has ended before its time.
#[derive(Message, Clone, Copy, Debug)]
#[rtype(result = "bool")]
pub(super) struct HasEnded(pub(super) Session);

struct Record {
    failures: u32,
    /// Nobody is let in before.
    until: Instant,
}

/// One for the server.
#[derive(Default)]
pub struct Doorkeeper {
    records: HashMap<IpAddr, Record>,
    /// Until their time comes.
    ended: HashSet<Session>,
}

impl Doorkeeper {
    fn knock(&mut self, address: IpAddr, now: Instant) -> Result<(), Wait> {
        if self.records.len() >= MANY {
            self.records.retain(|_, record| record.until > now);
        }
        let record = self.records.entry(household(address)).or_insert(Record { failures: 0, until: now });
        if record.until + MEMORY < now {
            record.failures = 0;
        }
        if let Some(left) = record.until.checked_duration_since(now).filter(|left| !left.is_zero()) {
            return Err(Wait(left));
        }
        let wait = record.failures.checked_sub(FREE).map_or(Duration::ZERO, |more| FIRST_WAIT * 2u32.saturating_pow(more));
        record.failures = (record.failures + 1).min(FREE + 16);
        record.until = now + wait.min(LONGEST_WAIT);
        Ok(())
    }
}

/// Who has one IPv6 address has a network of them.
fn household(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64)).into(),
        address => address,
    }
}

impl Actor for Doorkeeper {
    type Context = Context<Self>;
}

impl Handler<Knock> for Doorkeeper {
    type Result = Result<(), Wait>;

    fn handle(&mut self, Knock(address): Knock, _: &mut Context<Self>) -> Self::Result {
        self.knock(address, Instant::now())
    }
}

impl Handler<Welcome> for Doorkeeper {
    type Result = ();

    fn handle(&mut self, Welcome(address): Welcome, _: &mut Context<Self>) {
        self.records.remove(&household(address));
    }
}

impl Handler<End> for Doorkeeper {
    type Result = ();

    fn handle(&mut self, End(session): End, _: &mut Context<Self>) {
        let now = OffsetDateTime::now_utc().unix_timestamp();
        self.ended.retain(|session| session.until > now);
        self.ended.insert(session);
    }
}

impl Handler<HasEnded> for Doorkeeper {
    type Result = bool;

    fn handle(&mut self, HasEnded(session): HasEnded, _: &mut Context<Self>) -> bool {
        self.ended.contains(&session)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn waits_grow_with_each_failure_and_are_forgotten() {
        let (mut keeper, mut now) = (Doorkeeper::default(), Instant::now());
        let address = IpAddr::from([203, 0, 113, 1]);
        for _ in 0..FREE {
            assert_eq!(keeper.knock(address, now), Ok(()));
        }
        for wait in [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0] {
            assert_eq!(keeper.knock(address, now), Ok(()));
            let wait = Duration::from_secs_f64(wait);
            assert_eq!(keeper.knock(address, now), Err(Wait(wait)));
            now += wait;
        }
        // Others have nothing to do with it.
        assert_eq!(keeper.knock(IpAddr::from([203, 0, 113, 2]), now), Ok(()));
        now += MEMORY + LONGEST_WAIT;
        for _ in 0..=FREE {
            assert_eq!(keeper.knock(address, now), Ok(()));
        }
        assert_eq!(keeper.knock(address, now), Err(Wait(FIRST_WAIT)));
    }

    #[test]
    fn a_network_of_addresses_is_one() {
        let (mut keeper, now) = (Doorkeeper::default(), Instant::now());
        let address = |last: u16| IpAddr::from([0x2001, 0xdb8, 0, 1, 0, 0, 0, last]);
        for number in 0..=FREE {
            assert_eq!(keeper.knock(address(number as u16), now), Ok(()));
        }
        assert!(keeper.knock(address(2), now).is_err());
        assert_eq!(keeper.knock(IpAddr::from([0x2001, 0xdb8, 0, 2, 0, 0, 0, 1]), now), Ok(()));
    }

    #[test]
    fn many_addresses_are_forgotten_as_soon_as_they_may_try_again() {
        let (mut keeper, now) = (Doorkeeper::default(), Instant::now());
        for number in 0..20_000u32 {
            (0..=FREE).for_each(|_| keeper.knock(IpAddr::from(number.to_be_bytes()), now).unwrap());
        }
        keeper.knock(IpAddr::from([203, 0, 113, 1]), now + SECOND).unwrap();
        assert!(keeper.records.len() < MANY, "{}", keeper.records.len());
    }
}
