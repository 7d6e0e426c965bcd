//! A connection with as many channels as a cluster allows.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use bytes::Bytes;
use channelstream_actors::core::cluster::answer::Answer;
use channelstream_actors::core::cluster::call::{Call, FeedId};
use channelstream_actors::name::{ChannelName, ConnId, LogName, UserName};
use channelstream_actors::store::redis::encoding::Limits;

use super::caller::Caller;
use super::compare::kind;
use super::server::RedisServer;

/// The number of channels. A script goes through all of them while nothing else happens in Redis.
const CHANNELS: usize = 1000;

/// The longest time of one of these calls. It is far above the few milliseconds that a call takes,
/// since this test runs beside others.
const LONGEST: Duration = Duration::from_secs(2);

#[tokio::test]
async fn a_connection_may_have_a_thousand_channels() {
    let server = RedisServer::start();
    let mut node = Caller::start(&server, Limits::default()).await;
    let mut make = async |call: Call<Bytes>| {
        let name = kind(&call);
        let begun = Instant::now();
        let answer = node.call(call).await;
        let taken = begun.elapsed();
        println!("{name}: {taken:.1?}");
        assert!(taken < LONGEST);
        answer
    };
    let conn_id = ConnId::random();
    let logs: BTreeSet<LogName> = (0..CHANNELS).map(name).collect();
    let connect = Call::Connect {
        conn_id,
        user: UserName::new("alice"),
        logs: logs.clone(),
    };
    let Answer::Connected { record, .. } = make(connect).await else {
        panic!("not connected")
    };
    assert_eq!(record.read.len(), CHANNELS);
    let user = UserName::new("alice");
    let set = Call::SetUser {
        user,
        seen: 0,
        state: "{}".into(),
        changed: Some("{}".into()),
    };
    assert_eq!(make(set).await, Answer::Done);
    let Answer::Taken { record, ends, .. } = make(Call::Take {
        conn_id,
        polls: false,
        continuity: None,
        session: None,
    })
    .await
    else {
        panic!("not taken")
    };
    assert_eq!(ends.len(), CHANNELS);
    let report = Call::Report {
        conn_id,
        turn: record.turn,
        read: record.read.clone(),
        has_ended: true,
    };
    assert_eq!(make(report).await, Answer::Done);
    let leave = Call::Leave {
        conn_id,
        turn: record.turn,
        heard: None,
    };
    assert_eq!(make(leave).await, Answer::Done);
    let expected = record.read.clone();
    let renew = Call::Renew {
        conn_id,
        record,
        left: [].into(),
        heard: FeedId::default(),
    };
    let Answer::Renewed { read, .. } = make(renew).await else {
        panic!("not renewed")
    };
    assert_eq!(read, expected);
    let end = Call::End {
        conn_id,
        turn: None,
    };
    assert_eq!(make(end).await, Answer::Done);
}

fn name(index: usize) -> LogName {
    ChannelName::new(format!("channel-{index}")).into()
}

#[tokio::test]
async fn many_names_are_listed_in_parts() {
    let server = RedisServer::start();
    let mut node = Caller::start(&server, Limits::default()).await;
    let logs: BTreeSet<LogName> = (0..5 * CHANNELS).map(name).collect();
    for log in &logs {
        node.call(Call::Load { log: log.clone() }).await;
    }
    let (mut listed, mut cursor, mut parts) = (BTreeSet::new(), 0, 0);
    while parts == 0 || cursor > 0 {
        let Answer::Names {
            cursor: next,
            names,
        } = node.call(Call::Names { cursor }).await
        else {
            panic!("no names")
        };
        listed.extend(names);
        (cursor, parts) = (next, parts + 1);
    }
    assert_eq!(listed, logs);
    assert!(parts > 1);
}
