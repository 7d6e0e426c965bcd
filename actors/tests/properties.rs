//! Random operations on the cores, checked against what must always hold.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test must fail at anything unexpected"
)]

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use channelstream_actors::core::Stamp;
use channelstream_actors::core::channel::ChannelCore;
use channelstream_actors::core::connection::ConnectionCore;
use channelstream_actors::core::entry::Entry;
use channelstream_actors::core::publication::Publication;
use channelstream_actors::core::user::{ChannelUpdate, ConnectState, ConnectedChannels, UserCore};
use channelstream_actors::core::visible_state::Values;
use channelstream_actors::limits::Retention;
use channelstream_actors::name::{ChannelName, ConnId, Identity, MessageId, UserName};
use channelstream_actors::protocol::config::ChannelConfig;
use channelstream_actors::protocol::message::{Address, Deletion, Message, MessageMemory, Patch};
use channelstream_actors::protocol::state::StateValue;
use channelstream_actors::protocol::timestamp::Moment;
use proptest::prelude::*;
use serde_json::Value;
use uuid::Uuid;

const USERS: usize = 3;
const CHANNELS: usize = 3;
const CONNECTIONS: usize = 3;
const HISTORY: u64 = 4;

#[derive(Clone, Debug)]
enum Operation {
    Connect {
        user: usize,
        connection: usize,
        channels: Vec<usize>,
    },
    Subscribe {
        user: usize,
        connection: usize,
        channels: Vec<usize>,
    },
    Unsubscribe {
        user: usize,
        connection: usize,
        channels: Vec<usize>,
    },
    Present {
        user: usize,
        connection: usize,
        present: bool,
    },
    Close {
        user: usize,
        connection: usize,
    },
    SetState {
        user: usize,
        value: bool,
    },
    Publish {
        channel: usize,
        only: Option<usize>,
        except: Option<usize>,
        no_history: bool,
    },
    Edit {
        channel: usize,
        message: usize,
    },
    Delete {
        channel: usize,
        message: usize,
    },
    /// An update that a user sent before arrives once more.
    Repeat {
        told: usize,
    },
}

fn operation() -> impl Strategy<Value = Operation> {
    let channels = || prop::collection::vec(0..CHANNELS, 0..3);
    let place = || (0..USERS, 0..CONNECTIONS);
    prop_oneof![
        (place(), channels()).prop_map(|((user, connection), channels)| Operation::Connect {
            user,
            connection,
            channels
        }),
        (place(), channels()).prop_map(|((user, connection), channels)| Operation::Subscribe {
            user,
            connection,
            channels
        }),
        (place(), channels()).prop_map(|((user, connection), channels)| Operation::Unsubscribe {
            user,
            connection,
            channels
        }),
        (place(), any::<bool>()).prop_map(|((user, connection), present)| Operation::Present {
            user,
            connection,
            present
        }),
        place().prop_map(|(user, connection)| Operation::Close { user, connection }),
        (0..USERS, any::<bool>()).prop_map(|(user, value)| Operation::SetState { user, value }),
        (
            0..CHANNELS,
            prop::option::of(0..USERS),
            prop::option::of(0..USERS),
            any::<bool>()
        )
            .prop_map(|(channel, only, except, no_history)| Operation::Publish {
                channel,
                only,
                except,
                no_history
            }),
        (0..CHANNELS, 0..20_usize)
            .prop_map(|(channel, message)| Operation::Edit { channel, message }),
        (0..CHANNELS, 0..20_usize)
            .prop_map(|(channel, message)| Operation::Delete { channel, message }),
        (0..50_usize).prop_map(|told| Operation::Repeat { told }),
    ]
}

fn retention(length: usize) -> Retention {
    Retention {
        frames: length,
        age: Duration::from_secs(3600),
        length,
        bytes: usize::MAX,
    }
}

fn user_name(index: usize) -> UserName {
    UserName::new(format!("user-{index}"))
}

fn channel_name(index: usize) -> ChannelName {
    ChannelName::new(format!("channel-{index}"))
}

fn json(entry: &Entry) -> Option<Value> {
    entry
        .body
        .as_ref()
        .map(|body| serde_json::from_str(body.live()).unwrap())
}

/// The cores, connected as the actors connect them, and beside them the expected state.
struct World {
    users: Vec<UserCore>,
    connections: HashMap<(usize, usize), ConnectionCore>,
    channels: BTreeMap<ChannelName, ChannelCore>,
    messages: Vec<MessageId>,
    told: Vec<ChannelUpdate>,
    /// The channels of each connection, and whether it is present.
    expected: HashMap<(usize, usize), (BTreeSet<usize>, bool)>,
    clock: u64,
}

impl World {
    fn new() -> Self {
        let now = Moment::from_micros(0);
        let config = ChannelConfig {
            notify_presence: true,
            notify_state: true,
            store_history: true,
            history_size: HISTORY,
            ..ChannelConfig::default()
        };
        let channel = |index| {
            let mut core = ChannelCore::new(
                channel_name(index),
                Identity::random(),
                retention(10_000),
                usize::MAX,
                now,
            );
            core.configure(config.clone());
            (channel_name(index), core)
        };
        Self {
            users: (0..USERS)
                .map(|index| {
                    UserCore::new(user_name(index), Identity::random(), retention(100), now)
                })
                .collect(),
            connections: HashMap::new(),
            channels: (0..CHANNELS).map(channel).collect(),
            messages: Vec::new(),
            told: Vec::new(),
            expected: HashMap::new(),
            clock: 0,
        }
    }

    fn conn_id(user: usize, connection: usize) -> ConnId {
        ConnId::from(Uuid::from_u128((user * CONNECTIONS + connection) as u128))
    }

    fn tell(&mut self, updates: Vec<ChannelUpdate>) {
        for update in updates {
            let stamp = Stamp {
                now: Moment::from_micros(self.clock),
                id: MessageId::random(),
            };
            self.channels
                .get_mut(&update.channel)
                .unwrap()
                .update_member(&update.member, stamp);
            self.told.push(update);
        }
    }

    fn apply(&mut self, operation: Operation) {
        self.clock += 1;
        let now = Moment::from_micros(self.clock);
        let names = |channels: &[usize]| {
            channels
                .iter()
                .map(|channel| channel_name(*channel))
                .collect::<Vec<_>>()
        };
        match operation {
            Operation::Connect {
                user,
                connection,
                channels,
            } => {
                let core = self
                    .connections
                    .entry((user, connection))
                    .or_insert_with(|| ConnectionCore::new(user_name(user), 0.into()));
                let returning = if core.set_present(true) {
                    core.channel_list()
                } else {
                    Vec::new()
                };
                let connected = ConnectedChannels {
                    returning,
                    added: core.subscribe(names(&channels)),
                };
                let conn_id = Self::conn_id(user, connection);
                let updates =
                    self.users[user].connect(conn_id, ConnectState::default(), connected, now);
                self.tell(updates);
                let (here, present) = self.expected.entry((user, connection)).or_default();
                here.extend(channels);
                *present = true;
            }
            Operation::Subscribe {
                user,
                connection,
                channels,
            } => {
                let core = self.connections.get_mut(&(user, connection));
                let added = core.map_or_else(Vec::new, |core| core.subscribe(names(&channels)));
                let result =
                    self.users[user].subscribe(Self::conn_id(user, connection), added, now);
                assert_eq!(
                    result.is_ok(),
                    self.expected.contains_key(&(user, connection))
                );
                if let (Ok(updates), Some((here, _))) =
                    (result, self.expected.get_mut(&(user, connection)))
                {
                    here.extend(channels);
                    self.tell(updates);
                }
            }
            Operation::Unsubscribe {
                user,
                connection,
                channels,
            } => {
                let core = self.connections.get_mut(&(user, connection));
                let removed = core.map_or_else(Vec::new, |core| core.unsubscribe(names(&channels)));
                let result =
                    self.users[user].unsubscribe(Self::conn_id(user, connection), removed, now);
                if let (Ok(updates), Some((here, _))) =
                    (result, self.expected.get_mut(&(user, connection)))
                {
                    here.retain(|channel| !channels.contains(channel));
                    self.tell(updates);
                }
            }
            Operation::Present {
                user,
                connection,
                present,
            } => {
                if let Some(core) = self.connections.get_mut(&(user, connection))
                    && core.set_present(present)
                {
                    let conn_id = Self::conn_id(user, connection);
                    let channels = core.channel_list();
                    let updates = self.users[user].set_present(conn_id, present, channels, now);
                    self.tell(updates);
                }
                if let Some((_, is_present)) = self.expected.get_mut(&(user, connection)) {
                    *is_present = present;
                }
            }
            Operation::Close { user, connection } => {
                let core = self.connections.remove(&(user, connection));
                let channels = core.map_or_else(Vec::new, |core| core.channel_list());
                let conn_id = Self::conn_id(user, connection);
                let updates = self.users[user].close(conn_id, channels, now);
                self.tell(updates);
                self.expected.remove(&(user, connection));
            }
            Operation::SetState { user, value } => {
                let values = Values::from([("key".to_owned(), StateValue::Bool(value))]);
                let (_, updates) = self.users[user].set_state(values, None, now);
                self.tell(updates);
            }
            Operation::Publish {
                channel,
                only,
                except,
                no_history,
            } => {
                let id = MessageId::random();
                self.messages.push(id);
                let address = Address {
                    pm_users: only.map(user_name).into_iter().collect(),
                    exclude_users: except.map(user_name).into_iter().collect(),
                    channel: Some(channel_name(channel)),
                    no_history,
                };
                let message = Message {
                    address,
                    uuid: id,
                    timestamp: now.into(),
                    user: user_name(0),
                    message: None,
                    edited: None,
                    held: MessageMemory::default(),
                };
                let core = self.channels.get_mut(&channel_name(channel)).unwrap();
                core.publish(vec![Publication::new(Arc::new(message))], now);
            }
            Operation::Edit { channel, message } => {
                let Some(uuid) = self.messages.get(message).copied() else {
                    return;
                };
                let address = Address {
                    channel: Some(channel_name(channel)),
                    ..Address::default()
                };
                let patch = Patch {
                    address,
                    uuid,
                    timestamp: None,
                    user: Some(user_name(1)),
                    message: None,
                    edited: now.into(),
                };
                self.channels
                    .get_mut(&channel_name(channel))
                    .unwrap()
                    .edit(&patch, now);
            }
            Operation::Delete { channel, message } => {
                let Some(uuid) = self.messages.get(message).copied() else {
                    return;
                };
                let address = Address {
                    channel: Some(channel_name(channel)),
                    ..Address::default()
                };
                self.channels
                    .get_mut(&channel_name(channel))
                    .unwrap()
                    .delete(&Deletion { address, uuid }, now);
            }
            Operation::Repeat { told } => {
                if let Some(update) = self.told.get(told).cloned() {
                    let stamp = Stamp {
                        now,
                        id: MessageId::random(),
                    };
                    self.channels
                        .get_mut(&update.channel)
                        .unwrap()
                        .update_member(&update.member, stamp);
                }
            }
        }
    }

    fn check(&self) {
        for (index, core) in self.channels.values().enumerate() {
            let here =
                |((user, _), (channels, present)): (&(usize, usize), &(BTreeSet<usize>, bool))| {
                    (*present && channels.contains(&index)).then(|| user_name(*user))
                };
            let connections: Vec<_> = self.expected.iter().filter_map(here).collect();
            let users: BTreeSet<_> = connections.iter().cloned().collect();
            assert_eq!(
                core.roster()
                    .users()
                    .map(|user| user.user)
                    .collect::<Vec<_>>(),
                users.into_iter().collect::<Vec<_>>(),
                "the roster equals the subscriptions"
            );
            assert_eq!(core.roster().connections(), connections.len());
            assert!(
                core.history().len() as u64 <= HISTORY,
                "history stays within its size"
            );
            let entries: Vec<_> = core.log().after(0).unwrap().collect();
            let offsets: Vec<_> = entries.iter().map(|entry| entry.offset).collect();
            assert_eq!(
                offsets,
                (1..=core.log().end()).collect::<Vec<_>>(),
                "offsets have no holes"
            );
            let mut last: HashMap<String, String> = HashMap::new();
            for event in entries
                .iter()
                .filter_map(|entry| json(entry))
                .filter(|event| event["type"] == "presence")
            {
                let (user, action) = (
                    event["user"].as_str().unwrap(),
                    event["message"]["action"].as_str().unwrap(),
                );
                let before = last.insert(user.to_owned(), action.to_owned());
                let expected = if before.as_deref() == Some("joined") {
                    "parted"
                } else {
                    "joined"
                };
                assert_eq!(action, expected, "joined and parted alternate");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn the_invariants_hold_after_every_operation(
        operations in prop::collection::vec(operation(), 1..60),
    ) {
        let mut world = World::new();
        for operation in operations {
            world.apply(operation);
            world.check();
        }
    }

    /// Readers come at any time and read pieces of any size while more is published. They see each
    /// entry that is for them once and in order. A reader who is too slow is told so, and never
    /// skips entries silently.
    #[test]
    fn a_cursor_sees_each_entry_for_it_once_in_order(
        length in 1..30_usize,
        steps in prop::collection::vec((0..4_u8, 0..USERS, 1..6_usize), 1..120),
    ) {
        let now = Moment::from_micros(1);
        let mut core = ChannelCore::new(
            channel_name(0),
            Identity::random(),
            retention(length),
            usize::MAX,
            now,
        );
        let mut routes: Vec<Option<usize>> = Vec::new();
        // Values per user: the position where it began, its present position, and the offsets that
        // it has read.
        let mut cursors: HashMap<usize, (u64, u64, Vec<u64>)> = HashMap::new();
        for (kind, user, count) in steps {
            match kind {
                0 | 1 => {
                    let only = (kind == 1).then_some(user);
                    let address = Address {
                        pm_users: only.map(user_name).into_iter().collect(),
                        channel: Some(channel_name(0)),
                        ..Address::default()
                    };
                    for _ in 0..count {
                        let uuid = MessageId::random();
                        let message = Message {
                            address: address.clone(),
                            uuid,
                            timestamp: now.into(),
                            user: user_name(0),
                            message: None,
                            edited: None,
                            held: MessageMemory::default(),
                        };
                        core.publish(vec![Publication::new(Arc::new(message))], now);
                        routes.push(only);
                    }
                }
                2 => {
                    let end = core.log().end();
                    cursors.entry(user).or_insert((end, end, Vec::new()));
                }
                _ => {
                    let Some((began, position, read)) = cursors.get_mut(&user) else { continue };
                    match core.log().after(*position) {
                        Ok(entries) => {
                            for entry in entries.take(count) {
                                if entry.route.allows(&user_name(user)) {
                                    read.push(entry.offset);
                                }
                                *position = entry.offset;
                            }
                        }
                        Err(_) => {
                            prop_assert!(*position < core.log().oldest_position());
                            *position = core.log().end();
                            *began = *position;
                            read.clear();
                        }
                    }
                    let is_for_it = |offset: &u64| {
                        let only = routes[usize::try_from(*offset).unwrap() - 1];
                        only.is_none_or(|only| only == user)
                    };
                    let expected: Vec<_> = (*began + 1..=*position).filter(is_for_it).collect();
                    prop_assert_eq!(&*read, &expected);
                }
            }
        }
    }
}
