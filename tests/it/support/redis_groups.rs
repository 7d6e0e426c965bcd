//! Several Redis servers, of which others take the place of one that is killed.

use super::eventually;
use super::folder::Folder;
use super::redis::{Redis, free_port};

/// The name of the primary that Sentinels watch.
pub(crate) const NAME: &str = "state";

/// A replica that gets what the primary has at once.
const REPLICA: [&str; 2] = ["--repl-diskless-sync-delay", "0"];

/// The user of nodes, with the rights that `docs/operations/cluster.md` gives it. Sentinels do not
/// know it.
const USER: &str = "channelstream on >geheim ~cs1:* +@all -@dangerous -@admin +info";

/// The name and the password of that user, as a part of an address.
pub(crate) const LOGIN: &str = "channelstream:geheim";

/// Starts a primary and a replica of it.
pub(crate) async fn start_pair() -> [Redis; 2] {
    let user = ["--user"].into_iter().chain(USER.split(' '));
    let flags: Vec<_> = REPLICA.into_iter().chain(user).collect();
    let primary = Redis::start_with(&flags);
    let port = primary.port();
    let of_primary = ["--replicaof", "127.0.0.1", &port];
    let replica = Redis::start_with(&[&flags[..], &of_primary].concat());
    wait_for_replica(&replica).await;
    [primary, replica]
}

/// Waits until a replica has everything that its primary has.
async fn wait_for_replica(replica: &Redis) {
    eventually("the replica follows", async || {
        let info = replica.command(&["info", "replication"]);
        info.contains("master_link_status:up")
    })
    .await;
}

/// Starts three Sentinels that watch a primary, and waits until they know each other and its
/// replica.
pub(crate) async fn start_sentinels(primary: &Redis) -> Vec<Redis> {
    let sentinels: Vec<_> = (0..3).map(|_| start_sentinel(primary)).collect();
    for sentinel in &sentinels {
        eventually("the Sentinels know each other", async || {
            let known = sentinel.command(&["sentinel", "master", NAME]);
            let lines: Vec<_> = known.lines().collect();
            let has = |key, value| lines.windows(2).any(|pair| pair == [key, value]);
            has("num-slaves", "1") && has("num-other-sentinels", "2")
        })
        .await;
    }
    sentinels
}

fn start_sentinel(primary: &Redis) -> Redis {
    let (port, folder) = (free_port(), Folder::new());
    let (path, watched) = (folder.path("sentinel.conf"), primary.port());
    let settings = format!(
        "port {port}\nbind 127.0.0.1\nsentinel monitor {NAME} 127.0.0.1 {watched} 2\n\
         sentinel down-after-milliseconds {NAME} 1000\nsentinel failover-timeout {NAME} 5000\n"
    );
    std::fs::write(&path, settings).unwrap();
    Redis::start_on(port, folder, vec![path, "--sentinel".to_owned()])
}

/// A Redis Cluster of three primaries, with a replica of the one that has the keys of nodes.
pub(crate) struct RedisCluster {
    /// The primary that has the keys.
    pub(crate) owner: Redis,
    /// The other primaries, and then the replica.
    pub(crate) others: Vec<Redis>,
}

impl RedisCluster {
    pub(crate) async fn start() -> Self {
        let mut servers: Vec<_> = (0..4).map(|_| start_member()).collect();
        for other in &servers[1..] {
            let port = other.port();
            let bus = other.command(&["config", "get", "cluster-port"]);
            let bus = bus.lines().last().unwrap();
            servers[0].command(&["cluster", "meet", "127.0.0.1", &port, bus]);
        }
        let slots = [("0", "5460"), ("5461", "10922"), ("10923", "16383")];
        for (server, (first, last)) in servers.iter().zip(slots) {
            server.command(&["cluster", "addslotsrange", first, last]);
        }
        wait_for(&servers, "cluster_known_nodes:4").await;
        let slot = servers[0].command(&["cluster", "keyslot", "cs1:{cs}"]);
        let slot: u16 = slot.trim().parse().unwrap();
        let has_slot = |(_, last): &(&str, &str)| slot <= last.parse().unwrap();
        let index = slots.iter().position(has_slot).unwrap();
        let id = servers[index].command(&["cluster", "myid"]);
        servers[3].command(&["cluster", "replicate", id.trim()]);
        wait_for_replica(&servers[3]).await;
        wait_for(&servers, "cluster_state:ok").await;
        let owner = servers.remove(index);
        let others = servers;
        Self { owner, others }
    }
}

/// Waits until all members of a Redis Cluster say this of it.
async fn wait_for(servers: &[Redis], line: &str) {
    for server in servers {
        eventually(line, async || {
            server.command(&["cluster", "info"]).contains(line)
        })
        .await;
    }
}

fn start_member() -> Redis {
    // By default, members speak to each other on a port that may be beyond the last one.
    let bus = free_port().to_string();
    let flags = ["--cluster-enabled", "yes", "--cluster-port", &bus];
    let timeout = ["--cluster-node-timeout", "2000"];
    Redis::start_with(&[&REPLICA[..], &flags, &timeout].concat())
}
