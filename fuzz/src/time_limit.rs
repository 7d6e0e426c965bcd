//! Limits the time that a parser may take to that of a linear one.

use std::time::Duration;

/// The time that any input may take.
const FIXED: Duration = Duration::from_millis(200);

/// The time that each byte of an input may add. A linear parser takes at most a tenth of it, even
/// without optimisation and on a busy machine.
const PER_BYTE: Duration = Duration::from_micros(20);

/// The size in bytes below which an input takes too little time to measure.
const SHORTEST: usize = 2048;

/// Runs `work`, whose input has `size` bytes, and fails if it took too much processor time.
pub(crate) fn in_linear_time<T>(size: usize, work: impl FnOnce() -> T) -> T {
    if size < SHORTEST {
        return work();
    }
    let before = processor_time();
    let result = work();
    if let (Some(before), Some(after)) = (before, processor_time()) {
        let taken = after.saturating_sub(before);
        let size_in_bytes = u32::try_from(size).unwrap_or(u32::MAX);
        let allowed = FIXED.saturating_add(PER_BYTE.saturating_mul(size_in_bytes));
        assert!(taken <= allowed, "{size} bytes took {taken:?}");
    }
    result
}

/// Returns the processor time of this thread, if the system reports it. Other programs do not add
/// to it.
fn processor_time() -> Option<Duration> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    let nanoseconds = text.split_whitespace().next()?.parse().ok()?;
    Some(Duration::from_nanos(nanoseconds))
}
