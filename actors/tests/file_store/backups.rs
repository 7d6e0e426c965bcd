//! Backups of a store, and the traces of deleted data.

use std::fs;
use std::path::Path;

use channelstream_actors::core::record::{LogChanges, Rewrite};
use channelstream_actors::name::ChannelName;
use channelstream_actors::position::Epoch;
use channelstream_actors::store::Store;
use channelstream_actors::store::file::{BackupError, backup, check, show};
use channelstream_actors::store::note::Note;

use crate::support::{channel, flushed, kept, open, options, post, texts};

async fn back_up(store: &Store, to: &Path) -> Result<(), BackupError> {
    let Store::File(file) = store else {
        panic!("not a file store");
    };
    file.backup(to.to_owned()).await
}

#[tokio::test]
async fn a_backup_is_made_while_the_store_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let (path, to) = (
        folder.path().join("store.db"),
        folder.path().join("copy.db"),
    );
    let (store, _) = open(&options(&path));
    let text = "x".repeat(2000);
    for offset in 1..=5000 {
        post(&store, "news", &[(offset, &text)]);
    }
    flushed(&store).await;
    let commits = store.status().unwrap().commits;
    let writes = async {
        let mut offset = 5000;
        while !to.exists() {
            offset += 1;
            post(&store, "news", &[(offset, &text)]);
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
    };
    let (copied, ()) = tokio::join!(back_up(&store, &to), writes);
    copied.unwrap();
    assert!(
        store.status().unwrap().commits > commits,
        "it was written meanwhile"
    );
    assert!(matches!(
        back_up(&store, &to).await,
        Err(BackupError::Exists(_))
    ));
    assert!(matches!(
        backup(&path, &folder.path().join("other.db")),
        Err(BackupError::Held(_))
    ));
    store.close().await;

    assert_eq!(check(&to).unwrap().problems, [] as [String; 0]);
    let mode = std::os::unix::fs::MetadataExt::mode(&fs::metadata(&to).unwrap());
    assert_eq!(mode & 0o777, 0o600);
    let names = fs::read_dir(folder.path()).unwrap();
    let names = names.map(|file| file.unwrap().file_name().into_string().unwrap());
    assert!(!names.into_iter().any(|name| name.contains(".part")));
    let copy = kept(&to).await;
    assert!(copy.may_miss_entries);
    assert!(copy.channels[0].1.len() >= 5000);
}

#[tokio::test]
async fn each_start_from_a_backup_begins_other_epochs() {
    let folder = tempfile::tempdir().unwrap();
    let (path, to) = (
        folder.path().join("store.db"),
        folder.path().join("copy.db"),
    );
    let (store, _) = open(&options(&path));
    post(&store, "news", &[(1, "one")]);
    store.close().await;
    backup(&path, &to).unwrap();
    assert!(show(&to).unwrap().is_copy);
    let again = folder.path().join("again.db");
    fs::copy(&to, &again).unwrap();
    let mut epochs = Vec::new();
    for path in [&to, &again] {
        let copy = kept(path).await;
        assert_eq!(texts(&copy), ["one"]);
        let log = &copy.channels[0].0.log;
        assert_eq!(log.former[0].first, Epoch::from(u64::MAX - 7));
        assert_eq!(log.former[0].end, 1);
        epochs.push(log.epoch);
    }
    assert_ne!(epochs[0], epochs[1]);
    assert!(kept(&path).await.channels[0].0.log.former.is_empty());
}

#[tokio::test]
async fn a_backup_that_cannot_be_made_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let (store, _) = open(&options(&path));
    let to = folder.path().join("missing/copy.db");
    assert!(matches!(
        back_up(&store, &to).await,
        Err(BackupError::Failed { .. })
    ));
    store.close().await;
    let to = folder.path().join("copy.db");
    assert!(matches!(
        back_up(&store, &to).await,
        Err(BackupError::Interrupted)
    ));
    assert!(!to.exists());
}

#[tokio::test]
async fn deleted_data_is_in_no_file_after_a_stop() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let (store, _) = open(&options(&path));
    let secrets = ["secret-of-a-log", "secret-of-a-channel"];
    let mut texts: Vec<(u64, String)> = (1..=300).map(|n| (n, format!("m{n}"))).collect();
    texts[150].1 = secrets[0].repeat(10);
    let texts: Vec<(u64, &str)> = texts.iter().map(|(n, text)| (*n, text.as_str())).collect();
    post(&store, "news", &texts);
    post(&store, "gone", &[(1, &secrets[1].repeat(1000))]);
    flushed(&store).await;
    assert!(is_anywhere(folder.path(), secrets[0]) && is_anywhere(folder.path(), secrets[1]));
    let rewritten = vec![Rewrite {
        offset: 151,
        message: None,
    }];
    let changes = LogChanges {
        rewritten,
        ..LogChanges::default()
    };
    store.note(|| Note::Channel(channel("news", 0, 300), changes));
    store.note(|| Note::ChannelForgotten(ChannelName::new("gone")));
    store.close().await;
    assert!(!is_anywhere(folder.path(), secrets[0]));
    assert!(!is_anywhere(folder.path(), secrets[1]));
}

/// Returns whether a text is in a file of a folder.
fn is_anywhere(folder: &Path, text: &str) -> bool {
    folder.read_dir().unwrap().any(|file| {
        let bytes = fs::read(file.unwrap().path()).unwrap();
        bytes
            .windows(text.len())
            .any(|part| part == text.as_bytes())
    })
}
