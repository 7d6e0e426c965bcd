//! The data that the tests keep, and helpers to open stores.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use channelstream_actors::core::entry::Entry;
use channelstream_actors::core::record::{
    ChannelRecord, ConnectionRecord, FormerEpochs, LogChanges, LogState, UserRecord,
};
use channelstream_actors::core::route::Route;
use channelstream_actors::name::{ChannelName, MessageId, UserName};
use channelstream_actors::position::Epoch;
use channelstream_actors::protocol::config::ChannelConfig;
use channelstream_actors::protocol::event;
use channelstream_actors::protocol::message::{Address, Message, MessageMemory, Payload};
use channelstream_actors::protocol::state::StateValue;
use channelstream_actors::protocol::timestamp::Moment;
use channelstream_actors::store::Store;
use channelstream_actors::store::file::{FileOptions, FileStore, OpenError};
use channelstream_actors::store::note::{Kept, Note};
use serde_json::value::RawValue;
use uuid::Uuid;

/// Returns options that do not make a test wait.
pub(crate) fn options(path: &Path) -> FileOptions {
    FileOptions {
        flush_interval: Duration::from_millis(5),
        lock_wait: Duration::from_secs(5),
        ..FileOptions::new(path)
    }
}

pub(crate) fn open(options: &FileOptions) -> (Store, Kept) {
    try_open(options).unwrap()
}

pub(crate) fn try_open(options: &FileOptions) -> Result<(Store, Kept), OpenError> {
    FileStore::open(options).map(|(file, kept)| (Store::File(file), kept))
}

/// Opens a store, stops it in order, and returns what it keeps.
pub(crate) async fn kept(path: &Path) -> Kept {
    let (store, kept) = open(&options(path));
    store.close().await;
    kept
}

/// Waits until the store has written everything that was noted.
pub(crate) async fn flushed(store: &Store) {
    until("everything is written", || {
        store.status().unwrap().waiting_bytes == 0
    })
    .await;
}

/// Waits until a condition holds.
pub(crate) async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < Duration::from_secs(30), "never: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

pub(crate) fn log(start: u64, end: u64) -> LogState {
    LogState {
        epoch: Epoch::from(u64::MAX - 7),
        former: Vec::new(),
        start,
        end,
    }
}

pub(crate) fn channel(name: &str, start: u64, end: u64) -> ChannelRecord {
    ChannelRecord {
        name: ChannelName::new(name),
        uuid: Uuid::from_u128(17),
        config: ChannelConfig {
            store_history: true,
            history_size: 100,
            ..ChannelConfig::default()
        },
        last_active: Moment::from_clocks(5, 6),
        log: log(start, end),
        history_start: end,
    }
}

pub(crate) fn user(name: &str, end: u64) -> UserRecord {
    let number = RawValue::from_string("1.0e5".to_owned()).unwrap();
    let state = [
        ("\0key".to_owned(), StateValue::from_json(&number).unwrap()),
        ("text".to_owned(), StateValue::Text("é\0".into())),
        ("null".to_owned(), StateValue::Null),
    ];
    UserRecord {
        name: UserName::new(name),
        uuid: Uuid::from_u128(18),
        state: Arc::new(state.into_iter().collect()),
        public_keys: vec!["text".to_owned(), "\0".to_owned()],
        given: [ChannelName::new("news"), ChannelName::new("\0")].into(),
        last_active: Moment::from_clocks(7, 8),
        log: LogState {
            former: vec![FormerEpochs {
                first: Epoch::from(1),
                count: 2,
                end: 3,
            }],
            ..log(0, end)
        },
    }
}

pub(crate) fn message(channel: Option<&str>, text: &str) -> Arc<Message> {
    let object = serde_json::to_string(&serde_json::json!({ "text": text })).unwrap();
    let pm_users = match channel {
        Some(_) => Vec::new(),
        None => vec![UserName::new("bob")],
    };
    Arc::new(Message {
        address: Address {
            channel: channel.map(ChannelName::new),
            pm_users,
            ..Address::default()
        },
        uuid: MessageId::random(),
        timestamp: Moment::from_micros(1_764_000_000_000_001).into(),
        user: UserName::new("alice"),
        message: Some(Payload::from(RawValue::from_string(object).unwrap())),
        edited: None,
        held: MessageMemory::default(),
    })
}

pub(crate) fn entry(offset: u64, message: Arc<Message>) -> Entry {
    Entry {
        offset,
        route: Route::open(),
        kept: true,
        is_in_history: false,
        body: Some(event::message(&message)),
        id: message.uuid,
        at: Moment::from_clocks(1_764_000_000_000_000 + offset, offset),
        message: Some(message),
    }
}

/// Returns entries of a channel, with these offsets and texts.
pub(crate) fn entries(channel: &str, texts: &[(u64, &str)]) -> Vec<Entry> {
    texts
        .iter()
        .map(|(offset, text)| entry(*offset, message(Some(channel), text)))
        .collect()
}

pub(crate) fn appended(entries: Vec<Entry>) -> LogChanges {
    LogChanges {
        appended: entries,
        ..LogChanges::default()
    }
}

/// Notes that a channel got entries with these offsets and texts.
pub(crate) fn post(store: &Store, name: &str, texts: &[(u64, &str)]) {
    let end = texts.last().unwrap().0;
    let changes = appended(entries(name, texts));
    store.note(|| Note::Channel(channel(name, 0, end), changes));
}

pub(crate) fn connection(user: &str) -> ConnectionRecord {
    ConnectionRecord {
        user: UserName::new(user),
        channels: vec![
            (ChannelName::new("news"), Some((Epoch::from(4), 2))),
            (ChannelName::new("other"), None),
        ],
        private: Some((Epoch::from(5), 3)),
        presumed: vec![(Epoch::from(6), 7)],
        owed_gaps: [Epoch::from(8)].into(),
        new_places: [Epoch::from(9)].into(),
        is_present: true,
        has_listened: true,
        continuity: 10.into(),
        last_heard: Moment::from_clocks(1, 2),
        returns_by: Some(Moment::from_clocks(3, 4)),
    }
}

/// Returns the texts of the messages of the only channel that is kept.
pub(crate) fn texts(kept: &Kept) -> Vec<String> {
    let [(_, entries)] = &kept.channels[..] else {
        panic!("{} channels", kept.channels.len());
    };
    entries.iter().map(text).collect()
}

/// Returns the text of an entry's message, or a description of the entry if it has none.
pub(crate) fn text(entry: &Entry) -> String {
    let Some(message) = &entry.message else {
        return entry
            .body
            .as_ref()
            .map_or("emptied", |body| body.live())
            .to_owned();
    };
    let object = message.message.as_ref().unwrap().get();
    let object: serde_json::Value = serde_json::from_str(object).unwrap();
    object["text"].as_str().unwrap().to_owned()
}
