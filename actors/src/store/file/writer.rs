//! The thread that writes the notes of the actors.
//!
//! The writer takes all waiting notes, merges them into the pending ones, and writes those in one
//! transaction. When a transaction fails, its notes stay pending. The writer tries again each
//! second, together with the notes that came since. So the file always has everything up to one
//! moment, and nothing after it.

mod recovery;
mod upkeep;

use std::collections::VecDeque;
use std::mem::take;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rusqlite::{Connection, TransactionBehavior};
use tokio::sync::oneshot;

use crate::error::NotKept;
use crate::protocol::timestamp::Moment;
use crate::store::file::backup::{BackupError, Copying};
use crate::store::file::ballast::Ballast;
use crate::store::file::faults::{Failure, FailureKind, Faults};
use crate::store::file::lock::StoreLock;
use crate::store::file::meta::{self, Meta};
use crate::store::file::pending::Pending;
use crate::store::file::place::{FileIdentity, Place};
use crate::store::file::queue::{Mode, Order, Queue, Waiting};
use crate::store::file::recovery::Recovery;
use crate::store::file::status::SharedWriterStatus;
use crate::store::file::tables::Tables;
use crate::store::file::upkeep::{Upkeep, truncate_wal};
use crate::store::note::Note;

/// The longest time that the writer sleeps. It looks after the file this often.
const LONGEST_SLEEP: Duration = Duration::from_secs(1);

/// The time that the writer waits for notes between two steps of a backup.
const BACKUP_PAUSE: Duration = Duration::from_millis(1);

/// The time after which a failed transaction is tried again.
const RETRY: Duration = Duration::from_secs(1);

/// The number of notes for which memory is kept between two transactions.
const SPARE_NOTES: usize = 16_384;

/// The writer of a store.
#[derive(Debug)]
pub(super) struct Writer {
    queue: Arc<Queue>,
    status: Arc<SharedWriterStatus>,
    place: Place,
    /// Held until the writer ends.
    lock: StoreLock,
    identity: FileIdentity,
    meta: Meta,
    tables: Tables,
    pending: Pending,
    /// The callers that wait until the pending notes are kept.
    waiting: Vec<Waiting>,
    orders: VecDeque<Order>,
    is_abandoned: bool,
    spare: Vec<Note>,
    faults: Faults,
    ballast: Ballast,
    upkeep: Upkeep,
    recovery: Recovery,
    /// The time before which nothing is written, since the last transaction failed.
    not_before: Option<Instant>,
}

/// The parts from which a writer is made.
#[derive(Debug)]
pub(super) struct Parts {
    pub(super) queue: Arc<Queue>,
    pub(super) status: Arc<SharedWriterStatus>,
    pub(super) place: Place,
    pub(super) lock: StoreLock,
    pub(super) identity: FileIdentity,
    pub(super) meta: Meta,
    pub(super) tables: Tables,
}

/// The step that follows a turn.
#[derive(Debug, PartialEq, Eq)]
enum Next {
    /// The next turn follows.
    Continue,
    /// A new file must be made, since the old one was removed.
    Reopen,
}

impl Writer {
    pub(super) fn new(parts: Parts) -> Self {
        let ballast = Ballast::new(parts.place.beside(".ballast"));
        Self {
            queue: parts.queue,
            status: parts.status,
            place: parts.place,
            lock: parts.lock,
            identity: parts.identity,
            meta: parts.meta,
            tables: parts.tables,
            pending: Pending::default(),
            waiting: Vec::new(),
            orders: VecDeque::new(),
            is_abandoned: false,
            spare: Vec::new(),
            faults: Faults::default(),
            ballast,
            upkeep: Upkeep::new(),
            recovery: Recovery::default(),
            not_before: None,
        }
    }

    fn path(&self) -> &Path {
        self.place.path()
    }

    /// Runs the writer until the store is closed or abandoned.
    pub(super) fn run(mut self, mut connection: Connection) {
        // Closes the queue however the thread ends, so that no notes are accepted that would not be
        // written.
        let _closing = Closing(self.queue.clone());
        self.ensure_ballast();
        loop {
            let next = self.turn(&connection, LONGEST_SLEEP);
            if next == Next::Reopen
                && let Some(reopened) = self.reopen()
            {
                connection = reopened;
            }
            if self.is_abandoned {
                self.abandon(connection);
                return;
            }
            match self.orders.pop_front() {
                None => {}
                Some(Order::Backup(to, answer)) => {
                    drop(answer.send(self.back_up(&connection, &to)));
                }
                Some(Order::Close(answer)) => {
                    self.close(connection, answer);
                    return;
                }
            }
        }
    }

    /// Waits for something to do, at most for `longest_wait`, and does it.
    fn turn(&mut self, connection: &Connection, longest_wait: Duration) -> Next {
        let wake_at = Instant::now() + longest_wait;
        let spare = take(&mut self.spare);
        let not_before = self.not_before;
        let mut taken = self
            .queue
            .take(spare, self.pending.bytes(), wake_at, not_before);
        if taken.mode == Mode::Behind {
            self.forget_pending();
        }
        self.orders.extend(taken.orders);
        self.is_abandoned |= taken.is_abandoned;
        self.waiting.append(&mut taken.waiting);
        for note in taken.notes.drain(..) {
            self.pending.merge(note);
        }
        taken.notes.shrink_to(SPARE_NOTES);
        self.spare = taken.notes;
        if self.is_abandoned {
            return Next::Continue;
        }
        let may_write = self.not_before.is_none_or(|time| time <= Instant::now());
        match taken.mode {
            Mode::Recording if may_write => self.write_pending(connection),
            Mode::Rebuilt => self.write_anew(connection),
            _ => {}
        }
        self.do_upkeep(connection, taken.mode)
    }

    /// Drops the pending notes, and tells the callers that wait for them.
    fn forget_pending(&mut self) {
        self.pending = Pending::default();
        self.not_before = None;
        self.answer(Err(NotKept));
    }

    fn answer(&mut self, outcome: Result<(), NotKept>) {
        for waiting in self.waiting.drain(..) {
            let _ = waiting.send(outcome);
        }
    }

    /// Writes the pending notes, if there are any or upkeep is due.
    fn write_pending(&mut self, connection: &Connection) {
        let is_due = self.upkeep.has_to_write_time() || self.tables.has_to_trim();
        if self.pending.is_empty() && self.not_before.is_none() && !is_due {
            self.answer(Ok(()));
            return;
        }
        match self.commit(connection, false) {
            Ok(()) => {
                self.answer(Ok(()));
                self.note_success();
            }
            Err(error) => {
                self.note_failure("cannot be written", &error.into());
                self.answer(Err(NotKept));
            }
        }
    }

    /// Writes the pending notes in one transaction. If `replaces_all` is true, they replace all
    /// contents of the file.
    fn commit(&mut self, connection: &Connection, replaces_all: bool) -> rusqlite::Result<()> {
        let transaction =
            rusqlite::Transaction::new_unchecked(connection, TransactionBehavior::Immediate)?;
        self.tables
            .write(&transaction, &self.pending, replaces_all)?;
        self.meta.at = Moment::now();
        meta::write(&transaction, &self.meta)?;
        transaction.commit()?;
        self.tables.note_committed(&self.pending);
        self.pending.clear();
        self.upkeep.note_commit();
        let now = Instant::now();
        self.status.update(|status| {
            status.commits += 1;
            status.last_commit = Some(now);
        });
        Ok(())
    }

    /// Notes that the file can be written.
    fn note_success(&mut self) {
        if self.not_before.take().is_some() {
            self.queue.set_failing(false);
            self.faults.clear(self.place.path());
            self.status.update(|status| status.error = None);
        }
    }

    /// Notes that the file cannot be written. If the disk may be full, removes the ballast to free
    /// some space.
    fn note_failure(&mut self, what: &str, failure: &Failure) {
        self.queue.set_failing(true);
        let advice = if failure.kind == FailureKind::Full {
            "free some space on its disk"
        } else {
            "check its disk and its permissions; the server tries again each second"
        };
        self.report_fault(&format!("{what}: {}; {advice}", failure.text));
        let has_space = failure.kind != FailureKind::Other && self.ballast.remove();
        let pause = if has_space { Duration::ZERO } else { RETRY };
        self.not_before = Some(Instant::now() + pause);
    }

    /// Reports a fault in the server's log and in the status of the store.
    fn report_fault(&mut self, text: &str) {
        self.faults.note(self.place.path(), text);
        let text = self.faults.text().map(str::to_owned);
        self.status.update(|status| status.error = text);
    }

    /// Copies the file, and writes notes between the steps as usual.
    fn back_up(&mut self, connection: &Connection, to: &Path) -> Result<(), BackupError> {
        let mut copying = Copying::begin(to)?;
        copying.copy(connection, || {
            let next = self.turn(connection, BACKUP_PAUSE);
            let is_to_close = |order: &Order| matches!(order, Order::Close(_));
            next == Next::Continue && !self.is_abandoned && !self.orders.iter().any(is_to_close)
        })?;
        copying.finish()
    }

    /// Ends without writing the pending notes. The lock is dropped before the orders, so a caller
    /// that waits for the end learns of it when the file is free.
    fn abandon(self, connection: Connection) {
        drop(connection);
        drop(self.lock);
    }

    /// Writes the pending notes, marks the run as ended in order if it did, and ends.
    fn close(mut self, connection: Connection, answer: oneshot::Sender<()>) {
        let is_recording = self.queue.backlog().mode == Mode::Recording;
        self.queue.close();
        let path: PathBuf = self.path().to_owned();
        let path = path.display();
        if !is_recording {
            log::error!("store {path}: closed while it lacks changes; see the messages before");
        } else if let Err(error) = self.end_run(&connection) {
            log::error!("store {path}: the last changes cannot be written: {error}");
        }
        self.answer(Err(NotKept));
        if let Err((_, error)) = connection.close() {
            log::warn!("store {path}: {error}");
        }
        drop(self.lock);
        let _ = answer.send(());
    }

    fn end_run(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        connection.pragma_update(None, "synchronous", "FULL")?;
        self.meta.is_clean = true;
        if let Err(error) = self.commit(connection, false) {
            self.note_failure("cannot be written", &error.into());
            self.commit(connection, false)?;
        }
        self.answer(Ok(()));
        truncate_wal(connection).map(drop)
    }
}

/// A guard that closes the queue when the writer ends.
struct Closing(Arc<Queue>);

impl Drop for Closing {
    fn drop(&mut self) {
        self.0.close();
        if std::thread::panicking() {
            log::error!("the thread that writes the store has panicked; restart the server");
        }
    }
}
