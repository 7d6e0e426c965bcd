//! Tests of a store whose file cannot be written, or has been removed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use channelstream_actors::core::record::LogChanges;
use channelstream_actors::error::NotKept;
use channelstream_actors::name::ChannelName;
use channelstream_actors::store::Store;
use channelstream_actors::store::file::{Durability, FileOptions};
use channelstream_actors::store::note::Note;
use rusqlite::Connection;

use crate::support::{
    appended, channel, entries, flushed, kept, open, options, post, texts, until,
};

/// Waits until the store refuses calls, and returns the reason.
async fn refused(store: &Store) -> String {
    until("calls are refused", || {
        let status = store.status().unwrap();
        !status.is_ready() && status.error.is_some()
    })
    .await;
    store.status().unwrap().error.unwrap()
}

async fn accepted(store: &Store) {
    until("calls are accepted", || store.accepts().is_ok()).await;
    until("no fault is reported", || {
        store.status().unwrap().error.is_none()
    })
    .await;
}

/// Notes the whole of a channel.
fn note_whole_channel(store: &Store, name: &str, texts: &[(u64, &str)]) {
    let changes = LogChanges {
        is_whole: true,
        ..appended(entries(name, texts))
    };
    let record = channel(name, 0, texts.last().unwrap().0);
    store.note(|| Note::Channel(record, changes));
}

/// Opens the file as another process would, and keeps everybody else from writing it.
fn lock_file(path: &Path) -> Connection {
    let other = Connection::open(path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    other
}

#[tokio::test]
async fn calls_are_refused_until_the_file_can_be_written_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let always = FileOptions {
        durability: Durability::Always,
        ..options(&path)
    };
    let (store, _) = open(&always);
    let other = lock_file(&path);
    post(&store, "news", &[(1, "one")]);
    assert!(store.accepts().is_ok());
    assert_eq!(store.wait_until_kept().await, Err(NotKept));
    let error = refused(&store).await;
    assert!(error.contains("locked"), "{error}");
    // Noted changes stay, and more are added.
    post(&store, "news", &[(2, "two")]);
    drop(other);
    assert_eq!(store.wait_until_kept().await, Ok(()));
    accepted(&store).await;
    drop(store);
    assert_eq!(texts(&kept(&path).await), ["one", "two"]);
}

#[tokio::test]
async fn waiting_notes_above_the_limit_are_dropped_and_written_anew() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let bounded = FileOptions {
        queue_bytes: 100_000,
        ..options(&path)
    };
    let (store, _) = open(&bounded);
    post(&store, "old", &[(1, "one")]);
    flushed(&store).await;
    let other = lock_file(&path);
    let text = "x".repeat(1000);
    let mut offset = 0;
    while store.status().unwrap().waiting_bytes <= 50_000 {
        offset += 1;
        post(&store, "news", &[(offset, &text)]);
    }
    assert!(store.accepts().is_err(), "half of the bound is used");
    for number in 0..200 {
        post(&store, "news", &[(offset + number, &text)]);
    }
    assert!(
        store.status().unwrap().waiting_bytes < 90_000,
        "the waiting changes were dropped"
    );
    let asked = tokio::time::timeout(Duration::from_millis(100), store.wait_for_rebuild()).await;
    assert!(asked.is_err(), "the file cannot be written yet");
    drop(other);
    store.wait_for_rebuild().await;
    assert!(store.accepts().is_err());
    note_whole_channel(&store, "news", &[(5, "five")]);
    post(&store, "news", &[(6, "six")]);
    store.finish_rebuild();
    accepted(&store).await;
    post(&store, "news", &[(7, "seven")]);
    store.close().await;
    assert_eq!(texts(&kept(&path).await), ["five", "six", "seven"]);
}

#[tokio::test]
async fn only_the_last_requested_rebuild_counts() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let (store, _) = open(&options(&path));
    let away = folder.path().join("away.db");
    fs::rename(&path, &away).unwrap();
    refused(&store).await;
    fs::rename(&away, &path).unwrap();
    store.wait_for_rebuild().await;
    // Another fault interrupts the rebuild.
    fs::rename(&path, &away).unwrap();
    until("the fault is reported", || {
        let error = store.status().unwrap().error;
        error.is_some_and(|error| error.contains("was removed"))
    })
    .await;
    fs::rename(&away, &path).unwrap();
    until("a rebuild is requested again", || {
        let error = store.status().unwrap().error;
        error.is_some_and(|error| error.contains("written anew"))
    })
    .await;
    store.finish_rebuild();
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(
        store.accepts().is_err(),
        "the actors have not noted everything again"
    );
    store.wait_for_rebuild().await;
    note_whole_channel(&store, "news", &[(1, "one")]);
    store.finish_rebuild();
    accepted(&store).await;
    store.close().await;
    assert_eq!(texts(&kept(&path).await), ["one"]);
}

#[tokio::test]
async fn a_new_file_takes_the_place_of_one_that_was_removed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let (store, _) = open(&options(&path));
    post(&store, "news", &[(1, "one")]);
    flushed(&store).await;
    fs::remove_file(&path).unwrap();
    let error = refused(&store).await;
    assert!(error.contains("was removed"), "{error}");
    store.wait_for_rebuild().await;
    note_whole_channel(&store, "news", &[(1, "new one")]);
    store.finish_rebuild();
    accepted(&store).await;
    post(&store, "news", &[(2, "two")]);
    store.close().await;
    assert_eq!(texts(&kept(&path).await), ["new one", "two"]);
}

#[tokio::test]
async fn another_file_in_its_place_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let other_path = folder.path().join("other.db");
    let (other, _) = open(&options(&other_path));
    post(&other, "news", &[(1, "other")]);
    other.close().await;

    let (store, _) = open(&options(&path));
    post(&store, "news", &[(1, "one")]);
    flushed(&store).await;
    let away = folder.path().join("away.db");
    fs::rename(&path, &away).unwrap();
    fs::rename(&other_path, &path).unwrap();
    let error = refused(&store).await;
    assert!(error.contains("another file"), "{error}");
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert!(store.accepts().is_err());
    store.close().await;
    let bytes = fs::read(&path).unwrap();
    for ending in ["-wal", "-shm"] {
        fs::remove_file(folder.path().join(format!("store.db{ending}"))).ok();
    }
    assert_eq!(fs::read(&path).unwrap(), bytes);
    assert_eq!(texts(&kept(&path).await), ["other"]);
}

/// A small file system, where the machine allows to mount one.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(folder: &Path, size: &str) -> Option<Self> {
        let point = folder.join("disk");
        fs::create_dir(&point).unwrap();
        let size = format!("size={size}");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &size, "none"])
            .arg(&point)
            .output();
        let is_mounted = mounted.is_ok_and(|output| output.status.success());
        is_mounted.then_some(Self(point))
    }

    /// Fills all free space, and returns the file that takes it.
    fn fill(&self) -> PathBuf {
        let path = self.0.join("filler");
        let mut bytes = 1 << 20;
        let mut file = fs::File::create(&path).unwrap();
        while bytes > 0 {
            if std::io::Write::write_all(&mut file, &vec![1; bytes]).is_err() {
                bytes /= 2;
            }
        }
        path
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        Command::new("umount").arg("-l").arg(&self.0).output().ok();
    }
}

#[tokio::test]
async fn the_store_survives_a_full_disk() {
    let folder = tempfile::tempdir().unwrap();
    let Some(disk) = SmallDisk::mount(folder.path(), "64m") else {
        println!("not run: mounting is not allowed here");
        return;
    };
    let path = disk.0.join("store.db");
    let ballast = disk.0.join("store.db.ballast");
    let (store, _) = open(&options(&path));
    until("the ballast is there", || ballast.exists()).await;
    post(&store, "news", &[(1, "one")]);
    flushed(&store).await;
    let filler = disk.fill();

    // The store gives up the ballast before it refuses calls for long.
    let text = "x".repeat(60_000);
    let mut offset = 1;
    while ballast.exists() {
        offset += 1;
        post(&store, "news", &[(offset, &text)]);
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    flushed(&store).await;
    accepted(&store).await;

    // Then the disk is full for good.
    while store.accepts().is_ok() {
        offset += 1;
        post(&store, "news", &[(offset, &text)]);
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let error = refused(&store).await;
    assert!(
        error.contains("full") && error.contains("free some space"),
        "{error}"
    );
    store.note(|| Note::ChannelForgotten(ChannelName::new("news")));
    post(&store, "news", &[(1, "last")]);
    fs::remove_file(filler).unwrap();
    accepted(&store).await;
    store.close().await;
    assert_eq!(texts(&kept(&path).await), ["last"]);
}
