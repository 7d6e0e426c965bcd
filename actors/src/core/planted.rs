//! Faults that a test plants in the cursor, to show that the test would find them. Release builds
//! contain none of them.

/// A fault of the cursor.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// The position is one too high after entries were sent.
    Position,
    /// Entries that the client has not read count as read when its transport ends.
    Report,
    /// A client is not sent the event for a gap.
    Gap,
    /// Entries that a client has missed are not marked as caught up.
    Mark,
    /// The entries that were sent to a replaced transport count as read.
    Takeover,
}

impl Fault {
    /// All faults.
    pub const ALL: [Self; 5] = [
        Self::Position,
        Self::Report,
        Self::Gap,
        Self::Mark,
        Self::Takeover,
    ];
}

#[cfg(debug_assertions)]
thread_local! {
    static PLANTED: std::cell::Cell<Option<Fault>> = const { std::cell::Cell::new(None) };
}

/// Plants a fault in all cursors of this thread; `None` removes it.
#[cfg(debug_assertions)]
pub fn plant(fault: Option<Fault>) {
    PLANTED.set(fault);
}

/// Returns whether a fault is planted.
#[cfg(debug_assertions)]
pub(super) fn is_planted(fault: Fault) -> bool {
    PLANTED.get() == Some(fault)
}

/// Returns whether a fault is planted.
#[cfg(not(debug_assertions))]
pub(super) const fn is_planted(_: Fault) -> bool {
    false
}
