//! What a node writes into a Redis that has lost something.

use std::time::Duration;

use bytes::Bytes;
use channelstream_actors::core::cluster::answer::Answer;
use channelstream_actors::core::cluster::call::{Call, FeedId, NodeId, Record};
use channelstream_actors::name::{ConnId, UserName};
use channelstream_actors::store::redis::encoding::Limits;

use super::caller::Caller;
use super::server::RedisServer;
use crate::world::channel;

/// Connects a user. Returns the record, and the last entry of the feed then.
async fn connect(node: &mut Caller, conn_id: ConnId) -> (Record, FeedId) {
    let call = Call::Connect {
        conn_id,
        user: UserName::new("alice"),
        logs: [channel()].into(),
    };
    match node.call(call).await {
        Answer::Connected { record, fed } => (record, fed),
        answer => panic!("{answer:?}"),
    }
}

/// Renews a record. Returns whether the connection is present afterwards.
async fn renew(node: &mut Caller, conn_id: ConnId, record: &Record, heard: FeedId) -> bool {
    let call = Call::Renew {
        conn_id,
        record: record.clone(),
        left: [].into(),
        heard,
    };
    let answer = node.call(call).await;
    assert!(matches!(answer, Answer::Renewed { .. }), "{answer:?}");
    is_present(node, conn_id).await
}

async fn leave(node: &mut Caller, conn_id: ConnId, record: &Record, heard: Option<FeedId>) {
    let turn = record.turn;
    let call = Call::Leave {
        conn_id,
        turn,
        heard,
    };
    assert_eq!(node.call(call).await, Answer::Done);
}

async fn is_present(node: &mut Caller, conn_id: ConnId) -> bool {
    match node.call(Call::LookUp { conn_id }).await {
        Answer::Known(record) => record.is_here,
        answer => panic!("{answer:?}"),
    }
}

/// Returns the last entry of the feed.
async fn reach(node: &mut Caller) -> FeedId {
    match node.call(Call::Reach).await {
        Answer::Reached(id) => id,
        answer => panic!("{answer:?}"),
    }
}

/// Beats, and returns the number of beats of each node.
async fn beats(node: &mut Caller) -> Vec<(NodeId, u64)> {
    let about = Bytes::new();
    match node.call(Call::Beat { about }).await {
        Answer::Beats(pulses) => pulses
            .iter()
            .map(|(id, pulse)| (*id, pulse.beats))
            .collect(),
        answer => panic!("{answer:?}"),
    }
}

#[tokio::test]
async fn a_node_that_only_records_name_is_watched() {
    let server = RedisServer::start();
    let mut node = Caller::start(&server, Limits::default()).await;
    let conn_id = ConnId::random();
    let (record, fed) = connect(&mut node, conn_id).await;
    let all = || redis::cmd("FLUSHALL");
    all().exec_async(&mut node.connection).await.unwrap();
    // Another node writes the record as it was before it got another id.
    let mut other = Caller::start(&server, Limits::default()).await;
    other.sender.node = NodeId(2);
    renew(&mut other, conn_id, &record, fed).await;
    assert_eq!(beats(&mut other).await, [(NodeId(1), 0), (NodeId(2), 1)]);
    let declare = Call::Declare {
        node: NodeId(1),
        away: Duration::ZERO,
    };
    assert_eq!(other.call(declare).await, Answer::Done);
    let turn = None;
    other.call(Call::End { conn_id, turn }).await;
    assert_eq!(beats(&mut other).await, [(NodeId(2), 2)]);
}

#[tokio::test]
async fn a_renewal_does_not_make_absent_who_has_just_connected_again() {
    let server = RedisServer::start();
    let mut node = Caller::start(&server, Limits::default()).await;
    let conn_id = ConnId::random();
    let (record, fed) = connect(&mut node, conn_id).await;
    let absent = Record {
        is_here: false,
        ..record.clone()
    };
    leave(&mut node, conn_id, &record, None).await;
    assert_eq!(node.call(Call::Heard { conn_id }).await, Answer::Done);
    let heard = reach(&mut node).await;
    for (known, is_here) in [(fed, true), (heard, false)] {
        let is_present = renew(&mut node, conn_id, &absent, known).await;
        assert_eq!(is_present, is_here, "{known:?}");
    }
}

#[tokio::test]
async fn a_connection_is_not_made_absent_whose_application_was_heard_from_meanwhile() {
    let server = RedisServer::start();
    let mut node = Caller::start(&server, Limits::default()).await;
    let conn_id = ConnId::random();
    let (record, fed) = connect(&mut node, conn_id).await;
    assert_eq!(node.call(Call::Heard { conn_id }).await, Answer::Done);
    let heard = reach(&mut node).await;
    for (known, is_here) in [(Some(fed), true), (Some(heard), false)] {
        leave(&mut node, conn_id, &record, known).await;
        assert_eq!(is_present(&mut node, conn_id).await, is_here, "{known:?}");
    }
}
