//! What the writer does when the file lacks something, or is not there any more.
//!
//! A file that lacks something does not become right by what is noted later. So the notes are
//! dropped until the disk works, and then all actors, which hold the truth, note themselves whole.

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

/// How long the path stays empty before a new file is made there: whoever moves files about may put
/// one there.
const ABSENT: Duration = Duration::from_secs(10);

impl Writer {
    /// Returns whether the file stands at its path, as far as it is known.
    pub(super) fn is_in_place(&self) -> bool {
        !self.recovery.is_away
    }

    /// Looks whether the file still stands at its path.
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
            self.complain(
                "another file was put in its place; put the old one back, or restart the server \
                 to start from the new one",
            );
            return Next::Continue;
        }
        self.complain("the file was removed; a new one is made if it does not come back");
        let since = self.recovery.absent_since.get_or_insert_with(Instant::now);
        if since.elapsed() < ABSENT {
            return Next::Continue;
        }
        Next::Reopen
    }

    /// Begins to collect what all actors note of themselves, if the file can be written.
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
                self.complain("it lacks changes, so all of it is being written anew");
                self.queue.begin_rebuild();
            }
            Err(error) => {
                self.fails("cannot be written, and lacks changes", &error.into());
                self.not_before = None;
            }
        }
    }

    /// Writes everything anew that the actors have noted.
    pub(super) fn write_anew(&mut self, connection: &Connection) {
        match self.commit(connection, true) {
            Ok(()) => {
                self.recovery = Recovery::default();
                self.queue.end_rebuild();
                // So that it counts as a fault that has ended.
                self.not_before = Some(Instant::now());
                self.works();
            }
            Err(error) => {
                self.fails("cannot be written anew", &error.into());
                self.queue.set_behind();
                self.forget_pending();
                self.recovery.put_off();
            }
        }
    }

    /// Makes a new file where the old one was removed. Returns `None` if that fails.
    pub(super) fn reopen(&mut self) -> Option<Connection> {
        match self.make_file() {
            Ok(connection) => {
                self.recovery = Recovery::default();
                self.forget_pending();
                self.complain("the file was removed, so a new one is being written");
                self.queue.begin_rebuild();
                Some(connection)
            }
            Err(error) => {
                self.complain(&format!(
                    "the file was removed, and no new one can be made: {error}"
                ));
                None
            }
        }
    }

    fn make_file(&mut self) -> Result<Connection, OpenError> {
        let path = self.path().to_owned();
        let doing = "making a new file";
        // What is left of the old file would be taken for changes of the new one.
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
