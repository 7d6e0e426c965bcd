//! Checks the file of a store for damage.

use std::path::Path;

use rusqlite::Connection;

use crate::name::{ChannelName, UserName};
use crate::store::file::error::OpenError;
use crate::store::file::rows::{RowError, read_calls, read_channels, read_connections, read_users};
use crate::store::file::schema::{self, Found, MIGRATIONS, TABLES};
use crate::store::file::show::open;
use crate::store::file::stored::entry::{Owner, decode_row};
use crate::store::file::stored::names::{KnownNames, Names};

/// The largest number of problems of one kind that are listed.
const PROBLEMS: usize = 100;

/// The result of [`check`].
#[derive(Clone, Debug, Default)]
pub struct CheckReport {
    /// The problems, one sentence each; empty if the file is sound.
    pub problems: Vec<String>,
    /// The number of rows that were read.
    pub rows: u64,
}

/// Checks the file of a store for damage. It reads all of the file, so it can take minutes. A
/// server may run meanwhile, but its write-ahead log grows until the check is over.
///
/// # Errors
/// Fails when the file cannot be opened or is not the file of a store. Damage is not an error: the
/// report lists it as a problem.
pub fn check(path: &Path) -> Result<CheckReport, OpenError> {
    let (place, connection) = open(path)?;
    let path = place.path();
    let mut report = CheckReport::default();
    match schema::identify(&connection, path)? {
        Found::Nothing => {
            report.problems.push("the file has no tables".to_owned());
            return Ok(report);
        }
        Found::Schema(found) if found > schema::newest(MIGRATIONS) => {
            return Err(OpenError::NewerSchema {
                path: path.to_owned(),
                found,
                known: schema::newest(MIGRATIONS),
            });
        }
        Found::Schema(found) if found < schema::newest(MIGRATIONS) => {
            let text = format!("the tables have schema {found}; start the server to upgrade them");
            report.problems.push(text);
            return Ok(report);
        }
        Found::Schema(_) => {}
    }
    let mut collect = |result: Result<u64, RowError>| match result {
        Ok(rows) => report.rows += rows,
        Err(RowError::Database(error)) => report.problems.push(error.to_string()),
        Err(RowError::Unreadable(problem)) => report.problems.push(problem),
    };
    for problem in integrity(&connection).unwrap_or_else(|error| vec![error.to_string()]) {
        collect(Err(RowError::Unreadable(problem)));
    }
    collect(check_tables(&connection));
    let known = KnownNames::default();
    let mut names = Names::new(&known);
    let count = |rows: usize| u64::try_from(rows).unwrap_or(u64::MAX);
    collect(read_channels(&connection).map(|rows| count(rows.len())));
    collect(read_users(&connection).map(|rows| count(rows.len())));
    collect(read_connections(&connection, &mut names).map(|rows| count(rows.len())));
    collect(read_calls(&connection).map(|rows| count(rows.len())));
    let channel = ChannelName::new("");
    let user = UserName::new("");
    for (table, log, owner) in [
        ("entry", "channel", Owner::Channel(&channel)),
        ("private_entry", "user", Owner::User(&user)),
    ] {
        let mut problems = Vec::new();
        collect(check_entries(&connection, table, log, owner, &mut problems));
        for problem in problems {
            collect(Err(RowError::Unreadable(problem)));
        }
    }
    Ok(report)
}

/// Returns the problems that SQLite finds.
fn integrity(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut statement = connection.prepare(&format!("PRAGMA integrity_check({PROBLEMS})"))?;
    let lines = statement.query_map([], |row| row.get::<_, String>(0))?;
    let mut lines = lines.collect::<rusqlite::Result<Vec<_>>>()?;
    lines.retain(|line| line != "ok");
    Ok(lines)
}

/// Compares the definitions of the tables with those of a new file.
fn check_tables(connection: &Connection) -> Result<u64, RowError> {
    let expected = Connection::open_in_memory()?;
    expected.execute_batch(TABLES)?;
    let tables = |connection: &Connection| -> rusqlite::Result<Vec<(String, String)>> {
        let query = "SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name";
        let mut statement = connection.prepare(query)?;
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        rows.collect()
    };
    let (found, expected) = (tables(connection)?, tables(&expected)?);
    let different: Vec<&str> = expected
        .iter()
        .filter(|table| !found.contains(table))
        .chain(found.iter().filter(|table| !expected.contains(table)))
        .map(|(name, _)| name.as_str())
        .collect();
    if different.is_empty() {
        return Ok(0);
    }
    let different = different.join(", ");
    Err(RowError::Unreadable(format!(
        "these tables differ from the schema: {different}"
    )))
}

/// Checks whether all entries can be read and belong to a log. Returns the number of their rows.
fn check_entries(
    connection: &Connection,
    table: &str,
    log: &str,
    owner: Owner<'_>,
    problems: &mut Vec<String>,
) -> Result<u64, RowError> {
    let known = KnownNames::default();
    let mut names = Names::new(&known);
    let query = format!(
        "SELECT log, first, last, entries, EXISTS (SELECT 1 FROM {log} WHERE id = log) FROM {table}"
    );
    let mut statement = connection.prepare(&query)?;
    let mut rows = statement.query([])?;
    let mut count = 0;
    while let Some(row) = rows.next()? {
        let (log, first, last): (i64, i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let text = row.get_ref(3)?.as_str().map_err(rusqlite::Error::from);
        let entries = match text {
            Ok(text) => {
                decode_row(text, owner, u64::MAX, &mut names).map_err(|error| error.to_string())
            }
            Err(error) => Err(error.to_string()),
        };
        let is_known: bool = row.get(4)?;
        let problem = match entries {
            _ if !is_known => Some("its log does not exist".to_owned()),
            Err(problem) => Some(problem),
            Ok(entries) => {
                let offsets = entries.iter().map(|entry| entry.offset.cast_signed());
                let is_sorted = offsets.clone().is_sorted_by(|one, next| one < next);
                let ends = (offsets.clone().next(), offsets.last());
                let is_right = is_sorted && ends == (Some(first), Some(last));
                (!is_right).then(|| "its offsets do not match its columns".to_owned())
            }
        };
        if let Some(problem) = problem
            && problems.len() < PROBLEMS
        {
            problems.push(format!(
                "table {table}, log {log}, offset {first}: {problem}"
            ));
        }
        count += 1;
    }
    Ok(count)
}
