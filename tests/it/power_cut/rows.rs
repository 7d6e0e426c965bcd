//! Tests with a program that commits rows to an SQLite database with its own settings.

use std::io::{BufRead, BufReader, Lines};
use std::process::{Child, ChildStdout, Stdio};
use std::time::Duration;

use super::{Folder, python};
use crate::support::power_cut::{Cut, PowerCut};
use crate::support::random::Random;
use crate::support::scale::scaled;

/// A script that prints the state of the database, then commits rows and prints the number of each
/// after its commit.
const ROWS: &str = "
import sqlite3, sys
path, synchronous, checkpoint = sys.argv[1:]
try:
    database = sqlite3.connect(path, isolation_level=None)
    database.execute('PRAGMA journal_mode=WAL')
    database.execute(f'PRAGMA synchronous={synchronous}')
    database.execute(f'PRAGMA wal_autocheckpoint={checkpoint}')
    database.execute('CREATE TABLE IF NOT EXISTS row (number INTEGER PRIMARY KEY, text TEXT)')
    [(integrity,)] = database.execute('PRAGMA integrity_check').fetchall()
    rows = database.execute('SELECT number, text FROM row ORDER BY number').fetchall()
    assert rows == [(n, str(n) * (n * 37 % 1000)) for n in range(1, len(rows) + 1)], 'wrong rows'
except (sqlite3.DatabaseError, ValueError, AssertionError) as error:
    integrity, rows = str(error), []
print(integrity.replace('\\n', ' '), len(rows), sep=':', flush=True)
if integrity != 'ok':
    sys.exit()
for n in range(len(rows) + 1, 1 << 40):
    database.execute('INSERT INTO row VALUES (?, ?)', (n, str(n) * (n * 37 % 1000)))
    print(n, flush=True)
";

/// A running program that commits rows.
struct Rows {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    /// The errors of the database, or `ok`.
    integrity: String,
    /// The number of rows at the beginning.
    found: u64,
}

impl Rows {
    fn start(folder: &Folder, cut: &PowerCut, synchronous: &str, checkpoint: &str) -> Self {
        let arguments = ["rows.sqlite", synchronous, checkpoint];
        let mut command = python(folder, cut, ROWS, &arguments);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let first = lines.next().unwrap().unwrap();
        let (integrity, found) = first.rsplit_once(':').unwrap();
        Self {
            child,
            lines,
            integrity: integrity.to_owned(),
            found: found.parse().unwrap(),
        }
    }

    /// Kills the program after this many commits and some time, during any later commit. Returns
    /// the number of the last printed row.
    fn kill_after(mut self, commits: u64, microseconds: u64) -> u64 {
        let lines = self.lines.by_ref().map(|line| line.unwrap());
        let rows = lines.map(|line| line.parse().unwrap());
        let printed = rows.take(usize::try_from(commits).unwrap()).last();
        std::thread::sleep(Duration::from_micros(microseconds));
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        // It may have printed more rows meanwhile.
        let rest = self.lines.map_while(|line| line.unwrap().parse().ok());
        rest.last().or(printed).unwrap_or(self.found)
    }
}

/// The effect of a cut on the rows.
#[derive(Debug)]
struct Outcome {
    counts: Cut,
    integrity: String,
    /// The number of printed rows that are missing.
    lost: u64,
}

/// Cuts the power again and again after a few commits. The same database goes through all cuts,
/// until one of them damages it.
fn cuts(
    synchronous: &str,
    checkpoint: &str,
    count: u64,
    cut_power: impl Fn(&mut PowerCut, u64) -> Cut,
) -> Vec<Outcome> {
    let folder = Folder::new();
    let mut cut = PowerCut::new(&folder.0);
    let mut random = Random::new(count);
    let mut outcomes = Vec::new();
    let mut rows = Rows::start(&folder, &cut, synchronous, checkpoint);
    for number in 0..count {
        let printed = rows.kill_after(random.below(25), random.below(2000));
        let counts = cut_power(&mut cut, number);
        rows = Rows::start(&folder, &cut, synchronous, checkpoint);
        let outcome = Outcome {
            counts,
            integrity: rows.integrity.clone(),
            lost: printed.saturating_sub(rows.found),
        };
        println!("{synchronous}, cut {number}: {printed} rows printed, {outcome:?}");
        outcomes.push(outcome);
        if rows.integrity != "ok" {
            break;
        }
    }
    rows.kill_after(0, 0);
    outcomes
}

fn assert_nothing_lost(outcomes: &[Outcome]) {
    for (number, outcome) in outcomes.iter().enumerate() {
        let what = (outcome.integrity.as_str(), outcome.lost);
        assert_eq!(what, ("ok", 0), "cut {number}");
    }
    // Otherwise no kill came between a write and its sync.
    assert!(outcomes.iter().any(|outcome| outcome.counts.unsynced > 0));
}

/// The number of pages at which a checkpoint copies the write-ahead log into the database. It is
/// small, so that many cuts happen during a checkpoint.
const PAGES_TO_CHECKPOINT: &str = "10";

#[test]
fn synced_rows_survive_cuts_that_forget_the_rest() {
    let count = scaled(20, 200);
    let outcomes = cuts("FULL", PAGES_TO_CHECKPOINT, count, |cut, _| {
        cut.forget_unsynced()
    });
    assert_nothing_lost(&outcomes);
}

#[test]
fn synced_rows_survive_cuts_that_keep_some_of_the_rest() {
    let count = scaled(20, 200);
    let outcomes = cuts("FULL", PAGES_TO_CHECKPOINT, count, |cut, number| {
        cut.keep_some_unsynced(number)
    });
    assert_nothing_lost(&outcomes);
}

#[test]
fn rows_that_were_not_synced_are_lost() {
    let outcomes = cuts("NORMAL", "1000", 5, |cut, _| cut.forget_unsynced());
    assert!(outcomes.iter().any(|outcome| outcome.lost > 0));
    assert!(outcomes.iter().all(|outcome| outcome.integrity == "ok"));
}

#[test]
fn a_cut_that_keeps_some_writes_breaks_a_database_without_syncs() {
    // A cut damages it within about ten cuts, and `cuts` ends then.
    let outcomes = cuts("OFF", PAGES_TO_CHECKPOINT, 100, |cut, number| {
        cut.keep_some_unsynced(number)
    });
    assert!(outcomes.iter().any(|outcome| outcome.integrity != "ok"));
}

#[test]
fn a_kill_alone_loses_nothing_even_without_syncs() {
    let outcomes = cuts("OFF", PAGES_TO_CHECKPOINT, 5, |cut, _| cut.keep_unsynced());
    assert_nothing_lost(&outcomes);
}
