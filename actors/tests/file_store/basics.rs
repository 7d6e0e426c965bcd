//! What is noted comes back at the next start, and what was forgotten does not.

use bytestring::ByteString;
use channelstream_actors::core::entry::Entry;
use channelstream_actors::core::record::{LogChanges, Rewrite};
use channelstream_actors::core::route::Route;
use channelstream_actors::name::{ChannelName, ConnId, UserName};
use channelstream_actors::position::Epoch;
use channelstream_actors::protocol::event::EventBody;
use channelstream_actors::protocol::timestamp::Moment;
use channelstream_actors::store::file::{Durability, FileOptions};
use channelstream_actors::store::note::{CallRecord, Note};
use uuid::Uuid;

use crate::support::{
    appended, channel, connection, entries, entry, flushed, kept, message, open, options, post,
    text, texts, user,
};

#[tokio::test]
async fn noted_records_come_back_unchanged() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let (store, before) = open(&options(&path));
    assert!(before.channels.is_empty() && !before.may_miss_entries);

    let mut restricted = entry(3, message(Some("news\0"), "three"));
    restricted.message = None;
    restricted.route = Route::restricted(&[UserName::new("b"), UserName::new("a")], &[]);
    restricted.body = Some(EventBody::from_live(
        "{\"x\":\"\\ud800\",\"catchup\":false}",
    ));
    restricted.kept = false;
    let mut in_log = entries("news\0", &[(1, "one"), (2, "two")]);
    in_log.push(restricted);
    let news = channel("news\0", 0, 3);
    let bob = user("bob", 1);
    let private = vec![entry(1, message(None, "private"))];
    let ids = [ConnId::random(), ConnId::random()];
    let call = |answer: Option<&'static str>| CallRecord {
        digest: [7; 20],
        begun_at: Moment::from_clocks(9, 10),
        seed: Uuid::from_u128(3),
        answer: answer.map(ByteString::from_static),
    };
    store.note(|| Note::Channel(news.clone(), appended(in_log.clone())));
    store.note(|| Note::User(bob.clone(), appended(private.clone())));
    store.note(|| Note::Connection(ids[0], connection("bob")));
    store.note(|| Note::Connection(ids[1], connection("\0é")));
    store.note(|| Note::Call("open\0".to_owned(), call(None)));
    store.note(|| Note::Call("done".to_owned(), call(Some("[\"é\"]"))));
    store.close().await;

    let after = kept(&path).await;
    assert!(!after.may_miss_entries);
    assert_eq!(
        format!("{:#?}", after.channels),
        format!("{:#?}", vec![(news, in_log)])
    );
    assert_eq!(
        format!("{:#?}", after.users),
        format!("{:#?}", vec![(bob, private)])
    );
    let mut connections = after.connections;
    connections.sort_by_key(|(id, _)| *id != ids[0]);
    assert_eq!(
        connections,
        [(ids[0], connection("bob")), (ids[1], connection("\0é"))]
    );
    let mut calls = after.calls;
    calls.sort_by(|(a, _), (b, _)| a.cmp(b));
    assert_eq!(
        calls,
        [
            ("done".to_owned(), call(Some("[\"é\"]"))),
            ("open\0".to_owned(), call(None))
        ]
    );
}

#[tokio::test]
async fn forgotten_data_does_not_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let (store, _) = open(&options(&path));
    let id = ConnId::random();
    for is_written_before in [false, true] {
        post(&store, "news", &[(1, "one")]);
        store.note(|| Note::User(user("bob", 0), LogChanges::default()));
        store.note(|| Note::Connection(id, connection("bob")));
        store.note(|| {
            Note::Call(
                "key".to_owned(),
                CallRecord {
                    digest: [0; 20],
                    begun_at: Moment::default(),
                    seed: Uuid::nil(),
                    answer: None,
                },
            )
        });
        if is_written_before {
            flushed(&store).await;
        }
        store.note(|| Note::ChannelForgotten(ChannelName::new("news")));
        store.note(|| Note::UserForgotten(UserName::new("bob")));
        store.note(|| Note::ConnectionEnded(id));
        store.note(|| Note::CallForgotten("key".to_owned()));
        flushed(&store).await;
    }
    post(&store, "again", &[(1, "old")]);
    flushed(&store).await;
    store.note(|| Note::ChannelForgotten(ChannelName::new("again")));
    post(&store, "again", &[(1, "new")]);
    store.close().await;
    let after = kept(&path).await;
    assert_eq!(texts(&after), ["new"]);
    assert!(after.users.is_empty() && after.connections.is_empty() && after.calls.is_empty());
}

#[tokio::test]
async fn entries_of_many_notes_add_up_and_edits_reach_them() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let (store, _) = open(&options(&path));
    for offset in 1..=600 {
        post(&store, "news", &[(offset, &format!("m{offset}"))]);
        if offset % 170 == 0 {
            flushed(&store).await;
        }
    }
    let edited = message(Some("news"), "edited");
    let rewritten = [
        (3, Some(edited.clone())),
        (4, None),
        (599, Some(edited)),
        (600, None),
    ];
    let rewritten = rewritten.map(|(offset, message)| Rewrite { offset, message });
    store.note(|| {
        Note::Channel(
            channel("news", 0, 600),
            LogChanges {
                rewritten: rewritten.into(),
                ..LogChanges::default()
            },
        )
    });
    store.close().await;
    let after = texts(&kept(&path).await);
    assert_eq!(after.len(), 600);
    for (index, text) in after.iter().enumerate() {
        let expected = match index + 1 {
            3 | 599 => "edited".to_owned(),
            4 | 600 => "emptied".to_owned(),
            offset => format!("m{offset}"),
        };
        assert_eq!(*text, expected);
    }
}

#[tokio::test]
async fn a_whole_log_replaces_stored_entries() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let (store, _) = open(&options(&path));
    post(&store, "news", &[(1, "one"), (2, "two"), (3, "three")]);
    flushed(&store).await;
    let whole = LogChanges {
        is_whole: true,
        ..appended(entries("news", &[(3, "new three"), (4, "four")]))
    };
    store.note(|| Note::Channel(channel("news", 2, 4), whole));
    post(&store, "news", &[(5, "five")]);
    store.close().await;
    assert_eq!(texts(&kept(&path).await), ["new three", "four", "five"]);
}

#[tokio::test]
async fn only_entries_of_the_log_or_the_history_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let (store, _) = open(&options(&path));
    let names: Vec<String> = (1..=500).map(|offset| format!("m{offset}")).collect();
    let numbered: Vec<(u64, &str)> = (1..).zip(names.iter().map(String::as_str)).collect();
    let mut all = entries("news", &numbered);
    for entry in &mut all {
        entry.is_in_history = entry.offset % 100 == 0;
    }
    for part in all.chunks(100) {
        let part: Vec<Entry> = part.to_vec();
        let end = part.last().unwrap().offset;
        store.note(|| Note::Channel(channel("news", 0, end), appended(part)));
        flushed(&store).await;
    }
    let mut record = channel("news", 497, 500);
    record.history_start = 199;
    store.note(|| Note::Channel(record, LogChanges::default()));
    store.close().await;
    let after = kept(&path).await;
    let read: Vec<(u64, String, bool)> = after.channels[0]
        .1
        .iter()
        .map(|entry| (entry.offset, text(entry), entry.body.is_some()))
        .collect();
    let expected = [
        (200, false),
        (300, false),
        (400, false),
        (498, true),
        (499, true),
        (500, true),
    ];
    let expected = expected.map(|(offset, has_body)| (offset, format!("m{offset}"), has_body));
    assert_eq!(read, expected);
}

#[tokio::test]
async fn a_life_ends_with_a_stop_that_was_not_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let (store, _) = open(&options(&path));
    post(&store, "news", &[(1, "one"), (2, "two")]);
    flushed(&store).await;
    drop(store);

    // Nothing of the channel is written in the second run.
    let (store, second) = open(&options(&path));
    assert!(second.may_miss_entries);
    drop(store);
    let (store, third) = open(&options(&path));
    let first = Epoch::from(u64::MAX - 7);
    let log = |kept: &channelstream_actors::store::note::Kept| kept.channels[0].0.log.clone();
    assert_eq!(log(&second).epoch, first.plus(1));
    assert_eq!(log(&third).epoch, first.plus(2));
    let former = log(&third).former[0];
    assert_eq!((former.first, former.count, former.end), (first, 2, 2));

    // What is written in this run does not change at a start after an orderly stop.
    let record = third.channels[0].0.clone();
    store.note(|| Note::Channel(record, LogChanges::default()));
    store.close().await;
    let after = kept(&path).await;
    assert!(!after.may_miss_entries);
    assert_eq!(log(&after), log(&third));
}

#[tokio::test]
async fn entries_can_be_missing_only_where_calls_are_answered_before_the_disk_has_them() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let always = FileOptions {
        durability: Durability::Always,
        ..options(&path)
    };
    let (store, _) = open(&always);
    post(&store, "news", &[(1, "one")]);
    assert_eq!(store.wait_until_kept().await, Ok(()));
    drop(store);
    let (store, after) = open(&options(&path));
    assert!(!after.may_miss_entries);
    assert_eq!(texts(&after), ["one"]);
    drop(store);
    let (_store, after) = open(&always);
    assert!(after.may_miss_entries);
}

#[tokio::test]
async fn running_time_goes_on_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let (store, _) = open(&options(&path));
    store.close().await;
    let far = Moment::now().uptime_micros() + 3_600_000_000;
    let file = rusqlite::Connection::open(&path).unwrap();
    file.execute("UPDATE meta SET at_uptime = ?1", [far.cast_signed()])
        .unwrap();
    drop(file);
    let (_store, _) = open(&options(&path));
    assert!(Moment::now().uptime_micros() >= far);
}

#[tokio::test]
async fn files_are_for_the_owner_only() {
    use std::os::unix::fs::MetadataExt;
    let folder = tempfile::tempdir().unwrap();
    let (store, _) = open(&options(&folder.path().join("store.db")));
    post(&store, "news", &[(1, "one")]);
    flushed(&store).await;
    let mut names = Vec::new();
    for file in folder.path().read_dir().unwrap() {
        let file = file.unwrap();
        names.push(file.file_name().into_string().unwrap());
        assert_eq!(file.metadata().unwrap().mode() & 0o777, 0o600, "{names:?}");
    }
    names.sort();
    let expected = ["", "-shm", "-wal", ".ballast", ".lock"];
    assert_eq!(names, expected.map(|ending| format!("store.db{ending}")));
}

#[tokio::test]
async fn notes_after_the_end_are_ignored() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let (store, _) = open(&options(&path));
    post(&store, "news", &[(1, "one")]);
    store.close().await;
    store.close().await;
    post(&store, "news", &[(2, "two")]);
    assert!(store.accepts().is_err());
    assert_eq!(texts(&kept(&path).await), ["one"]);
}
