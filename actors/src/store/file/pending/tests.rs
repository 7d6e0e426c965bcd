use super::*;
use crate::core::route::Route;
use crate::name::MessageId;
use crate::position::Epoch;
use crate::protocol::config::ChannelConfig;
use crate::protocol::event;
use crate::protocol::message::{Address, MessageMemory};
use crate::protocol::timestamp::Moment;

fn message(user: &str) -> Arc<Message> {
    Arc::new(Message {
        address: Address::default(),
        uuid: MessageId::random(),
        timestamp: Moment::default().into(),
        user: UserName::new(user),
        message: None,
        edited: None,
        held: MessageMemory::default(),
    })
}

fn entry(offset: u64) -> Entry {
    let message = message("alice");
    Entry {
        offset,
        route: Route::open(),
        kept: true,
        is_in_history: offset.is_multiple_of(1000),
        body: Some(event::message(&message)),
        id: message.uuid,
        at: Moment::default(),
        message: Some(message),
    }
}

fn channel(start: u64, end: u64, changes: LogChanges) -> Note {
    let record = ChannelRecord {
        name: ChannelName::new("news"),
        uuid: uuid::Uuid::nil(),
        config: ChannelConfig::default(),
        last_active: Moment::default(),
        log: LogState {
            epoch: Epoch::from(1),
            former: Vec::new(),
            start,
            end,
        },
        history_start: 1500,
    };
    Note::Channel(record, changes)
}

fn appended(offsets: impl IntoIterator<Item = u64>) -> LogChanges {
    LogChanges {
        appended: offsets.into_iter().map(entry).collect(),
        ..LogChanges::default()
    }
}

fn offsets(pending: &Pending) -> Vec<u64> {
    let log = &pending.channels[&ChannelName::new("news")];
    log.appended.iter().map(|entry| entry.offset).collect()
}

#[test]
fn a_replaced_note_takes_no_bytes() {
    let id = ConnId::random();
    let record = ConnectionRecord {
        user: UserName::new("alice"),
        channels: vec![(ChannelName::new("news"), None)],
        private: None,
        presumed: Vec::new(),
        owed_gaps: [].into(),
        new_places: [].into(),
        is_present: true,
        has_listened: true,
        continuity: crate::position::Continuity::random(),
        last_heard: Moment::default(),
        returns_by: None,
    };
    let call = |answer: &'static str| CallRecord {
        digest: [0; 20],
        begun_at: Moment::default(),
        seed: uuid::Uuid::nil(),
        answer: Some(answer.into()),
    };
    let notes = || {
        [
            channel(0, 0, LogChanges::default()),
            Note::Connection(id, record.clone()),
            Note::Call("key".to_owned(), call("answer")),
        ]
    };
    let mut pending = Pending::default();
    notes().into_iter().for_each(|note| pending.merge(note));
    let bytes = pending.bytes();
    for _ in 0..1000 {
        notes().into_iter().for_each(|note| pending.merge(note));
    }
    assert_eq!(pending.bytes(), bytes);
    assert_eq!(pending.len(), 3);
    pending.merge(Note::ChannelForgotten(ChannelName::new("news")));
    pending.merge(Note::ConnectionEnded(id));
    pending.merge(Note::CallForgotten("key".to_owned()));
    assert_eq!(pending.len(), 3);
    assert!(pending.bytes() < bytes);
}

#[test]
fn entries_that_are_no_longer_held_are_dropped() {
    let mut pending = Pending::default();
    for end in 1..=10_000_u64 {
        pending.merge(channel(end.saturating_sub(100), end, appended([end])));
    }
    let waiting = offsets(&pending);
    assert!(waiting.len() < 2 * MANY_ENTRIES, "{}", waiting.len());
    assert!(waiting.starts_with(&[2000, 3000, 4000]), "{waiting:?}");
    let log = &pending.channels[&ChannelName::new("news")];
    assert_eq!(pending.bytes(), log.size());
}

#[test]
fn an_edit_changes_a_waiting_entry_and_is_kept_for_any_other() {
    let mut pending = Pending::default();
    pending.merge(channel(0, 6, appended([5, 6])));
    let edited = message("bob");
    let rewritten = [(3, Some(&edited)), (5, Some(&edited)), (6, None), (3, None)];
    let rewritten = rewritten.map(|(offset, message)| Rewrite {
        offset,
        message: message.cloned(),
    });
    pending.merge(channel(
        0,
        6,
        LogChanges {
            rewritten: rewritten.into(),
            ..LogChanges::default()
        },
    ));
    let log = &pending.channels[&ChannelName::new("news")];
    assert_eq!(
        log.appended[0].message.as_ref().unwrap().user.as_str(),
        "bob"
    );
    assert!(log.appended[1].message.is_none() && log.appended[1].body.is_none());
    let kept: Vec<_> = log
        .rewritten
        .iter()
        .map(|(offset, it)| (*offset, it.is_none()))
        .collect();
    assert_eq!(kept, [(3, true)]);
    assert_eq!(pending.bytes(), log.size());
}

#[test]
fn a_whole_log_replaces_waiting_entries() {
    let mut pending = Pending::default();
    pending.merge(channel(0, 2, appended([1, 2])));
    let whole = LogChanges {
        is_whole: true,
        ..appended([2])
    };
    pending.merge(channel(1, 2, whole));
    pending.merge(channel(1, 3, appended([3])));
    assert_eq!(offsets(&pending), [2, 3]);
    let log = &pending.channels[&ChannelName::new("news")];
    assert!(log.replaces);
    assert_eq!(pending.bytes(), log.size());

    pending.merge(Note::ChannelForgotten(ChannelName::new("news")));
    pending.merge(channel(0, 1, appended([1])));
    assert_eq!(offsets(&pending), [1]);
    assert!(pending.channels[&ChannelName::new("news")].replaces);
}
