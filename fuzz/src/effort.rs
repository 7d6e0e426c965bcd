//! How long a parser may take: not longer than a linear one.

use std::time::Duration;

/// The time that any input may take.
const FIXED: Duration = Duration::from_millis(200);

/// The time that each byte of an input may add. A parser that is linear takes a tenth of it at most,
/// also without optimisation and on a machine that is busy.
const PER_BYTE: Duration = Duration::from_micros(20);

/// Inputs that are shorter take no time that could be measured.
const SHORTEST: usize = 2048;

/// Does `work`, whose input has `size` bytes, and fails when it took too much time of the processor.
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

/// Returns how long this thread has run on a processor, where the system tells. What other programs
/// do does not count.
fn processor_time() -> Option<Duration> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    let nanoseconds = text.split_whitespace().next()?.parse().ok()?;
    Some(Duration::from_nanos(nanoseconds))
}
