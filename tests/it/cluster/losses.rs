//! Redis is killed, paused, or loses its connections, while callers post.

use std::time::Duration;

use tokio::time::sleep;

use super::Cluster;
use super::load::Load;
use crate::support::scale::scaled;

/// Lets callers post at two nodes while faults happen. Then each client must have every message
/// that was accepted, and none twice without a mark.
async fn post_through(fault: impl AsyncFn(&mut Cluster, &mut Load)) {
    let mut cluster = Cluster::start(2, &[]);
    let mut load = Load::start(&cluster).await;
    fault(&mut cluster, &mut load).await;
    load.stop(&cluster).await.assert_nothing_lost();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nothing_is_lost_when_redis_is_killed_and_has_its_file() {
    post_through(async |cluster, load| {
        // By default the file is written once a second.
        let redis = &mut cluster.redis;
        redis.command(&["config", "set", "appendfsync", "always"]);
        for _ in 0..scaled(1, 10) {
            load.wait_until_accepted().await;
            cluster.redis.kill_and_start();
            load.wait_until_accepted().await;
            let redis = &mut cluster.redis;
            redis.command(&["config", "set", "appendfsync", "always"]);
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nothing_is_lost_when_redis_stands_still() {
    post_through(async |cluster, load| {
        cluster.redis.signal("STOP");
        sleep(Duration::from_secs(scaled(5, 20))).await;
        cluster.redis.signal("CONT");
        load.wait_until_accepted().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nothing_is_lost_when_connections_to_redis_are_killed() {
    post_through(async |cluster, load| {
        for _ in 0..scaled(15, 300) {
            cluster.redis.command(&["client", "kill", "type", "normal"]);
            // The time is a part of the fault: the next one comes, whatever was accepted.
            sleep(Duration::from_millis(200)).await;
        }
        load.wait_until_accepted().await;
    })
    .await;
}
