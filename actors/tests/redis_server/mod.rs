//! A Redis server of a test.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use tempfile::TempDir;

/// A Redis server that listens on a socket in a folder of its own. It keeps everything in an
/// append-only file there.
pub(crate) struct RedisServer {
    pub(crate) process: Child,
    pub(crate) folder: TempDir,
}

impl RedisServer {
    pub(crate) fn start() -> Self {
        let folder = TempDir::new().unwrap();
        let process = run(&folder);
        Self { process, folder }
    }

    /// Kills the server.
    pub(crate) fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Starts the server again, after it was killed.
    pub(crate) fn start_again(&mut self) {
        self.process = run(&self.folder);
    }

    /// Lets the server write its file before it answers, from here on until it is killed. By
    /// default it answers first while its disk is busy.
    pub(crate) async fn write_at_once(&self) {
        let mut set = redis::cmd("CONFIG");
        set.arg("SET").arg("appendfsync").arg("always");
        let set = set.query_async(&mut self.connect().await).await;
        let _: String = set.unwrap();
    }

    pub(crate) fn url(&self) -> String {
        let path = self.folder.path().join("redis.sock");
        format!("redis+unix://{}", path.display())
    }

    /// Connects to the server, once it listens.
    pub(crate) async fn connect(&self) -> MultiplexedConnection {
        let client = redis::Client::open(self.url()).unwrap();
        for _ in 0..2000 {
            if let Ok(connection) = client.get_multiplexed_async_connection().await {
                return connection;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("redis-server does not listen");
    }
}

fn run(folder: &TempDir) -> Child {
    Command::new("redis-server")
        .current_dir(folder.path())
        .args(["--port", "0", "--unixsocket", "redis.sock"])
        .args(["--save", "", "--appendonly", "yes"])
        .stdout(Stdio::null())
        .spawn()
        .expect("redis-server, which `make test` installs")
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
