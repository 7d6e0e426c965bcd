//! The reasons why a store cannot be opened, and the error texts for people.

use std::fs;
use std::path::Path;
use std::time::Duration;

use channelstream_actors::store::file::{FileOptions, OpenError, check, show};
use rusqlite::Connection;

use crate::support::{entries, flushed, kept, open, options, post, texts, try_open};

/// Tries to open a store, and returns the error text.
fn refused(options: &FileOptions) -> String {
    try_open(options).unwrap_err().to_string()
}

#[tokio::test]
async fn a_missing_folder_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("missing/store.db");
    let error = refused(&options(&path));
    assert!(
        error.contains("missing: the folder does not exist"),
        "{error}"
    );
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let error = refused(&options(&file.join("store.db")));
    assert!(error.contains("the folder does not exist"), "{error}");
    assert!(refused(&options(folder.path())).contains("not a file"));
}

#[tokio::test]
async fn a_folder_that_cannot_be_written_is_named() {
    let error = refused(&options(Path::new("/proc/store.db")));
    assert!(error.contains("/proc/store.db"), "{error}");
}

#[tokio::test]
async fn a_file_that_is_no_database_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let text = "This is a letter and not a database.\n".repeat(500);
    fs::write(&path, &text).unwrap();
    let error = refused(&options(&path));
    assert!(error.contains("not a database"), "{error}");
    assert!(error.contains("restore a backup"), "{error}");
    assert_eq!(fs::read_to_string(&path).unwrap(), text);
}

#[tokio::test]
async fn the_database_of_another_application_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let other = Connection::open(&path).unwrap();
    other
        .execute_batch("CREATE TABLE t (a); INSERT INTO t VALUES (1)")
        .unwrap();
    drop(other);
    let bytes = fs::read(&path).unwrap();
    let error = refused(&options(&path));
    assert!(error.contains("another application"), "{error}");
    assert_eq!(fs::read(&path).unwrap(), bytes);
}

#[tokio::test]
async fn a_newer_schema_is_refused_and_both_versions_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    kept(&path).await;
    let file = Connection::open(&path).unwrap();
    file.execute_batch("PRAGMA user_version = 7").unwrap();
    drop(file);
    let error = refused(&options(&path));
    assert!(
        error.contains("schema is 7") && error.contains("up to 2"),
        "{error}"
    );
}

#[tokio::test]
async fn a_second_server_waits_for_the_first_and_says_who_holds_the_store() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let (first, _) = open(&options(&path));
    let second = FileOptions {
        lock_wait: Duration::from_millis(300),
        ..options(&path)
    };
    let error = refused(&second);
    let process = format!("process {} on host", std::process::id());
    assert!(error.contains(&process), "{error}");
    assert!(show(&path).unwrap().holder.unwrap().contains(&process));
    post(&first, "news", &[(1, "one")]);
    let patient = options(&path);
    let waits = tokio::task::spawn_blocking(move || open(&patient));
    tokio::time::sleep(Duration::from_millis(200)).await;
    first.close().await;
    let (second, after) = waits.await.unwrap();
    assert_eq!(texts(&after), ["one"]);
    second.close().await;
    assert_eq!(show(&path).unwrap().holder, None);
}

#[tokio::test]
async fn a_damaged_page_is_found_at_the_start_or_by_a_check() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let (store, _) = open(&options(&path));
    let text = "x".repeat(1000);
    for offset in 1..=200 {
        post(&store, "news", &[(offset, &text)]);
    }
    flushed(&store).await;
    store.close().await;
    assert_eq!(check(&path).unwrap().problems, [] as [String; 0]);

    let whole = fs::read(&path).unwrap();
    let mut found_by_start = 0;
    let pages = whole.len() / 8192;
    for page in 1..pages {
        let mut damaged = whole.clone();
        damaged[page * 8192..page * 8192 + 4096].fill(0xa5);
        fs::write(&path, &damaged).unwrap();
        let report = check(&path);
        let is_found = report.is_err() || !report.unwrap().problems.is_empty();
        // A free page holds nothing, so damage to it is harmless.
        assert!(is_found || try_open(&options(&path)).is_ok(), "page {page}");
        fs::write(&path, &damaged).unwrap();
        if let Err(error) = try_open(&options(&path)) {
            found_by_start += 1;
            assert!(matches!(error, OpenError::Damaged { .. }), "{error}");
            assert!(error.to_string().contains("restore a backup"), "{error}");
        }
        for ending in ["-wal", "-shm"] {
            let beside = folder.path().join(format!("store.db{ending}"));
            for _ in 0..500 {
                if !beside.exists() {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
    }
    assert!(found_by_start * 2 > pages, "{found_by_start} of {pages}");
}

#[tokio::test]
async fn a_row_that_cannot_be_read_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let (store, _) = open(&options(&path));
    post(&store, "news", &[(1, "one"), (2, "two")]);
    store.close().await;
    let file = Connection::open(&path).unwrap();
    file.execute_batch("UPDATE entry SET entries = replace(entries, 'two', 'two\"')")
        .unwrap();
    drop(file);
    let error = refused(&options(&path));
    assert!(error.contains("table entry, row 1"), "{error}");
    let problems = check(&path).unwrap().problems;
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(
        problems[0].starts_with("table entry, log 1, offset 1:"),
        "{problems:?}"
    );
}

#[tokio::test]
async fn a_check_finds_inconsistencies() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let (store, _) = open(&options(&path));
    post(&store, "news", &[(1, "one"), (2, "two")]);
    post(&store, "other", &[(1, "one")]);
    store.close().await;
    let file = Connection::open(&path).unwrap();
    file.execute_batch(
        "UPDATE entry SET last = 9 WHERE log = (SELECT id FROM channel WHERE name = 'news');
         DELETE FROM channel WHERE name = 'other';
         CREATE TABLE surplus (a)",
    )
    .unwrap();
    drop(file);
    let problems = check(&path).unwrap().problems;
    assert_eq!(problems.len(), 3, "{problems:?}");
    assert!(problems[0].contains("surplus"), "{problems:?}");
    for problem in ["do not match its columns", "its log does not exist"] {
        assert!(
            problems.iter().any(|found| found.contains(problem)),
            "{problems:?}"
        );
    }
}

#[tokio::test]
async fn show_counts_the_contents_of_the_store() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    assert!(matches!(show(&path), Err(OpenError::NoFile(_))));
    let (store, _) = open(&options(&path));
    post(&store, "other", &[(1, "one")]);
    let mut in_log = entries("news", &[(1, "one"), (2, "two"), (3, "three")]);
    in_log[0].is_in_history = true;
    in_log[2].is_in_history = true;
    let mut record = crate::support::channel("news", 2, 3);
    record.history_start = 0;
    let changes = crate::support::appended(in_log);
    store.note(|| channelstream_actors::store::note::Note::Channel(record, changes));
    flushed(&store).await;
    let summary = show(&path).unwrap();
    assert_eq!((summary.channels, summary.users), (2, 0));
    assert_eq!((summary.entries, summary.history_messages), (2, 2));
    assert_eq!(
        (summary.schema, summary.life, summary.is_clean),
        (2, 1, false)
    );
    assert!(summary.holder.is_some());
    let ends = (summary.oldest_entry.unwrap(), summary.newest_entry.unwrap());
    assert_eq!((ends.0.uptime_micros(), ends.1.uptime_micros()), (1, 3));
    store.close().await;
    let summary = show(&path).unwrap();
    assert!(summary.is_clean && summary.holder.is_none() && summary.wal_bytes == 0);
}
