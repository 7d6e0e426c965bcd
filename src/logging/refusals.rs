//! Counts refused calls, and logs them. The first refusal of each kind is logged at once, so that
//! an operator sees what to change. Further refusals are logged once a second, as a number.

use std::fmt::Arguments;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// The number of requests that this process has answered with an error.
static TOTAL: AtomicU64 = AtomicU64::new(0);

/// The time between two lines about the same kind of refusal.
pub(super) const INTERVAL: Duration = Duration::from_secs(1);

/// The reason why a call is refused. The log counts each kind separately.
#[derive(Clone, Copy, Debug)]
pub enum RefusalKind {
    /// The address may not make signed calls.
    Address,
    /// The call has no signature.
    NotSigned,
    /// The signature was not made with this server's secret.
    ForeignSignature,
    /// The signature is too old.
    OldSignature,
    /// The name or password for the panel is wrong.
    SignIn,
    /// The body breaks a rule that the answer does not explain well.
    Invalid,
    /// The page's origin may not listen.
    Origin,
    /// The signature is dated ahead, for another path, without a nonce, or was used before.
    UnfitSignature,
    /// The memory for used signatures is full.
    TooManySignatures,
}

/// The refusals of each kind that are not logged yet.
static SUMS: [UnloggedRefusals; 9] = [
    UnloggedRefusals::of("their addresses are not in allow_posting_from"),
    UnloggedRefusals::of("they have no signature"),
    UnloggedRefusals::of("their signatures do not match; compare the secrets (secret)"),
    UnloggedRefusals::of(
        "their signatures are more than 60 seconds old; compare the clocks (validate_requests)",
    ),
    UnloggedRefusals::of("wrong name or password for the admin panel (admin_user, admin_secret)"),
    UnloggedRefusals::of(
        "their bodies break rules; the answer's header x-channelstream-hint says which",
    ),
    UnloggedRefusals::of("the origins of their pages are not in allow_origins"),
    UnloggedRefusals::of(
        "their signatures are dated ahead, for another path, without a nonce, or were used before \
         (signature_tolerance, signature_scope, reject_replays)",
    ),
    UnloggedRefusals::of("the memory for used signatures is full (replay_bytes)"),
];

/// The instant from which times in milliseconds are counted.
static START: LazyLock<Instant> = LazyLock::new(Instant::now);

struct UnloggedRefusals {
    reason: &'static str,
    /// The time at which the refusals since the last line are logged, in milliseconds since
    /// [`START`]. 0 means that there was no refusal lately, and that the next one is logged at
    /// once.
    due: AtomicU64,
    count: AtomicU64,
}

impl UnloggedRefusals {
    const fn of(reason: &'static str) -> Self {
        Self {
            reason,
            due: AtomicU64::new(0),
            count: AtomicU64::new(0),
        }
    }
}

fn millis(at: Instant) -> u64 {
    // 0 has a special meaning in `due`.
    u64::try_from(at.saturating_duration_since(*START).as_millis())
        .unwrap_or(u64::MAX)
        .max(1)
}

/// Counts a request that is answered with an error.
pub fn add_refused() {
    TOTAL.fetch_add(1, Relaxed);
}

/// Returns the number of requests that were answered with an error since the start.
pub fn count_refused() -> u64 {
    TOTAL.load(Relaxed)
}

/// Logs a refused call, or counts it for the next sum of its kind.
pub fn log_refusal(kind: RefusalKind, line: Arguments<'_>) {
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
pub(super) fn log_sums(now: Instant) {
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

/// Returns the time at which the next sum is due, or `None` if nothing was refused lately.
pub(super) fn next_due() -> Option<Instant> {
    let due = SUMS
        .iter()
        .map(|sum| sum.due.load(Relaxed))
        .filter(|due| *due > 0)
        .min()?;
    Some(*START + Duration::from_millis(due))
}
