//! The nodes under load, with their Redis.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use crate::cluster::redis::RedisServer;
use crate::process::Processes;
use crate::program::{Program, free_address};
use crate::progress::Progress;
use crate::scenario::Bench;
use crate::target::{Kind, Target};

const SECRET: &str = "cluster";

/// Nodes that were started. They end when this is dropped.
pub(super) struct RunningCluster {
    nodes: Vec<Node>,
    redis: RedisServer,
}

struct Node {
    address: SocketAddr,
    program: Program,
}

impl RunningCluster {
    /// Starts Redis and this many nodes with one worker each, and waits until they listen.
    pub(super) fn start(program: &Path, nodes: usize) -> Result<Self> {
        let redis = RedisServer::start()?;
        let mut cluster = Self {
            nodes: Vec::new(),
            redis,
        };
        for _ in 0..nodes {
            let node = Node::start(program, &cluster.redis.url())?;
            cluster.nodes.push(node);
        }
        for node in 0..nodes {
            cluster.target()?.node(node).wait_until_open()?;
        }
        Ok(cluster)
    }

    /// Returns the cluster as a target, with new names of channels and users.
    pub(super) fn target(&self) -> Result<Target> {
        let addresses: Vec<SocketAddr> = self.nodes.iter().map(|node| node.address).collect();
        let (first, others) = addresses.split_first().context("there are no nodes")?;
        Ok(Target::new(Kind::Channelstream, *first, None, SECRET).with_other_nodes(others))
    }

    /// Returns what a load needs to measure the nodes.
    pub(super) fn bench(&self, title: &str) -> Result<Bench> {
        let pids: Vec<u32> = self.nodes.iter().map(|node| node.program.id()).collect();
        Ok(Bench {
            target: self.target()?,
            processes: Processes::of(&pids),
            progress: Progress::new(title),
        })
    }

    /// Returns the Redis of the nodes.
    pub(super) fn redis(&self) -> &RedisServer {
        &self.redis
    }

    /// Ends the first node as a crash would.
    pub(super) fn kill_first(&mut self) -> Result<()> {
        let node = self.nodes.first_mut().context("there are no nodes")?;
        Ok(node.program.kill()?)
    }
}

impl Node {
    fn start(program: &Path, redis: &str) -> Result<Self> {
        let address = free_address()?;
        let mut command = Command::new(program);
        command
            .args(["--port", &address.port().to_string()])
            .args(["--secret", SECRET, "--workers", "1"])
            .args(["--store", "redis", "--redis-urls", redis])
            .args(["--redis-prefix", "bench"])
            .env("RUST_LOG", "warn");
        let program = Program::start(&mut command, tempfile::tempdir()?)
            .with_context(|| format!("{} does not start", program.display()))?;
        Ok(Self { address, program })
    }
}

impl Drop for RunningCluster {
    fn drop(&mut self) {
        // Nobody needs what the nodes keep, so they need not stop in good order.
        for node in &mut self.nodes {
            let _ = node.program.kill();
        }
    }
}
