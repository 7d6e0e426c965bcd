//! The queue between the actors and the writer: the notes that wait, and whether the store takes
//! more.

mod taking;

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
#[expect(
    clippy::disallowed_types,
    reason = "actors of all threads put notes here, in one order"
)]
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{oneshot, watch};

use crate::error::{NotKept, Refused};
use crate::store::file::backup::BackupError;
use crate::store::file::options::{Durability, FileOptions};
use crate::store::file::pending::size_of_note;
use crate::store::note::Note;

/// The queue between the actors and the writer.
#[derive(Debug)]
pub(super) struct Queue {
    #[expect(clippy::disallowed_types, reason = "see the import")]
    state: Mutex<State>,
    wake: Condvar,
    /// Whether calls that change something are refused. Computed from the state.
    refuses: AtomicBool,
    /// The rebuild that the actors must be asked for, if there is one.
    rebuild: watch::Sender<Option<Rebuild>>,
    durability: Durability,
    flush_interval: Duration,
    most_bytes: usize,
}

/// The way in which the queue treats notes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// Notes are written.
    Recording,
    /// Notes are dropped. Earlier ones are lost, so later ones alone cannot make the file correct.
    Behind,
    /// Notes are collected, while every actor notes its whole state.
    Rebuilding,
    /// Every actor has noted its whole state, and the file must be written anew.
    Rebuilt,
    /// Notes are dropped, since the store is closed.
    Closed,
}

/// A task for the writer, besides writing notes.
#[derive(Debug)]
pub(super) enum Order {
    /// Writes a copy of the file to this path.
    Backup(PathBuf, oneshot::Sender<Result<(), BackupError>>),
    /// Writes the waiting notes, and ends the writer.
    Close(oneshot::Sender<()>),
}

/// The answer to a caller that waits until all earlier notes are kept.
pub(super) type Waiting = oneshot::Sender<Result<(), NotKept>>;

/// The number of a rebuild.
type Rebuild = u64;

#[derive(Debug)]
struct State {
    mode: Mode,
    notes: Vec<Note>,
    /// The time at which the first of the notes came.
    noted_at: Instant,
    /// The approximate number of bytes that the notes take.
    bytes: usize,
    /// The approximate number of bytes of the notes that the writer has taken but not yet written.
    taken_bytes: usize,
    waiting: Vec<Waiting>,
    orders: Vec<Order>,
    /// Whether the last commit failed.
    is_failing: bool,
    /// The number of the last rebuild that began.
    rebuild: Rebuild,
    /// The rebuild that the actors were last asked for.
    asked_for: Option<Rebuild>,
    /// Whether no handle of the store is left, or the writer must end as if none were.
    is_abandoned: bool,
}

/// The notes and orders that the writer takes from the queue.
#[derive(Debug)]
pub(super) struct Taken {
    pub(super) mode: Mode,
    pub(super) notes: Vec<Note>,
    pub(super) waiting: Vec<Waiting>,
    pub(super) orders: Vec<Order>,
    pub(super) is_abandoned: bool,
}

/// The number of notes and bytes that wait.
#[derive(Clone, Copy, Debug)]
pub(super) struct Backlog {
    pub(super) mode: Mode,
    pub(super) notes: usize,
    pub(super) bytes: usize,
}

impl Queue {
    pub(super) fn new(options: &FileOptions) -> Self {
        let state = State {
            mode: Mode::Recording,
            notes: Vec::new(),
            noted_at: Instant::now(),
            bytes: 0,
            taken_bytes: 0,
            waiting: Vec::new(),
            orders: Vec::new(),
            is_failing: false,
            rebuild: 0,
            asked_for: None,
            is_abandoned: false,
        };
        Self {
            #[expect(clippy::disallowed_types, reason = "see the import")]
            state: Mutex::new(state),
            wake: Condvar::new(),
            refuses: AtomicBool::new(false),
            rebuild: watch::Sender::new(None),
            durability: options.durability,
            flush_interval: options.flush_interval,
            most_bytes: options.queue_bytes,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Updates whether calls are refused and a rebuild is asked for. Calls are refused already when
    /// the queue is half full, so that on a slow disk it has space for changes that cannot be
    /// refused.
    fn update(&self, state: &State) {
        let is_half_full = state.bytes + state.taken_bytes > self.most_bytes / 2;
        let refuses = state.mode != Mode::Recording || state.is_failing || is_half_full;
        self.refuses.store(refuses, Relaxed);
        let asks_for = (state.mode == Mode::Rebuilding).then_some(state.rebuild);
        self.rebuild.send_if_modified(|asked| {
            let is_new = *asked != asks_for;
            *asked = asks_for;
            is_new
        });
    }

    /// Adds a note.
    pub(super) fn note(&self, note: Note) {
        let size = size_of_note(&note);
        let mut state = self.lock();
        if matches!(state.mode, Mode::Behind | Mode::Closed) {
            return;
        }
        let before = state.bytes + state.taken_bytes;
        // During a rebuild nothing may be dropped. Otherwise the rebuild would never end.
        if state.mode == Mode::Recording && before + size > self.most_bytes {
            self.fall_behind(&mut state);
            self.wake.notify_one();
            return;
        }
        state.bytes += size;
        let is_first = state.notes.is_empty();
        if is_first {
            state.noted_at = Instant::now();
        }
        state.notes.push(note);
        let half = self.most_bytes / 2;
        if before <= half && before + size > half {
            self.update(&state);
        }
        drop(state);
        if is_first {
            self.wake.notify_one();
        }
    }

    /// Drops the waiting notes: from now on the file lacks changes.
    fn fall_behind(&self, state: &mut State) {
        state.mode = Mode::Behind;
        state.notes = Vec::new();
        state.bytes = 0;
        for waiting in state.waiting.drain(..) {
            let _ = waiting.send(Err(NotKept));
        }
        self.update(state);
    }

    /// Checks whether calls that change something may begin.
    pub(super) fn accepts(&self) -> Result<(), Refused> {
        if self.refuses.load(Relaxed) {
            Err(Refused::TRY_AGAIN)
        } else {
            Ok(())
        }
    }

    /// Waits until all earlier notes are kept as safely as the settings ask for.
    pub(super) async fn wait_until_kept(&self) -> Result<(), NotKept> {
        if self.durability == Durability::Interval {
            return Ok(());
        }
        self.wait_until_committed().await
    }

    /// Waits until all earlier notes are written, whatever the settings ask for.
    pub(super) async fn wait_until_committed(&self) -> Result<(), NotKept> {
        let answer = {
            let mut state = self.lock();
            if state.mode != Mode::Recording {
                return Err(NotKept);
            }
            let (waiting, answer) = oneshot::channel();
            state.waiting.push(waiting);
            if state.waiting.len() == 1 {
                self.wake.notify_one();
            }
            answer
        };
        answer.await.unwrap_or(Err(NotKept))
    }

    /// Gives the writer an order.
    pub(super) fn order(&self, order: Order) {
        let mut state = self.lock();
        // After the close the order is dropped, and its sender too, so the caller gets an error.
        if state.mode != Mode::Closed {
            state.orders.push(order);
        }
        drop(state);
        self.wake.notify_one();
    }

    /// Waits until all actors must note their whole state.
    pub(super) async fn wait_for_rebuild(&self) {
        let mut asked = self.rebuild.subscribe();
        loop {
            // Cannot fail: `self` holds the sender.
            let rebuild = asked.wait_for(Option::is_some).await.ok();
            let rebuild = rebuild.and_then(|rebuild| *rebuild);
            if self.is_asked_for(rebuild) {
                return;
            }
            if asked.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    /// Notes that the actors are asked for this rebuild. Returns false if it is no longer the
    /// present rebuild.
    fn is_asked_for(&self, rebuild: Option<Rebuild>) -> bool {
        let mut state = self.lock();
        let is_present = state.mode == Mode::Rebuilding && rebuild == Some(state.rebuild);
        if is_present {
            state.asked_for = rebuild;
        }
        is_present
    }

    /// Notes that all actors have noted their whole state. It counts only for the rebuild that they
    /// were asked for: another one may have begun since.
    pub(super) fn finish_rebuild(&self) {
        let mut state = self.lock();
        if state.mode == Mode::Rebuilding && state.asked_for == Some(state.rebuild) {
            state.mode = Mode::Rebuilt;
            self.update(&state);
            drop(state);
            self.wake.notify_one();
        }
    }

    /// Returns the mode, and the number of notes and bytes that wait.
    pub(super) fn backlog(&self) -> Backlog {
        let state = self.lock();
        Backlog {
            mode: state.mode,
            notes: state.notes.len(),
            bytes: state.bytes + state.taken_bytes,
        }
    }

    /// Ends the writer without writing the waiting notes, as if the process had been killed.
    /// `ended` is dropped when the writer has ended.
    pub(super) fn abandon(&self, ended: Option<oneshot::Sender<()>>) {
        let mut state = self.lock();
        state.is_abandoned = true;
        if state.mode != Mode::Closed {
            state.orders.extend(ended.map(Order::Close));
        }
        drop(state);
        self.wake.notify_one();
    }
}

impl State {
    /// Returns the time at which the writer has to write; `None` if nothing waits.
    fn due(&self, flush_interval: Duration, not_before: Option<Instant>) -> Option<Instant> {
        let due = if !self.waiting.is_empty() || self.mode == Mode::Rebuilt {
            self.noted_at
        } else if self.notes.is_empty() {
            return None;
        } else {
            self.noted_at + flush_interval
        };
        Some(not_before.map_or(due, |not_before| due.max(not_before)))
    }
}
