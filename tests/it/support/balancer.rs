//! HAProxy in front of several nodes. It sends each request to the next node, and so keeps no
//! client at a node.

use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::folder::Folder;
use super::redis::free_port;

/// A balancer in front of nodes.
pub(crate) struct Balancer {
    pub(crate) address: String,
    process: Child,
    _folder: Folder,
}

impl Balancer {
    /// Starts a balancer. A node that cannot be reached is passed over.
    pub(crate) fn to(nodes: &[String]) -> Self {
        let (folder, port) = (Folder::new(), free_port());
        let address = format!("127.0.0.1:{port}");
        let servers: String = (nodes.iter().enumerate())
            .map(|(index, node)| format!("    server node{index} {node}\n"))
            .collect();
        let config = format!(
            "defaults\n    mode http\n    timeout connect 5s\n    timeout client 60s\n    \
             timeout server 60s\n    timeout tunnel 60s\n    retries 5\n    option redispatch 1\n\
             frontend http\n    bind {address}\n    default_backend nodes\n\
             backend nodes\n    balance roundrobin\n{servers}"
        );
        let file = folder.path("haproxy.cfg");
        std::fs::write(&file, config).unwrap();
        // Debian installs it where only root looks for programs.
        let path = std::env::var("PATH").unwrap_or_default() + ":/usr/sbin";
        let process = Command::new("sh")
            .args(["-c", "exec haproxy -db -f \"$0\"", &file])
            .env("PATH", path)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let begun = Instant::now();
        while TcpStream::connect(&address).is_err() {
            let has_time = begun.elapsed() < Duration::from_secs(20);
            assert!(
                has_time,
                "haproxy, which `make test` installs, does not listen"
            );
            std::thread::sleep(Duration::from_millis(10));
        }
        Self {
            address,
            process,
            _folder: folder,
        }
    }
}

impl Drop for Balancer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
