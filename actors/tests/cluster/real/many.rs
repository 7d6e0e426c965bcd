//! A connection with as many channels as a cluster allows.

use std::time::{Duration, Instant};

use bytes::Bytes;
use channelstream_actors::core::cluster::call::{Answer, Call, FeedId, NodeId, Term};
use channelstream_actors::name::{ChannelName, ConnId, UserName};
use channelstream_actors::store::redis::decoding;
use channelstream_actors::store::redis::encoding::Sender;
use channelstream_actors::store::redis::scripts::{Scripts, fence};
use redis::Value;

use super::server::RedisServer;

/// The number of channels. A script goes through all of them while nothing else happens in Redis.
const CHANNELS: usize = 1000;

/// The longest time of one of these calls. It is far above the few milliseconds that a call takes,
/// since this test runs beside others.
const LONGEST: Duration = Duration::from_secs(2);

#[tokio::test]
async fn a_connection_may_have_a_thousand_channels() {
    let server = RedisServer::start();
    let mut connection = server.connect().await;
    let scripts = Scripts::load(&mut connection).await.unwrap();
    let keys = "{cs}".to_owned();
    let term = fence(&mut connection, &keys, "1", [0; 3]).await.unwrap();
    let sender = Sender {
        node: NodeId(1),
        term: Term(term),
        keys,
    };
    let mut number = 0;
    let mut make = async |call: Call<Bytes>| {
        number += 1;
        let command = sender.command(&scripts, number, &call);
        let begun = Instant::now();
        let value: Value = command.query_async(&mut connection.clone()).await.unwrap();
        let taken = begun.elapsed();
        let name = format!("{call:?}");
        println!("{}: {taken:.1?}", name.split(' ').next().unwrap());
        assert!(taken < LONGEST);
        decoding::answer(&call, &value).unwrap()
    };
    let conn_id = ConnId::random();
    let channels = (0..CHANNELS).map(|index| ChannelName::new(format!("channel-{index}")));
    let connect = Call::Connect {
        conn_id,
        user: UserName::new("alice"),
        channels: channels.collect(),
    };
    let Answer::Connected { record, .. } = make(connect).await else {
        panic!("not connected")
    };
    assert_eq!(record.read.len(), CHANNELS);
    let Answer::Taken { record, ends, .. } = make(Call::Take { conn_id }).await else {
        panic!("not taken")
    };
    assert_eq!(ends.len(), CHANNELS);
    let report = Call::Report {
        conn_id,
        turn: record.turn,
        read: record.read.clone(),
    };
    assert_eq!(make(report).await, Answer::Done);
    let turn = record.turn;
    assert_eq!(make(Call::Leave { conn_id, turn }).await, Answer::Done);
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
