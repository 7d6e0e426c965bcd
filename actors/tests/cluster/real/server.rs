//! A Redis server of the test.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use channelstream_actors::store::redis::encoding::Limits;
use channelstream_actors::store::redis::link::Place;
use channelstream_actors::store::redis::resolver::Servers;
use redis::aio::MultiplexedConnection;
use tempfile::TempDir;

/// A Redis server that listens on a socket in a folder of its own. It keeps everything in an
/// append-only file there.
pub(crate) struct RedisServer {
    process: Child,
    folder: TempDir,
}

impl RedisServer {
    pub(crate) fn start() -> Self {
        let folder = TempDir::new().unwrap();
        let process = Self::run(&folder);
        Self { process, folder }
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

    /// Kills the server, and starts it again from its file.
    pub(crate) fn kill_and_start(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
        self.process = Self::run(&self.folder);
    }

    /// Sends the server a signal.
    pub(crate) fn signal(&self, name: &str) {
        let id = self.process.id();
        let command = format!("kill -{name} {id}");
        let status = Command::new("sh").args(["-c", &command]).status();
        assert!(status.unwrap().success());
    }

    /// Returns the server as a place for the state of a cluster whose logs keep everything.
    pub(crate) fn place(&self) -> Place {
        let url = self.url();
        let servers = Servers::new(&[&url], "", None).unwrap();
        let place = Place::new(
            servers,
            "",
            &channelstream_actors::limits::Limits::default(),
            0,
        );
        Place {
            limits: Limits {
                log_length: usize::MAX,
                log_bytes: usize::MAX,
                log_age: Duration::from_secs(24 * 3600),
                ..Limits::default()
            },
            ..place
        }
    }

    fn url(&self) -> String {
        let path = self.folder.path().join("redis.sock");
        format!("redis+unix://{}", path.display())
    }

    fn client(&self) -> redis::Client {
        redis::Client::open(self.url()).unwrap()
    }

    /// Connects to the server, once it listens.
    pub(crate) async fn connect(&self) -> MultiplexedConnection {
        let client = self.client();
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
