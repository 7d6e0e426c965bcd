//! Another Redis takes the place of the primary, while callers post.

use super::Cluster;
use super::load::Load;
use crate::support::eventually;
use crate::support::redis::{Redis, node_with};
use crate::support::redis_groups::{NAME, RedisCluster, start_pair, start_sentinels};

/// Returns the addresses of servers as `redis_urls`.
fn urls<'a>(servers: impl IntoIterator<Item = &'a Redis>) -> String {
    let servers = servers.into_iter();
    let urls: Vec<_> = servers
        .map(|server| format!("redis://{}", server.address()))
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

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nodes_go_on_at_the_replica_that_sentinels_promote() {
    let [primary, replica] = start_pair().await;
    let sentinels = start_sentinels(&primary).await;
    let flags = [("redis-urls", &*urls(&sentinels)), ("redis-sentinel", NAME)];
    let mut cluster = cluster(primary, &flags);
    let load = Load::start(&cluster).await;
    cluster.redis.kill();
    eventually("the replica is promoted", async || is_primary(&replica)).await;
    load.stop(&cluster).await.assert_losses_told();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nodes_go_on_at_the_replica_that_a_redis_cluster_promotes() {
    let RedisCluster { owner, others } = RedisCluster::start().await;
    let mut cluster = cluster(owner, &[("redis-urls", &urls(&others))]);
    let load = Load::start(&cluster).await;
    cluster.redis.kill();
    eventually("the replica is promoted", async || is_primary(&others[2])).await;
    load.stop(&cluster).await.assert_losses_told();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nothing_is_lost_when_two_servers_change_places() {
    let [primary, replica] = start_pair().await;
    let flags = [("redis-urls", &*urls([&primary, &replica]))];
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
