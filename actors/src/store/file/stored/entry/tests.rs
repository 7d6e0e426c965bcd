use proptest::prelude::*;
use serde_json::value::RawValue;

use super::*;
use crate::protocol::timestamp::Moment;
use crate::store::file::stored::names::KnownNames;

/// Writes entries as one row and reads them again.
fn round_trip(entries: &[Entry], owner: Owner<'_>) -> Vec<Entry> {
    let mut row = vec![b'['];
    for (index, entry) in entries.iter().enumerate() {
        if index > 0 {
            row.push(b',');
        }
        encode(entry, owner, &mut row).unwrap();
    }
    row.push(b']');
    let known = KnownNames::default();
    let row = String::from_utf8(row).unwrap();
    decode_row(&row, owner, 0, &mut Names::new(&known)).unwrap()
}

fn payload(text: &str) -> Payload {
    Payload::from(RawValue::from_string(text.to_owned()).unwrap())
}

fn entry_of(message: Message, offset: u64) -> Entry {
    Entry {
        offset,
        route: Route::of(&message.address),
        kept: true,
        is_in_history: offset.is_multiple_of(2),
        body: Some(event::message(&message)),
        id: message.uuid,
        at: Moment::from_clocks(1_764_000_000_000_000 + offset, offset),
        message: Some(Arc::new(message)),
    }
}

fn message(channel: &ChannelName, text: &str) -> Message {
    Message {
        address: Address {
            channel: Some(channel.clone()),
            ..Address::default()
        },
        uuid: MessageId::random(),
        timestamp: Timestamp::from_text("2026-11-27T12:00:00.000001").unwrap(),
        user: UserName::new("alice\0\"\\é"),
        message: Some(payload(text)),
        edited: None,
        held: MessageMemory::default(),
    }
}

#[test]
fn a_message_keeps_every_byte_of_its_object() {
    let channel = ChannelName::new("news");
    for text in [
        "{}",
        r#"{"a": 1.0, "b":1e5 ,"c":12345678901234567890123}"#,
        r#"{"lone":"\ud800","low":"\udc00x","nul":"\u0000"}"#,
        "{ \"é😀\" : [ 1 , 2 ],\t\"a\":1, \"a\":2 }",
        "{\"line\":\"\u{2028}\u{7f}\"}",
        r#"{"entries":[{"offset":1}],"}":"]["}"#,
    ] {
        let read = round_trip(
            &[entry_of(message(&channel, text), 1)],
            Owner::Channel(&channel),
        );
        let kept = read[0].message.as_ref().unwrap().message.as_ref().unwrap();
        assert_eq!(kept.get(), text);
    }
}

#[test]
fn entries_of_every_kind_are_read_as_they_were_written() {
    let channel = ChannelName::new("news\0");
    let users = |names: &[&str]| names.iter().copied().map(UserName::new).collect::<Vec<_>>();
    let mut restricted = message(&channel, r#"{"a":1}"#);
    restricted.address.pm_users = users(&["z", "a", "z\0"]);
    restricted.address.exclude_users = users(&["b"]);
    restricted.address.no_history = true;
    restricted.edited = Timestamp::from_text("2026-11-27T12:00:00+02:00");
    let mut bare = message(&channel, "{}");
    bare.message = None;
    let event = Entry {
        route: Route::all_but(UserName::new("é")),
        kept: false,
        body: Some(EventBody::from_live(
            r#"{"type":"presence","x":"\ud800","catchup":false}"#,
        )),
        message: None,
        ..entry_of(bare.clone(), 4)
    };
    let emptied = Entry {
        offset: 5,
        body: None,
        ..event.clone()
    };
    let open = Entry {
        offset: 6,
        route: Route::open(),
        ..event.clone()
    };
    let other_id = Entry {
        id: MessageId::random(),
        ..entry_of(bare.clone(), 7)
    };
    let entries = vec![
        entry_of(message(&channel, "{}"), 1),
        entry_of(restricted, 2),
        entry_of(bare, 3),
        event,
        emptied,
        open,
        other_id,
    ];
    let read = round_trip(&entries, Owner::Channel(&channel));
    assert_eq!(format!("{read:#?}"), format!("{entries:#?}"));
}

#[test]
fn a_private_message_keeps_no_other_recipients() {
    let (alice, bob) = (UserName::new("alice"), UserName::new("bob"));
    let mut private = message(&ChannelName::new("news"), r#"{"a":1}"#);
    private.address = Address {
        pm_users: vec![alice.clone(), bob.clone()],
        exclude_users: vec![bob.clone()],
        ..Address::default()
    };
    let entry = Entry {
        route: Route::open(),
        is_in_history: false,
        ..entry_of(private, 1)
    };
    let read = round_trip(std::slice::from_ref(&entry), Owner::User(&bob));
    let message = read[0].message.as_ref().unwrap();
    assert_eq!(message.address.pm_users, [bob]);
    assert_eq!(message.address.exclude_users, []);
    assert_eq!(read[0].body, entry.body);
    assert!(read[0].route.is_open());
}

#[test]
fn entries_dropped_from_the_log_get_no_body() {
    let channel = ChannelName::new("news");
    let mut row = vec![b'['];
    encode(
        &entry_of(message(&channel, "{}"), 7),
        Owner::Channel(&channel),
        &mut row,
    )
    .unwrap();
    row.push(b']');
    let row = String::from_utf8(row).unwrap();
    let known = KnownNames::default();
    let read = |start| {
        decode_row(
            &row,
            Owner::Channel(&channel),
            start,
            &mut Names::new(&known),
        )
    };
    assert!(read(7).unwrap()[0].body.is_none());
    assert!(read(6).unwrap()[0].body.is_some());
}

#[test]
fn a_malformed_row_is_unreadable() {
    let channel = ChannelName::new("news");
    let known = KnownNames::default();
    for row in ["", "[", "[{}]", "[{\"offset\":-1}]", "{}", "[1]"] {
        let read = decode_row(row, Owner::Channel(&channel), 0, &mut Names::new(&known));
        assert!(read.is_err(), "{row}");
    }
}

proptest! {
    #[test]
    fn any_text_is_kept(user: String, channel: String, text: String, to: Vec<String>) {
        let channel = ChannelName::new(channel);
        let object = serde_json::to_string(&[("key", &text)]).unwrap();
        let mut message = message(&channel, &object);
        message.user = UserName::new(user);
        message.address.pm_users = to.into_iter().map(UserName::new).collect();
        let entry = entry_of(message, 1);
        let read = round_trip(std::slice::from_ref(&entry), Owner::Channel(&channel));
        prop_assert_eq!(format!("{read:?}"), format!("[{entry:?}]"));
    }
}
