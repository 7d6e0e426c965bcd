//! A node that starts while Redis loads its data.

use serde_json::{Value, json};

use super::readiness;
use crate::support::client::Backend;
use crate::support::eventually;
use crate::support::redis::Redis;

/// Makes so many keys that Redis can be made slow in loading them.
const FILL: &str = "
    for number = 1, 2000 do
        redis.call('SET', 'other:' .. number, string.rep('x', 100))
    end";

/// The time in microseconds that a slow Redis takes to load a key.
const SLOW: &str = "10000";

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_node_starts_while_redis_loads_its_data() {
    // Redis answers others after each kilobyte that it has loaded.
    let mut redis = Redis::start_with(&[
        "--loading-process-events-interval-bytes",
        "1024",
        "--key-load-delay",
        SLOW,
    ]);
    redis.command(&["eval", FILL, "0"]);
    // Commands would be loaded many at a time, but keys are loaded one by one.
    redis.command(&["bgrewriteaof"]);
    let info = |redis: &Redis, line: &str| redis.command(&["info"]).contains(line);
    eventually("the file has the keys", async || {
        info(&redis, "aof_rewrite_in_progress:0")
    })
    .await;
    redis.kill_and_start();
    assert!(info(&redis, "loading:1"), "Redis is still loading");
    let node = redis.node(&[]);
    let backend = Backend::of(&node);
    let (status, error) = readiness(&backend).await;
    assert_eq!(status, 503, "{error}");
    let answer = backend.try_to_say("room", json!({"text": "refused"})).await;
    assert_eq!(answer.status(), 503);
    redis.command(&["config", "set", "key-load-delay", "0"]);
    eventually("the node is ready", async || {
        readiness(&backend).await == (200, Value::Null)
    })
    .await;
    backend.connect("alice", &["room"]).await;
}
