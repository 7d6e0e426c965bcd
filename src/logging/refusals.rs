//! Refused calls in the log: of each kind the first one is told at once, so that an operator sees
//! what to change; those that follow are told once a second, by their number.

use std::fmt::Arguments;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// How often a kind of refusal is told.
pub(super) const INTERVAL: Duration = Duration::from_secs(1);

/// Why a call is refused.
#[derive(Clone, Copy, Debug)]
pub enum Refusal {
    /// Its address may not make signed calls.
    Address,
    /// It has no signature.
    NotSigned,
    /// Its signature was not made with our secret.
    ForeignSignature,
    /// Its signature is too old.
    OldSignature,
    /// A wrong name or password for the panel.
    SignIn,
    /// A body that breaks a rule which the answer hardly explains.
    Invalid,
}

/// What is not told yet of each kind.
static SUMS: [Sum; 6] = [
    Sum::of("their addresses are not in allow_posting_from"),
    Sum::of("they have no signature"),
    Sum::of("their signatures do not match; compare the secrets (secret)"),
    Sum::of(
        "their signatures are more than 60 seconds old; compare the clocks (validate_requests)",
    ),
    Sum::of("wrong name or password for the admin panel (admin_user, admin_secret)"),
    Sum::of("their bodies break rules; the answer's header x-channelstream-hint says which"),
];

/// Times are counted from here.
static START: LazyLock<Instant> = LazyLock::new(Instant::now);

struct Sum {
    reason: &'static str,
    /// When what has come since is told, in milliseconds. 0: there was none lately, and the next is
    /// told at once.
    due: AtomicU64,
    count: AtomicU64,
}

impl Sum {
    const fn of(reason: &'static str) -> Self {
        Self {
            reason,
            due: AtomicU64::new(0),
            count: AtomicU64::new(0),
        }
    }
}

fn millis(at: Instant) -> u64 {
    // 0 has a meaning of its own.
    u64::try_from(at.saturating_duration_since(*START).as_millis())
        .unwrap_or(u64::MAX)
        .max(1)
}

/// Logs a refused call.
pub fn refused(kind: Refusal, line: Arguments<'_>) {
    let Some(sum) = SUMS.get(kind as usize) else {
        return;
    };
    if sum
        .due
        .compare_exchange(0, millis(Instant::now() + INTERVAL), Relaxed, Relaxed)
        .is_ok()
    {
        log::warn!("{line}");
    } else {
        sum.count.fetch_add(1, Relaxed);
    }
}

/// Logs the sums that are due.
pub(super) fn sum_up(now: Instant) {
    for sum in &SUMS {
        let due = sum.due.load(Relaxed);
        if due == 0 || due > millis(now) {
            continue;
        }
        let count = sum.count.swap(0, Relaxed);
        sum.due
            .store(if count > 0 { millis(now + INTERVAL) } else { 0 }, Relaxed);
        if count > 0 {
            log::warn!("refused {count} more calls: {}", sum.reason);
        }
    }
}

/// When the next sum is due; `None` when nothing was refused lately.
pub(super) fn next() -> Option<Instant> {
    let due = SUMS
        .iter()
        .map(|sum| sum.due.load(Relaxed))
        .filter(|due| *due > 0)
        .min()?;
    Some(*START + Duration::from_millis(due))
}
