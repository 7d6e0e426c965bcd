//! A Redis server of the test.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use tempfile::TempDir;

/// A Redis server that listens on a socket in a folder of its own, and keeps nothing.
pub(crate) struct RedisServer {
    process: Child,
    folder: TempDir,
}

impl RedisServer {
    pub(crate) fn start() -> Self {
        let folder = TempDir::new().unwrap();
        let process = Command::new("redis-server")
            .current_dir(folder.path())
            .args(["--port", "0", "--unixsocket", "redis.sock"])
            .args(["--save", "", "--appendonly", "no"])
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-server, which `make test` installs");
        Self { process, folder }
    }

    /// Connects to the server, once it listens.
    pub(crate) async fn connect(&self) -> MultiplexedConnection {
        let path = self.folder.path().join("redis.sock");
        let client = redis::Client::open(format!("redis+unix://{}", path.display())).unwrap();
        for _ in 0..2000 {
            if let Ok(connection) = client.get_multiplexed_async_connection().await {
                return connection;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("redis-server does not listen");
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
