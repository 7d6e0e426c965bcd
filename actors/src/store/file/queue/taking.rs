//! The side of the queue that the writer uses.

use std::sync::PoisonError;
use std::time::Instant;

use super::{Mode, Queue, State, Taken};
use crate::store::note::Note;

impl Queue {
    /// Waits until there is something to write or to do, at most until `wake_at`, and takes it.
    /// Notes stay in the queue until they are due. `spare` is memory to use again. `taken_bytes` is
    /// the number of bytes that the writer has taken but not yet written. Nothing is due before
    /// `not_before`.
    pub(in crate::store::file) fn take(
        &self,
        spare: Vec<Note>,
        taken_bytes: usize,
        wake_at: Instant,
        not_before: Option<Instant>,
    ) -> Taken {
        let mut state = self.lock();
        state.taken_bytes = taken_bytes;
        self.update(&state);
        loop {
            let now = Instant::now();
            let due = state.due(self.flush_interval, not_before);
            let is_due = due.is_some_and(|due| due <= now);
            let has_orders = !state.orders.is_empty() || state.is_abandoned;
            if is_due || has_orders || now >= wake_at {
                return self.take_now(&mut state, spare, is_due || has_orders);
            }
            let until = due.map_or(wake_at, |due| due.min(wake_at));
            state = self
                .wake
                .wait_timeout(state, until - now)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }

    fn take_now(&self, state: &mut State, spare: Vec<Note>, takes_notes: bool) -> Taken {
        let (mut notes, mut waiting) = (spare, Vec::new());
        if takes_notes {
            std::mem::swap(&mut notes, &mut state.notes);
            waiting = std::mem::take(&mut state.waiting);
            state.taken_bytes += std::mem::take(&mut state.bytes);
        }
        Taken {
            mode: state.mode,
            notes,
            waiting,
            orders: std::mem::take(&mut state.orders),
            is_abandoned: state.is_abandoned,
        }
    }

    /// Notes whether the last commit failed.
    pub(in crate::store::file) fn set_failing(&self, is_failing: bool) {
        let mut state = self.lock();
        state.is_failing = is_failing;
        self.update(&state);
    }

    /// Notes that the file lacks changes, or does not exist. Drops the waiting notes.
    pub(in crate::store::file) fn set_behind(&self) {
        let mut state = self.lock();
        if state.mode != Mode::Closed {
            self.fall_behind(&mut state);
        }
    }

    /// Begins a rebuild: collects the notes in which all actors give their whole state.
    pub(in crate::store::file) fn begin_rebuild(&self) {
        let mut state = self.lock();
        if state.mode == Mode::Behind {
            state.mode = Mode::Rebuilding;
            state.rebuild += 1;
            state.is_failing = false;
            self.update(&state);
        }
    }

    /// Notes that the file was written anew.
    pub(in crate::store::file) fn end_rebuild(&self) {
        let mut state = self.lock();
        if state.mode == Mode::Rebuilt {
            state.mode = Mode::Recording;
            self.update(&state);
        }
    }

    /// Closes the queue: it takes no more notes or orders.
    pub(in crate::store::file) fn close(&self) {
        let mut state = self.lock();
        self.fall_behind(&mut state);
        state.mode = Mode::Closed;
        state.orders.clear();
        self.update(&state);
    }
}
