//! A Redis server of a test, and nodes that share it.

use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::folder::Folder;
use super::server::Server;

/// A Redis server on a free port. It keeps everything in an append-only file in a folder of its
/// own.
pub(crate) struct Redis {
    process: Child,
    folder: Folder,
    flags: Vec<String>,
    port: u16,
}

impl Redis {
    pub(crate) fn start() -> Self {
        Self::start_with(&[])
    }

    /// Starts a server with more flags.
    pub(crate) fn start_with(flags: &[&str]) -> Self {
        let port = free_port();
        let listening = ["--port", &port.to_string(), "--bind", "127.0.0.1"].map(str::to_owned);
        let kept = ["--save", "", "--appendonly", "yes"].map(str::to_owned);
        let flags = flags.iter().map(|flag| (*flag).to_owned());
        let flags = listening.into_iter().chain(kept).chain(flags).collect();
        Self::start_on(port, Folder::new(), flags)
    }

    /// Starts a server with all of these flags. It must listen on this port.
    pub(crate) fn start_on(port: u16, folder: Folder, flags: Vec<String>) -> Self {
        let process = run(&folder, port, &flags);
        Self {
            process,
            folder,
            flags,
            port,
        }
    }

    /// Returns the host and the port.
    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Returns the port.
    pub(crate) fn port(&self) -> String {
        self.port.to_string()
    }

    /// Starts a node that keeps its state here.
    pub(crate) fn node(&self, flags: &[(&str, &str)]) -> Server {
        node_at(&self.address(), flags)
    }

    /// Kills the server.
    pub(crate) fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Kills the server, and starts it again from its file.
    pub(crate) fn kill_and_start(&mut self) {
        self.kill();
        self.process = run(&self.folder, self.port, &self.flags);
    }

    /// Keeps a copy of the file, as it is now.
    pub(crate) fn keep_copy(&self) {
        self.run_in_folder("rm -rf copy && cp -r appendonlydir copy");
    }

    /// Kills the server, and starts it again from the copy of its file.
    pub(crate) fn go_back(&mut self) {
        self.kill();
        self.run_in_folder("rm -rf appendonlydir && cp -r copy appendonlydir");
        self.process = run(&self.folder, self.port, &self.flags);
    }

    fn run_in_folder(&self, command: &str) {
        let mut shell = Command::new("sh");
        shell.args(["-c", command]);
        let status = shell.current_dir(self.folder.path(".")).status();
        assert!(status.unwrap().success());
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
            .args(["-p", &self.port()])
            .args(arguments)
            .output()
            .unwrap();
        String::from_utf8(output.stdout).unwrap()
    }
}

/// Starts a node that keeps its state in the Redis at this address.
pub(crate) fn node_at(redis: &str, flags: &[(&str, &str)]) -> Server {
    let url = format!("redis://{redis}");
    node_with(&[&[("redis-urls", url.as_str())], flags].concat())
}

/// Starts a node with flags that say where its Redis is.
pub(crate) fn node_with(flags: &[(&str, &str)]) -> Server {
    Server::start(&[&[("store", "redis")], flags].concat())
}

/// Returns a port on which nothing listens.
pub(crate) fn free_port() -> u16 {
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    free.local_addr().unwrap().port()
}

fn run(folder: &Folder, port: u16, flags: &[String]) -> Child {
    let child = Command::new("redis-server")
        .current_dir(folder.path("."))
        .args(flags)
        .stdout(Stdio::null())
        .spawn()
        .expect("redis-server, which `make test` installs");
    let begun = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
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
