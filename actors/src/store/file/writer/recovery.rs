//! The work of the writer when the file lacks changes or was removed.
//!
//! Later notes alone cannot make a file correct that lacks changes. So notes are dropped until the
//! disk works again. Then all actors, which hold the true state, note their whole state.

use std::fs;
use std::time::{Duration, Instant};

use rusqlite::Connection;

use super::{Next, Writer};
use crate::store::file::database;
use crate::store::file::error::OpenError;
use crate::store::file::ids::Ids;
use crate::store::file::meta;
use crate::store::file::place::create_private;
use crate::store::file::queue::Mode;
use crate::store::file::recovery::Recovery;
use crate::store::file::schema::{self, MIGRATIONS};
use crate::store::file::tables::Tables;

/// The time for which the path stays empty before a new file is made there. Someone who moves files
/// may still put one there.
const ABSENT: Duration = Duration::from_secs(10);

impl Writer {
    /// Returns whether the file was at its path when the writer last looked.
    pub(super) fn is_in_place(&self) -> bool {
        !self.recovery.is_away
    }

    /// Checks whether the file is still at its path, and begins a recovery if it is not or lacks
    /// changes.
    pub(super) fn look_at_file(&mut self, connection: &Connection, mode: Mode) -> Next {
        let found = self.place.identity();
        self.recovery.is_away = found != Some(self.identity);
        if !self.recovery.is_away {
            self.recovery.absent_since = None;
            if mode == Mode::Behind {
                self.try_rebuild(connection);
            }
            return Next::Continue;
        }
        if mode != Mode::Behind {
            self.queue.set_behind();
            self.forget_pending();
        }
        if found.is_some() {
            self.recovery.absent_since = None;
            self.report_fault(
                "another file was put in its place; put the old one back, or restart the server \
                 to start from the new one",
            );
            return Next::Continue;
        }
        self.report_fault("the file was removed; a new one is made if it does not come back");
        let since = self.recovery.absent_since.get_or_insert_with(Instant::now);
        if since.elapsed() < ABSENT {
            return Next::Continue;
        }
        Next::Reopen
    }

    /// Begins a rebuild if the file can be written: all actors note their whole state.
    fn try_rebuild(&mut self, connection: &Connection) {
        if self
            .recovery
            .not_before
            .is_some_and(|time| Instant::now() < time)
        {
            return;
        }
        self.forget_pending();
        match self.commit(connection, false) {
            Ok(()) => {
                self.report_fault("the file lacks changes, so all of it is being written anew");
                self.queue.begin_rebuild();
            }
            Err(error) => {
                self.note_failure("cannot be written, and lacks changes", &error.into());
                self.not_before = None;
            }
        }
    }

    /// Replaces the contents of the file with the whole state that the actors have noted.
    pub(super) fn write_anew(&mut self, connection: &Connection) {
        match self.commit(connection, true) {
            Ok(()) => {
                self.recovery = Recovery::default();
                self.queue.end_rebuild();
                // Makes `note_success` treat this as the end of a fault.
                self.not_before = Some(Instant::now());
                self.note_success();
            }
            Err(error) => {
                self.note_failure("cannot be written anew", &error.into());
                self.queue.set_behind();
                self.forget_pending();
                self.recovery.back_off();
            }
        }
    }

    /// Makes a new file in place of the one that was removed. Returns `None` if that fails.
    pub(super) fn reopen(&mut self) -> Option<Connection> {
        match self.make_file() {
            Ok(connection) => {
                self.recovery = Recovery::default();
                self.forget_pending();
                self.report_fault("the file was removed, so a new one is being written");
                self.queue.begin_rebuild();
                Some(connection)
            }
            Err(error) => {
                self.report_fault(&format!(
                    "the file was removed, and no new one can be made: {error}"
                ));
                None
            }
        }
    }

    fn make_file(&mut self) -> Result<Connection, OpenError> {
        let path = self.path().to_owned();
        let doing = "creating a new file";
        // SQLite would take the leftovers of the old file for changes of the new one.
        for ending in ["-wal", "-shm"] {
            drop(fs::remove_file(self.place.beside(ending)));
        }
        create_private(&path).map_err(|error| OpenError::of_system(&path, doing, &error))?;
        let failed = |error: rusqlite::Error| OpenError::of_database(&path, doing, &error);
        let made = database::open(&path).map_err(failed)?;
        schema::prepare(&made, &path, MIGRATIONS)?;
        meta::write(&made, &self.meta).map_err(failed)?;
        database::set_durability(&made, self.meta.durability).map_err(failed)?;
        let identity = self.place.identity();
        self.identity = identity.ok_or_else(|| OpenError::NoFile(path.clone()))?;
        self.tables = Tables::new(self.meta.life, Ids::default(), Ids::default());
        Ok(made)
    }
}
