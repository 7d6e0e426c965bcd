//! Redis goes back to an old copy of its data, or has none, while callers post and clients listen.

use super::load::{CLIENTS, Load};
use super::{Cluster, members};
use crate::support::eventually;

/// Lets callers post at two nodes while Redis loses data as many times as this. Then each client
/// was told of a gap, nothing is missing otherwise, and everybody is still present.
async fn lose_data(times: usize, lose: impl Fn(&mut Cluster)) {
    let mut cluster = Cluster::start(2, &[]);
    let mut load = Load::start(&cluster).await;
    cluster.redis.keep_copy();
    for _ in 0..times {
        load.wait_until_accepted().await;
        lose(&mut cluster);
        load.wait_until_accepted().await;
    }
    let seen = load.stop(&cluster).await;
    seen.assert_losses_told(times);
    seen.assert_all_told_of_gap();
    for node in 0..2 {
        let backend = cluster.backend(node);
        eventually("all clients are present", async || {
            members(&backend, "room").await.len() == CLIENTS
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn clients_are_told_of_a_gap_when_redis_goes_back_to_an_old_copy() {
    lose_data(1, |cluster| cluster.redis.go_back()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn clients_are_told_of_a_gap_when_redis_goes_back_to_the_same_copy_twice() {
    lose_data(2, |cluster| cluster.redis.go_back()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn clients_are_told_of_a_gap_when_redis_is_emptied_under_load() {
    lose_data(1, |cluster| {
        cluster.redis.command(&["flushall"]);
    })
    .await;
}
