//! Random histories of a log and its subscribers, checked against the promises of the cursor: each
//! entry for a subscriber reaches its client once and in order, a repeat is marked, and a loss is
//! reported as a gap.
//!
//! The same test runs with each of the faults that can be planted into the cursor. Then it must
//! fail.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test must fail at anything unexpected"
)]

use std::collections::VecDeque;
use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use channelstream_actors::core::cursor::{Beginning, Claim, Cursor, Generation, Next};
use channelstream_actors::core::entry::{Entry, Record};
use channelstream_actors::core::log::{Located, Log};
#[cfg(debug_assertions)]
use channelstream_actors::core::planted::{Fault, plant};
use channelstream_actors::core::route::Route;
use channelstream_actors::limits::Retention;
use channelstream_actors::name::{MessageId, UserName};
use channelstream_actors::position::Epoch;
use channelstream_actors::protocol::event;
use channelstream_actors::protocol::message::{Address, Message, MessageMemory};
use channelstream_actors::protocol::timestamp::Moment;
use proptest::prelude::*;
use proptest::test_runner::{TestError, TestRunner};

const SUBSCRIBERS: usize = 3;

/// The next step. Numbers choose among what is possible at that time.
#[derive(Clone, Debug)]
enum Step {
    /// Entries are appended for everyone, for all but one user, or for one user only. If `kept` is
    /// false, subscribers who are not attached never get them.
    Publish {
        count: usize,
        route: usize,
        kept: bool,
    },
    /// A transport attaches. It takes `room` lists before it is full.
    Attach {
        subscriber: usize,
        room: usize,
        claim: usize,
    },
    /// The client reads lists, and perhaps answers a ping.
    Read {
        subscriber: usize,
        count: usize,
        pong: bool,
    },
    /// The transport ends, by a lost socket or because the client closes it. Unread lists are lost.
    /// The server is told what pongs have confirmed, or nothing.
    Detach { subscriber: usize, report: bool },
    /// A newer transport attaches although the older one has not reported.
    TakeOver { subscriber: usize, room: usize },
    /// A message about an older transport arrives late.
    LateMessage { subscriber: usize, begin: bool },
}

fn step() -> impl Strategy<Value = Step> {
    let subscriber = || 0..SUBSCRIBERS;
    prop_oneof![
        4 => (1..6_usize, 0..6_usize, prop::bool::weighted(0.8))
            .prop_map(|(count, route, kept)| Step::Publish { count, route, kept }),
        3 => (subscriber(), 1..6_usize, 0..4_usize)
            .prop_map(|(subscriber, room, claim)| Step::Attach { subscriber, room, claim }),
        5 => (subscriber(), 1..4_usize, any::<bool>())
            .prop_map(|(subscriber, count, pong)| Step::Read { subscriber, count, pong }),
        2 => (subscriber(), any::<bool>())
            .prop_map(|(subscriber, report)| Step::Detach { subscriber, report }),
        1 => (subscriber(), 1..6_usize)
            .prop_map(|(subscriber, room)| Step::TakeOver { subscriber, room }),
        1 => (subscriber(), any::<bool>())
            .prop_map(|(subscriber, begin)| Step::LateMessage { subscriber, begin }),
    ]
}

/// A batch that a transport is sent.
#[derive(Clone, Debug)]
struct List {
    after: Option<u64>,
    last: u64,
    /// The entries, or `None` for a gap event.
    entries: Option<Vec<(u64, bool)>>,
}

/// A transport and its client.
struct Transport {
    generation: Generation,
    room: usize,
    queue: VecDeque<List>,
    /// The end of the log when the transport attached. Entries up to it count as missed.
    missed_up_to: u64,
    /// The offset up to which pongs have confirmed entries, or `None` before the first list.
    confirmed: Option<u64>,
    read: Option<u64>,
    expects_gap: bool,
}

struct Subscriber {
    user: UserName,
    cursor: Cursor,
    transport: Option<Transport>,
    generation: Generation,
    has_listened: bool,
    /// The last entry that the client has.
    seen: u64,
    /// The offset up to which no entry is owed, since a gap was sent or the place began there.
    excused: u64,
    /// The offset up to which the client has read everything: the position that it would report.
    position: u64,
}

struct World {
    log: Log,
    frames: usize,
    batch: usize,
    /// The entries by offset, from 1: their route, and whether they are kept.
    entries: Vec<(Route, bool)>,
    subscribers: Vec<Subscriber>,
}

fn user(index: usize) -> UserName {
    UserName::new(format!("user-{index}"))
}

impl World {
    fn new(length: usize, frames: usize, batch: usize) -> Self {
        let retention = Retention {
            frames: length,
            age: Duration::from_secs(3600),
            length,
            bytes: usize::MAX,
        };
        let log = Log::new(Epoch::random(), retention);
        let subscriber = |index| Subscriber {
            user: user(index),
            cursor: Cursor::at_end(&log),
            transport: None,
            generation: Generation::default(),
            has_listened: false,
            seen: 0,
            excused: 0,
            position: 0,
        };
        let subscribers = (0..SUBSCRIBERS).map(subscriber).collect();
        Self {
            log,
            frames,
            batch,
            entries: Vec::new(),
            subscribers,
        }
    }

    fn publish(&mut self, route: &Route, kept: bool) {
        let now = Moment::from_micros(1);
        let (id, address) = (MessageId::random(), Address::default());
        let message = Message {
            address,
            uuid: id,
            timestamp: now.into(),
            user: user(0),
            message: None,
            edited: None,
            held: MessageMemory::default(),
        };
        let body = event::message(&message);
        self.log.push(
            Record {
                is_in_history: false,
                id,
                route: route.clone(),
                kept,
                body,
                message: Some(Arc::new(message)),
            },
            now,
        );
        self.entries.push((route.clone(), kept));
    }

    fn attach(&mut self, index: usize, room: usize, claim: usize) {
        let subscriber = &mut self.subscribers[index];
        let generation = subscriber.generation.next();
        subscriber.generation = generation;
        let claim = match claim {
            1 => Claim::Read(subscriber.position),
            2 => Claim::Foreign,
            _ => Claim::Nothing,
        };
        if !subscriber.has_listened && subscriber.cursor.offsets()[2] >= self.log.oldest_position()
        {
            // A client that attaches for the first time gets the last frames. It gets no gap for
            // those before.
            subscriber.excused = subscriber
                .excused
                .max(self.log.position_before_frames(self.frames));
        }
        subscriber.has_listened = true;
        let beginning = Beginning {
            generation,
            claim,
            missed_up_to: self.log.end(),
            frames: self.frames,
        };
        assert!(
            subscriber.cursor.begin(beginning, &self.log),
            "a newer transport begins"
        );
        subscriber.transport = Some(Transport {
            generation,
            room,
            queue: VecDeque::new(),
            missed_up_to: self.log.end(),
            confirmed: None,
            read: None,
            expects_gap: claim == Claim::Foreign,
        });
        self.pump(index);
    }

    /// Does what a delivery does: sends lists while there is room.
    fn pump(&mut self, index: usize) {
        let Subscriber {
            user,
            cursor,
            transport: Some(transport),
            ..
        } = &mut self.subscribers[index]
        else {
            return;
        };
        loop {
            let list = match cursor.next(&self.log) {
                Next::UpToDate => break,
                Next::Lost => {
                    // The server ends the transport. Its client may still read the lists that were
                    // sent.
                    transport.room = 0;
                    break;
                }
                Next::Gap { after, last } => List {
                    after,
                    last,
                    entries: None,
                },
                Next::Entries {
                    after,
                    missed_up_to,
                } => {
                    let taken: Vec<&Entry> =
                        self.log.after(after).unwrap().take(self.batch).collect();
                    let is_for = |entry: &&&Entry| {
                        entry.route.allows(user) && (entry.kept || entry.offset > missed_up_to)
                    };
                    let entries: Vec<_> = taken
                        .iter()
                        .filter(is_for)
                        .map(|entry| (entry.offset, entry.offset <= missed_up_to))
                        .collect();
                    let last = taken.last().unwrap().offset;
                    if entries.is_empty() {
                        cursor.passed(last);
                        continue;
                    }
                    List {
                        after: Some(after),
                        last,
                        entries: Some(entries),
                    }
                }
            };
            if transport.queue.len() >= transport.room {
                break;
            }
            cursor.sent(list.last);
            transport.queue.push_back(list);
        }
        let [attached, sent, position] = cursor.offsets();
        assert!(
            attached <= sent && sent <= position && position <= self.log.end(),
            "{attached} {sent} {position}"
        );
    }

    fn read(&mut self, index: usize, count: usize, pong: bool) {
        let Self {
            entries,
            subscribers,
            ..
        } = self;
        let subscriber = &mut subscribers[index];
        let Some(transport) = &mut subscriber.transport else {
            return;
        };
        for list in transport.queue.drain(..count.min(transport.queue.len())) {
            if transport.read.is_none() {
                transport.confirmed = list.after;
            }
            transport.read = Some(list.last);
            subscriber.position = subscriber.position.max(list.last);
            assert!(
                !transport.expects_gap || list.entries.is_none(),
                "the gap comes first"
            );
            transport.expects_gap = false;
            let Some(list_entries) = list.entries else {
                subscriber.excused = subscriber.excused.max(list.last);
                continue;
            };
            for (offset, is_marked) in list_entries {
                assert_eq!(
                    is_marked,
                    offset <= transport.missed_up_to,
                    "entry {offset} is marked if it was missed"
                );
                if offset <= subscriber.seen {
                    assert!(is_marked, "entry {offset} is repeated without a mark");
                    continue;
                }
                let from = subscriber.seen.max(subscriber.excused) + 1;
                let skipped =
                    (from..offset).find(|skipped| is_meant(entries, *skipped, &subscriber.user));
                assert_eq!(
                    skipped, None,
                    "it was skipped before {offset}, and no gap was sent"
                );
                subscriber.seen = offset;
            }
        }
        if pong && let Some(read) = transport.read {
            transport.confirmed = Some(read);
        }
        self.pump(index);
    }

    fn detach(&mut self, index: usize, report: bool) {
        let subscriber = &mut self.subscribers[index];
        let Some(transport) = subscriber.transport.take() else {
            return;
        };
        let confirmed = transport.confirmed.filter(|_| report);
        subscriber.cursor.end(transport.generation, confirmed);
        // A second report changes nothing.
        subscriber.cursor.end(transport.generation, None);
    }

    fn late_message(&mut self, index: usize, begin: bool) {
        let Subscriber {
            cursor,
            generation,
            transport,
            ..
        } = &mut self.subscribers[index];
        if begin {
            let late = Beginning {
                generation: *generation,
                claim: Claim::Nothing,
                missed_up_to: self.log.end(),
                frames: self.frames,
            };
            assert!(
                !cursor.begin(late, &self.log),
                "an older transport does not begin again"
            );
        } else if transport.is_none() {
            // The end of a transport overtakes its beginning.
            *generation = generation.next();
            cursor.end(*generation, None);
            self.late_message(index, true);
        } else {
            cursor.end(Generation::default(), Some(0));
        }
    }

    fn apply(&mut self, step: Step) {
        match step {
            Step::Publish { count, route, kept } => {
                let only = |index| Address {
                    pm_users: vec![user(index)],
                    ..Address::default()
                };
                let route = match route {
                    0 => Route::of(&only(0)),
                    1 => Route::all_but(user(1)),
                    _ => Route::open(),
                };
                (0..count).for_each(|_| self.publish(&route, kept));
                (0..SUBSCRIBERS).for_each(|index| self.pump(index));
            }
            Step::Attach {
                subscriber,
                room,
                claim,
            } if self.subscribers[subscriber].transport.is_none() => {
                self.attach(subscriber, room, claim);
            }
            Step::Attach { .. } => {}
            Step::Read {
                subscriber,
                count,
                pong,
            } => self.read(subscriber, count, pong),
            Step::Detach { subscriber, report } => self.detach(subscriber, report),
            Step::TakeOver { subscriber, room }
                if self.subscribers[subscriber].transport.is_some() =>
            {
                self.attach(subscriber, room, 0);
            }
            Step::TakeOver { .. } => {}
            Step::LateMessage { subscriber, begin } => self.late_message(subscriber, begin),
        }
    }

    /// Checks that every client that comes back at the end reads everything and has it all.
    fn finish(&mut self) {
        for index in 0..SUBSCRIBERS {
            self.detach(index, true);
            self.attach(index, usize::MAX, 0);
            self.read(index, usize::MAX, true);
            let Subscriber {
                user,
                seen,
                excused,
                ..
            } = &self.subscribers[index];
            let from = seen.max(excused) + 1;
            let missing =
                (from..=self.log.end()).find(|offset| is_meant(&self.entries, *offset, user));
            assert_eq!(missing, None, "{user} never got it, and no gap was sent");
        }
    }
}

/// Returns whether an entry must reach a user. An entry that is not kept reaches only subscribers
/// who are attached when it happens.
fn is_meant(entries: &[(Route, bool)], offset: u64, user: &UserName) -> bool {
    let (route, kept) = &entries[usize::try_from(offset).unwrap() - 1];
    *kept && route.allows(user)
}

/// Generates random histories: the length of the log, the number of frames that it keeps, the size
/// of batches, and the steps.
fn histories() -> impl Strategy<Value = (usize, usize, usize, Vec<Step>)> {
    let steps = prop::collection::vec(step(), 200);
    (5..60_usize, 1..60_usize, 1..8_usize, steps)
}

/// Runs random histories, until one breaks a promise of the cursor.
fn run(more: ProptestConfig) -> Result<(), TestError<impl Debug>> {
    let config = ProptestConfig {
        cases: 1000,
        failure_persistence: None,
        ..more
    };
    TestRunner::new(config).run(&histories(), |(length, frames, batch, steps)| {
        let mut world = World::new(length, frames, batch);
        for step in steps {
            world.apply(step);
        }
        world.finish();
        Ok(())
    })
}

#[test]
fn each_entry_reaches_its_subscribers_once_and_in_order_or_a_gap_is_told() {
    if let Err(error) = run(ProptestConfig::default()) {
        panic!("{error}");
    }
}

#[cfg(debug_assertions)]
#[test]
fn each_planted_fault_is_found() {
    for fault in Fault::ALL {
        plant(Some(fault));
        // A failing case need not be made smaller.
        let found = run(ProptestConfig {
            max_shrink_iters: 0,
            ..ProptestConfig::default()
        });
        plant(None);
        assert!(found.is_err(), "{fault:?} was not found");
    }
}

#[test]
fn a_gap_at_the_beginning_of_a_log_is_told_until_the_client_has_read_it() {
    let retention = Retention {
        frames: 10,
        length: 10,
        bytes: 1 << 20,
        age: Duration::from_secs(3600),
    };
    let log = Log::new(Epoch::random(), retention);
    let mut cursor = Cursor::restored(0, false, true);
    let mut generation = Generation::default();
    for _ in 0..2 {
        generation = generation.next();
        let beginning = Beginning {
            generation,
            claim: Claim::Nothing,
            missed_up_to: log.end(),
            frames: 10,
        };
        assert!(cursor.begin(beginning, &log));
        let Next::Gap { after, last } = cursor.next(&log) else {
            panic!("no gap");
        };
        cursor.sent(last);
        // The client reports the position before the gap, which does not exist.
        assert_eq!(after, None);
        cursor.end(generation, after);
    }
    generation = generation.next();
    let claim = Claim::Read(0);
    let beginning = Beginning {
        generation,
        claim,
        missed_up_to: log.end(),
        frames: 10,
    };
    assert!(cursor.begin(beginning, &log));
    assert_eq!(cursor.next(&log), Next::UpToDate);
}

/// Returns the cursor of a subscriber that has begun to listen at the end of a log.
fn listening(log: &Log) -> Cursor {
    let mut cursor = Cursor::at_end(log);
    let beginning = Beginning {
        generation: Generation::default().next(),
        claim: Claim::Nothing,
        missed_up_to: 0,
        frames: 10,
    };
    assert!(cursor.begin(beginning, log));
    cursor
}

#[test]
fn what_comes_again_after_a_log_went_back_twice_is_marked() {
    let mut world = World::new(10, 10, 10);
    let mut cursor = listening(&world.log);
    for _ in 0..4 {
        world.publish(&Route::open(), true);
    }
    cursor.sent(4);
    // The log went back behind its second entry, and went on, before it was read anew.
    cursor.relocate(Some(Located::Beyond(2)), &world.log);
    assert!(matches!(cursor.next(&world.log), Next::Gap { last: 2, .. }));
    cursor.sent(2);
    let (after, missed_up_to) = (2, 4);
    let entries = Next::Entries {
        after,
        missed_up_to,
    };
    assert_eq!(cursor.next(&world.log), entries);
    cursor.sent(4);
    // It went back to the same copy again, so it does not know the epoch in between.
    cursor.relocate(None, &world.log);
    let begins = world.log.oldest_position();
    assert!(matches!(cursor.next(&world.log), Next::Gap { last, .. } if last == begins));
    cursor.sent(begins);
    let entries = Next::Entries {
        after: begins,
        missed_up_to,
    };
    assert_eq!(cursor.next(&world.log), entries);
    cursor.sent(4);
    world.publish(&Route::open(), true);
    let live = Next::Entries {
        after: 4,
        missed_up_to: 0,
    };
    assert_eq!(cursor.next(&world.log), live);
}

#[test]
fn entries_that_cannot_be_read_are_a_gap() {
    let mut world = World::new(10, 10, 10);
    let mut cursor = listening(&world.log);
    world.publish(&Route::open(), true);
    cursor.sent(1);
    // The copy of the log begins behind an entry that its version does not know.
    let mut state = world.log.state();
    (state.start, state.end) = (3, 3);
    let retention = Retention {
        frames: 10,
        length: 10,
        bytes: usize::MAX,
        age: Duration::from_secs(3600),
    };
    world.log = Log::restore(state, [], retention);
    cursor.relocate(Some(Located::Here(1)), &world.log);
    let Next::Gap { last, .. } = cursor.next(&world.log) else {
        panic!("no gap: {:?}", cursor.next(&world.log))
    };
    assert_eq!(last, 3);
    cursor.sent(last);
    assert_eq!(cursor.next(&world.log), Next::UpToDate);
}
