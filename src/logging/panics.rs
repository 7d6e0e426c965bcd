//! Counts panics, and logs them like everything else. A panic ends one actor, socket or request.

use std::panic::PanicHookInfo;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// How many panics there were.
static PANICS: AtomicU64 = AtomicU64::new(0);

/// Returns how many panics there were since the start.
pub fn count() -> u64 {
    PANICS.load(Relaxed)
}

/// Counts and logs panics from now on.
pub(super) fn log() {
    std::panic::set_hook(Box::new(|panic| {
        PANICS.fetch_add(1, Relaxed);
        let place = panic.location().map(ToString::to_string);
        log::error!(
            "a fault of the server, which ends one actor, socket or request; please report it: {} at {}",
            describe(panic),
            place.as_deref().unwrap_or("an unknown place")
        );
    }));
}

/// Returns what a panic says, if that cannot hold what a caller or client has sent: only texts that
/// stand in the program.
fn describe(panic: &PanicHookInfo<'_>) -> &'static str {
    let text = panic.payload().downcast_ref::<&'static str>();
    text.copied().unwrap_or("a panic")
}
