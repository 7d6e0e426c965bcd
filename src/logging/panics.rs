//! Counts panics, and writes them to the log. A panic ends one actor, socket or request.

use std::panic::PanicHookInfo;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// The number of panics since the start.
static PANICS: AtomicU64 = AtomicU64::new(0);

/// Returns the number of panics since the start.
pub fn count() -> u64 {
    PANICS.load(Relaxed)
}

/// Counts and logs panics from now on.
pub(super) fn log() {
    std::panic::set_hook(Box::new(|panic| {
        PANICS.fetch_add(1, Relaxed);
        let place = panic.location().map(ToString::to_string);
        log::error!(
            "a fault of the server has ended one actor, socket or request; please report it: {} \
             at {}",
            describe(panic),
            place.as_deref().unwrap_or("an unknown place")
        );
    }));
}

/// Returns the text of a panic if it is a constant of the program. Any other text might contain
/// data that a caller or a client has sent.
fn describe(panic: &PanicHookInfo<'_>) -> &'static str {
    let text = panic.payload().downcast_ref::<&'static str>();
    text.copied().unwrap_or("a panic")
}
