//! Faults that a test plants into the cursor, to show that it would find them. Programs that are
//! built for release have none.

/// A fault of the cursor.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// The position is one too far after entries were sent.
    Position,
    /// What the client has not read counts as read when its transport ends.
    Report,
    /// A client is not told of a gap.
    Gap,
    /// What a client has missed is not marked.
    Mark,
    /// A transport that is replaced counts as read.
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

/// Plants a fault into all cursors of this thread, or takes it away again.
#[cfg(debug_assertions)]
pub fn plant(fault: Option<Fault>) {
    PLANTED.set(fault);
}

/// Returns whether a fault is planted.
#[cfg(debug_assertions)]
pub(super) fn has(fault: Fault) -> bool {
    PLANTED.get() == Some(fault)
}

/// Returns whether a fault is planted.
#[cfg(not(debug_assertions))]
pub(super) const fn has(_: Fault) -> bool {
    false
}
