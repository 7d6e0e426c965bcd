//! Another Redis takes the place of the primary, while callers post.

use super::Cluster;
use super::load::Load;
use crate::support::eventually;
use crate::support::redis::{Redis, node_with};
use crate::support::redis_groups::{LOGIN, NAME, RedisCluster, start_pair, start_sentinels};

/// Returns the addresses of servers as `redis_urls`.
fn urls<'a>(login: &str, servers: impl IntoIterator<Item = &'a Redis>) -> String {
    let servers = servers.into_iter();
    let urls: Vec<_> = servers
        .map(|server| format!("redis://{login}@{}", server.address()))
        .collect();
    urls.join(",")
}

/// Starts two nodes with these flags, whose primary this is.
fn cluster(primary: Redis, flags: &[(&str, &str)]) -> Cluster {
    let nodes = (0..2).map(|_| node_with(flags)).collect();
    Cluster {
        redis: primary,
        nodes,
    }
}

/// Starts two nodes that ask Sentinels for their primary. Returns its replica and the Sentinels,
/// too.
async fn behind_sentinels() -> (Cluster, Redis, Vec<Redis>) {
    let [primary, replica] = start_pair().await;
    let sentinels = start_sentinels(&primary).await;
    let urls = urls(LOGIN, &sentinels);
    let flags = [("redis-urls", &*urls), ("redis-sentinel", NAME)];
    (cluster(primary, &flags), replica, sentinels)
}

/// Kills the primary after its replica has missed something, and waits until the replica is
/// promoted. Then clients must be told of the loss, and get everything that follows.
async fn lose_primary(cluster: &mut Cluster, replica: &Redis) {
    let mut load = Load::start(cluster).await;
    // The replica loses its connection, and is refused when it comes back.
    replica.command(&["config", "set", "masterauth", "wrong"]);
    replica.command(&["client", "kill", "type", "master"]);
    load.wait_until_accepted().await;
    cluster.redis.kill();
    eventually("the replica is promoted", async || is_primary(replica)).await;
    let seen = load.stop(cluster).await;
    seen.assert_losses_told(1);
    seen.assert_all_told_of_gap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nodes_go_on_at_the_replica_that_sentinels_promote() {
    let (mut cluster, replica, _sentinels) = behind_sentinels().await;
    lose_primary(&mut cluster, &replica).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nodes_stay_at_the_promoted_replica_when_the_former_primary_wakes_up() {
    let (cluster, replica, _sentinels) = behind_sentinels().await;
    let mut load = Load::start(&cluster).await;
    cluster.redis.signal("STOP");
    eventually("the replica is promoted", async || is_primary(&replica)).await;
    load.wait_until_accepted().await;
    // Until a Sentinel tells it otherwise, it takes itself for the primary.
    cluster.redis.signal("CONT");
    load.wait_until_accepted().await;
    load.stop(&cluster).await.assert_losses_told(1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nodes_go_on_at_the_replica_that_a_redis_cluster_promotes() {
    let RedisCluster { owner, others } = RedisCluster::start().await;
    let mut cluster = cluster(owner, &[("redis-urls", &urls("", &others))]);
    lose_primary(&mut cluster, &others[2]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nothing_is_lost_when_two_servers_change_places() {
    let [primary, replica] = start_pair().await;
    let urls = urls(LOGIN, [&primary, &replica]);
    let flags = [("redis-urls", &*urls)];
    let cluster = cluster(primary, &flags);
    let mut load = Load::start(&cluster).await;
    for (from, to) in [(&cluster.redis, &replica), (&replica, &cluster.redis)] {
        from.command(&["failover"]);
        eventually("they have changed places", async || {
            is_primary(to) && !is_primary(from)
        })
        .await;
        load.wait_until_accepted().await;
    }
    load.stop(&cluster).await.assert_nothing_lost();
}

fn is_primary(server: &Redis) -> bool {
    server
        .command(&["info", "replication"])
        .contains("role:master")
}
