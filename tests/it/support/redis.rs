//! A Redis server of a test, and nodes that share it.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::folder::Folder;
use super::server::Server;

/// A Redis server on a free port. It keeps everything in an append-only file in a folder of its
/// own.
pub(crate) struct Redis {
    process: Child,
    folder: Folder,
    port: u16,
}

impl Redis {
    pub(crate) fn start() -> Self {
        let folder = Folder::new();
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        let process = run(&folder, port);
        Self {
            process,
            folder,
            port,
        }
    }

    /// Returns the host and the port.
    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Starts a node that keeps its state here.
    pub(crate) fn node(&self, flags: &[(&str, &str)]) -> Server {
        node_at(&self.address(), flags)
    }

    /// Kills the server, and starts it again from its file.
    pub(crate) fn kill_and_start(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
        self.process = run(&self.folder, self.port);
    }

    /// Sends the server a signal.
    pub(crate) fn signal(&self, name: &str) {
        let command = format!("kill -{name} {}", self.process.id());
        let status = Command::new("sh").args(["-c", &command]).status();
        assert!(status.unwrap().success());
    }

    /// Runs a command, and returns what it prints.
    pub(crate) fn command(&self, arguments: &[&str]) -> String {
        let output = Command::new("redis-cli")
            .args(["-p", &self.port.to_string()])
            .args(arguments)
            .output()
            .unwrap();
        String::from_utf8(output.stdout).unwrap()
    }
}

/// Starts a node that keeps its state in the Redis at this address.
pub(crate) fn node_at(redis: &str, flags: &[(&str, &str)]) -> Server {
    let url = format!("redis://{redis}");
    let mut all = vec![("store", "redis"), ("redis-url", &url)];
    all.extend(flags);
    Server::start(&all)
}

fn run(folder: &Folder, port: u16) -> Child {
    let child = Command::new("redis-server")
        .current_dir(folder.path("."))
        .args(["--port", &port.to_string(), "--bind", "127.0.0.1"])
        .args(["--save", "", "--appendonly", "yes"])
        .stdout(Stdio::null())
        .spawn()
        .expect("redis-server, which `make test` installs");
    let begun = Instant::now();
    while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(
            begun.elapsed() < Duration::from_secs(20),
            "it does not listen"
        );
        std::thread::sleep(Duration::from_millis(10));
    }
    child
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
