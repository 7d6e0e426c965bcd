//! The counters of a process of Redis that has lost its data, and whose clock was set back.

use bytes::Bytes;
use channelstream_actors::core::cluster::call::{Answer, Call, NodeId, Term};
use channelstream_actors::name::{ConnId, UserName};
use channelstream_actors::store::redis::decoding;
use channelstream_actors::store::redis::encoding::Sender;
use channelstream_actors::store::redis::link::Known;
use channelstream_actors::store::redis::scripts::{Scripts, fence};
use redis::Value;

use super::server::RedisServer;
use crate::world::channel;

/// A number far above the present time in microseconds.
const HIGH: u64 = 5_000_000_000_000_000;

#[tokio::test]
async fn counters_go_on_above_what_a_node_has_seen() {
    let server = RedisServer::start();
    let mut connection = server.connect().await;
    let scripts = Scripts::load(&mut connection).await.unwrap();
    let mut known = Known::default();
    let mut seen = [HIGH; 3];
    for process in ["first", "second"] {
        let keys = format!("{process}:{{cs}}");
        let term = fence(&mut connection, &keys, process, seen).await.unwrap();
        let sender = Sender {
            node: NodeId(1),
            term: Term(term),
            keys,
        };
        let connect: Call<Bytes> = Call::Connect {
            conn_id: ConnId::random(),
            user: UserName::new("alice"),
            channels: [channel()].into(),
        };
        let command = sender.command(&scripts, 1, &connect);
        let value: Value = command.query_async(&mut connection).await.unwrap();
        let answer = decoding::answer(&connect, &value).unwrap();
        assert!(matches!(answer, Answer::Connected { .. }));
        known.term = Term(term);
        known.note(&answer);
        let now = [known.term.0, known.turn, known.epoch];
        assert!(
            now.iter().zip(seen).all(|(now, seen)| *now > seen),
            "{now:?}"
        );
        seen = now;
    }
}
