//! Generates random sequences.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use crate::operation::{
    CHANNELS, CONNECTIONS, Config, Draft, Ending, Kind, Operation, Recipients, Return, Sequence,
    Setup, USERS,
};

/// The number of idempotency keys.
const KEYS: usize = 3;

pub(crate) fn sequence() -> impl Strategy<Value = Sequence<Operation>> {
    let is_durable = prop::bool::weighted(0.3);
    let is_short = prop::bool::weighted(0.4);
    let setup =
        (is_durable, any::<bool>(), is_short).prop_map(|(is_durable, parts_at_once, is_short)| {
            Setup {
                is_durable,
                parts_at_once,
                is_short,
            }
        });
    (setup, beginning(), vec(operation(), 10..45)).prop_map(|(setup, mut operations, further)| {
        operations.extend(further);
        Sequence { setup, operations }
    })
}

/// Generates operations after which there is something to work with.
pub(crate) fn beginning() -> impl Strategy<Value = Vec<Operation>> {
    let configs = vec((channel(), config()), 2..5);
    let clients = vec((connect(), attach()), 4..8);
    (configs, clients).prop_map(|(configs, clients)| {
        let configure = |(channel, config)| Operation::Configure { channel, config };
        let beginning = configs.into_iter().map(configure);
        let begin = |(connect, attach)| [connect, attach];
        beginning
            .chain(clients.into_iter().flat_map(begin))
            .collect()
    })
}

/// Chooses a channel. The first one is the most frequent, so that many operations meet in it.
fn channel() -> impl Strategy<Value = usize> {
    prop_oneof![1 => Just(0), 1 => 0..CHANNELS]
}

fn channels() -> impl Strategy<Value = Vec<usize>> {
    vec(channel(), 1..4)
}

fn values() -> impl Strategy<Value = Vec<(usize, u8)>> {
    vec((0..3_usize, 0..5_u8), 0..3)
}

fn keys() -> impl Strategy<Value = Vec<usize>> {
    vec(0..3_usize, 0..3)
}

fn config() -> impl Strategy<Value = Config> {
    let often = || prop::bool::weighted(0.8);
    let rest = (any::<bool>(), often(), often());
    (often(), often(), 0..5_u64, rest).prop_map(
        |(notify_presence, store_history, history_size, rest)| Config {
            notify_presence,
            store_history,
            history_size,
            has_user_lists: rest.0,
            notify_state: rest.1,
            store_frames: rest.2,
        },
    )
}

fn draft() -> impl Strategy<Value = Draft> {
    let users = |most| vec(0..USERS, 0..most);
    let to_channel = (channel(), users(2), users(2));
    let to_channel = to_channel.prop_map(|(channel, only, except)| Recipients::Channel {
        channel,
        only,
        except,
    });
    let to = prop_oneof![
        3 => to_channel,
        2 => users(3).prop_map(Recipients::Users),
    ];
    (0..USERS, to, prop::bool::weighted(0.2), any::<bool>()).prop_map(
        |(sender, to, no_history, has_id)| Draft {
            sender,
            to,
            no_history,
            has_id,
        },
    )
}

fn connect() -> impl Strategy<Value = Operation> {
    let state = (values(), values(), keys());
    (
        0..USERS,
        0..CONNECTIONS,
        channels(),
        state,
        option::weighted(0.3, config()),
    )
        .prop_map(
            |(user, connection, channels, (fresh, values, keys), config)| Operation::Connect {
                user,
                connection,
                channels,
                fresh,
                values,
                keys,
                config,
            },
        )
}

fn attach() -> impl Strategy<Value = Operation> {
    let kind = prop_oneof![3 => Just(Kind::Socket), 1 => Just(Kind::Stream), 1 => Just(Kind::Poll)];
    (
        0..CONNECTIONS,
        kind,
        any::<bool>(),
        prop::bool::weighted(0.4),
    )
        .prop_map(
            |(connection, kind, brings_position, is_narrow)| Operation::Attach {
                connection,
                kind,
                brings_position,
                is_narrow,
            },
        )
}

pub(crate) fn publish_or_configure() -> impl Strategy<Value = Operation> {
    let drafts = || vec(draft(), 1..4);
    let once = (0..KEYS, drafts(), prop::bool::weighted(0.1));
    let once = once.prop_map(|(key, drafts, has_other_body)| Operation::Once {
        key,
        drafts,
        has_other_body,
    });
    let cut_off = (0..KEYS, vec(draft(), 2..5), 0..4_usize);
    let cut_off = cut_off.prop_map(|(key, drafts, done)| Operation::CutOff { key, drafts, done });
    let edit = (0..8_usize, option::of(0..USERS));
    let configure = (0..CHANNELS, config());
    let shown = (any::<bool>(), any::<bool>(), any::<bool>());
    let info = (vec(0..CHANNELS, 0..3), shown);
    let info = info.prop_map(|(channels, (history, users, public))| Operation::Info {
        channels,
        history,
        users,
        public,
    });
    prop_oneof![
        8 => drafts().prop_map(Operation::Publish),
        2 => once,
        1 => cut_off,
        1 => edit.prop_map(|(back, user)| Operation::Edit { back, user }),
        1 => (0..8_usize).prop_map(|back| Operation::Delete { back }),
        1 => configure.prop_map(|(channel, config)| Operation::Configure { channel, config }),
        1 => info,
    ]
}

pub(crate) fn connect_or_subscribe() -> impl Strategy<Value = Operation> {
    let connection = || 0..CONNECTIONS;
    let subscribe = (connection(), channels(), option::weighted(0.3, config()));
    let subscribe = subscribe.prop_map(|(connection, channels, config)| Operation::Subscribe {
        connection,
        channels,
        config,
    });
    let unsubscribe = (connection(), channels());
    let unsubscribe = unsubscribe.prop_map(|(connection, channels)| Operation::Unsubscribe {
        connection,
        channels,
    });
    let state = (0..USERS, values(), option::of(keys()));
    prop_oneof![
        5 => connect(),
        3 => subscribe,
        2 => unsubscribe,
        2 => state.prop_map(|(user, values, keys)| Operation::SetState { user, values, keys }),
        1 => connection().prop_map(|connection| Operation::Disconnect { connection }),
        1 => (0..CHANNELS).prop_map(|channel| Operation::Forget { channel }),
    ]
}

pub(crate) fn attach_or_read() -> impl Strategy<Value = Operation> {
    let ending = prop_oneof![
        3 => Just(Ending::Reported),
        1 => Just(Ending::Dropped),
        1 => Just(Ending::Reset),
    ];
    let flags = (prop::bool::weighted(0.7), any::<bool>());
    let read = (0..CONNECTIONS, 1..5_usize, flags);
    let read =
        read.prop_map(
            |(connection, batches, (is_confirmed, is_reported))| Operation::Read {
                connection,
                batches,
                is_confirmed,
                is_reported,
            },
        );
    let detach = (0..CONNECTIONS, ending);
    prop_oneof![
        3 => attach(),
        8 => read,
        2 => detach.prop_map(|(connection, ending)| Operation::Detach { connection, ending }),
    ]
}

pub(crate) fn returns() -> impl Strategy<Value = Return> {
    (any::<bool>(), any::<bool>()).prop_map(|(all, brings_position)| Return {
        all,
        brings_position,
    })
}

fn operation() -> impl Strategy<Value = Operation> {
    prop_oneof![
        14 => publish_or_configure(),
        10 => connect_or_subscribe(),
        18 => attach_or_read(),
        4 => Just(Operation::Commit),
        2 => returns().prop_map(Operation::Restart),
        2 => returns().prop_map(Operation::Crash),
    ]
}
