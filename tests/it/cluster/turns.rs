//! Clients that open a transport while Redis cannot answer the call that begins its turn.

use std::time::Duration;

use futures_util::future::join;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Error;

use super::{Cluster, readiness};
use crate::support::eventually;
use crate::support::websocket::WebSocket;

/// The number of attempts to open a transport before the node notices the fault.
const ATTEMPTS: usize = 5;

/// Opens transports while a fault of Redis lasts that the node has not noticed. Their clients must
/// come back as the same connection, which they then do.
async fn open_during(begin: impl Fn(&Cluster), end: impl Fn(&Cluster)) {
    let cluster = Cluster::start(1, &[]);
    let (backend, address) = (cluster.backend(0), &cluster.nodes[0].address);
    let conn_id = backend.connect("alice", &["room"]).await;
    for _ in 0..ATTEMPTS {
        begin(&cluster);
        let (socket, poll) =
            join(WebSocket::open(address, &conn_id), backend.listen(&conn_id)).await;
        assert_eq!(poll.status(), 503);
        assert!(poll.headers().contains_key("retry-after"));
        let was_tried = match socket {
            Ok(mut socket) => {
                let ended = socket.ended(Duration::from_secs(10)).await;
                let code = ended
                    .expect("the websocket is closed")
                    .map(|(code, _)| code);
                assert_eq!(code, Some(1012));
                true
            }
            // The node has noticed it already.
            Err(Error::Http(answer)) => {
                assert_eq!(answer.status(), 503);
                false
            }
            Err(error) => panic!("{error}"),
        };
        end(&cluster);
        eventually("the node is ready", async || {
            readiness(&backend).await == (200, Value::Null)
        })
        .await;
        if was_tried {
            let mut socket = WebSocket::open(address, &conn_id).await.unwrap();
            backend.say("room", json!({"text": "back"})).await;
            assert_eq!(socket.event().await["message"]["text"], "back");
            return;
        }
    }
    panic!("the node has always noticed it at once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_client_may_come_back_that_came_while_redis_stood_still() {
    open_during(
        |cluster| cluster.redis.signal("STOP"),
        |cluster| cluster.redis.signal("CONT"),
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_client_may_come_back_that_came_while_redis_refused_to_write() {
    let limit = |cluster: &Cluster, bytes: &str| {
        let answer = cluster
            .redis
            .command(&["config", "set", "maxmemory", bytes]);
        assert_eq!(answer.trim(), "OK");
    };
    open_during(|cluster| limit(cluster, "1"), |cluster| limit(cluster, "0")).await;
}
