//! The counters of a process of Redis that has lost its data, and whose clock was set back.

use channelstream_actors::core::cluster::answer::Answer;
use channelstream_actors::core::cluster::call::Call;
use channelstream_actors::name::{ConnId, UserName};
use channelstream_actors::store::redis::encoding::Limits;
use channelstream_actors::store::redis::link::Known;

use super::caller::Caller;
use super::server::RedisServer;
use crate::world::channel;

/// A number far above the present time in microseconds.
const HIGH: u64 = 5_000_000_000_000_000;

#[tokio::test]
async fn counters_go_on_above_what_a_node_has_seen() {
    let server = RedisServer::start();
    let mut connection = server.connect().await;
    let mut known = Known::default();
    let mut seen = [HIGH; 4];
    for process in ["first", "second"] {
        let (keys, limits) = (format!("{process}:{{cs}}"), Limits::default());
        let mut node = Caller::begin(&mut connection, &keys, process, seen, limits).await;
        let user = UserName::new("alice");
        let connect = Call::Connect {
            conn_id: ConnId::random(),
            user: user.clone(),
            logs: [channel()].into(),
        };
        let answer = node.call(connect).await;
        assert!(matches!(answer, Answer::Connected { .. }), "{answer:?}");
        known.note(&answer);
        let set = Call::SetUser {
            user: user.clone(),
            seen: 0,
            state: "{}".into(),
            changed: None,
        };
        assert_eq!(node.call(set).await, Answer::Done);
        let answer = node.call(Call::LookUpUser { user }).await;
        assert!(matches!(answer, Answer::User(_)), "{answer:?}");
        known.note(&answer);
        known.term = node.sender.term;
        let now = [known.term.0, known.turn, known.epoch, known.version];
        assert!(
            now.iter().zip(seen).all(|(now, seen)| *now > seen),
            "{now:?}"
        );
        seen = now;
    }
}
