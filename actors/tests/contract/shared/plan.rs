//! What happens in a sequence, and how sequences are generated.

use proptest::collection::vec;
use proptest::prelude::*;

use crate::generate::{
    attach_or_read, beginning, connect_or_subscribe, publish_or_configure, returns,
};
use crate::operation::{CONNECTIONS, Operation, Return, Sequence, Setup};

/// The number of nodes.
pub(crate) const NODES: usize = 2;

/// The connection that is made only before Redis goes back. Redis remembers for a while that a
/// connection has ended, and a node does not bring back one that was made under its id since then.
pub(crate) const LATEST: usize = CONNECTIONS - 1;

/// Something that happens in a sequence.
#[derive(Clone, Debug)]
pub(crate) enum Event {
    /// A node takes an operation.
    Step { node: usize, operation: Operation },
    /// A node takes an operation, and the answer to one of its calls to Redis is lost.
    LoseAnswer { node: usize, operation: Operation },
    /// The connections on which nodes read the feed are cut, or all connections to Redis.
    Cut { all: bool },
    /// A node dies, and another one starts in its place.
    Die { node: usize, returns: Return },
    /// A node stops in order, and another one starts in its place.
    Stop { node: usize, returns: Return },
    /// Redis loses what happens after this moment, and starts again. Nothing follows.
    Rewind { node: usize },
}

impl Event {
    /// Returns the connection that the event concerns.
    fn connection(&self) -> Option<usize> {
        let (Self::Step { operation, .. } | Self::LoseAnswer { operation, .. }) = self else {
            return None;
        };
        match operation {
            Operation::Connect { connection, .. }
            | Operation::Subscribe { connection, .. }
            | Operation::Unsubscribe { connection, .. }
            | Operation::Disconnect { connection }
            | Operation::Attach { connection, .. }
            | Operation::Read { connection, .. }
            | Operation::Detach { connection, .. } => Some(*connection),
            _ => None,
        }
    }
}

pub(crate) fn sequence() -> impl Strategy<Value = Sequence<Event>> {
    let setup = any::<bool>().prop_map(|parts_at_once| Setup {
        is_durable: false,
        parts_at_once,
        is_short: false,
    });
    let beginning = beginning().prop_flat_map(|operations| {
        let steps = operations.into_iter().map(|operation| {
            let step = move |node| Event::Step {
                node,
                operation: wide(operation.clone()),
            };
            (0..NODES).prop_map(step)
        });
        steps.collect::<Vec<_>>()
    });
    let end = prop_oneof![
        9 => Just(None),
        1 => (0..NODES).prop_map(|node| Some(Event::Rewind { node })),
    ];
    (setup, beginning, vec(event(), 10..30), end).prop_map(
        |(setup, mut operations, further, end)| {
            operations.extend(further);
            if let Some(end) = end {
                operations.retain(|event| event.connection() != Some(LATEST));
                operations.push(end);
            }
            Sequence { setup, operations }
        },
    )
}

/// Generates an operation that two nodes and a broker in memory do in the same way. How much is too
/// much for a client depends on the batches, which differ. A call with a key that is cut off is
/// one whose answer is lost; here it is made in full, or with another body.
fn operation() -> impl Strategy<Value = Operation> {
    let operation = prop_oneof![
        14 => publish_or_configure(),
        10 => connect_or_subscribe(),
        18 => attach_or_read(),
    ];
    operation.prop_map(wide)
}

/// Returns an operation with a wide queue for each transport, and without what only the other suite
/// does.
fn wide(operation: Operation) -> Operation {
    match operation {
        Operation::Attach {
            connection,
            kind,
            brings_position,
            ..
        } => Operation::Attach {
            connection,
            kind,
            brings_position,
            is_narrow: false,
        },
        Operation::CutOff { key, drafts, done } => Operation::Once {
            key,
            drafts,
            has_other_body: done > 1,
        },
        operation => operation,
    }
}

/// Returns whether an operation that is made twice has no other effect than one that is made once.
pub(crate) fn may_be_repeated(operation: &Operation) -> bool {
    matches!(
        operation,
        Operation::Connect { .. }
            | Operation::Subscribe { .. }
            | Operation::Unsubscribe { .. }
            | Operation::SetState { .. }
            | Operation::Once { .. }
            | Operation::Configure { .. }
            | Operation::Disconnect { .. }
            | Operation::Attach { .. }
    )
}

fn event() -> impl Strategy<Value = Event> {
    let node = || 0..NODES;
    let step = (node(), operation()).prop_map(|(node, operation)| Event::Step { node, operation });
    let lost = (
        node(),
        operation().prop_filter("has one effect", may_be_repeated),
    );
    let lost = lost.prop_map(|(node, operation)| Event::LoseAnswer { node, operation });
    let die = (node(), returns()).prop_map(|(node, returns)| Event::Die { node, returns });
    let stop = (node(), returns()).prop_map(|(node, returns)| Event::Stop { node, returns });
    prop_oneof![
        40 => step,
        5 => lost,
        2 => any::<bool>().prop_map(|all| Event::Cut { all }),
        1 => die,
        1 => stop,
    ]
}
