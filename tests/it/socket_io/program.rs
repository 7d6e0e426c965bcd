//! The official client libraries, each in a program of its own. `make .node .python` installs them.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::TIMEOUT;
use crate::support::server::Server;

/// A program that prints a line of JSON for each event.
pub(super) struct Program {
    child: Child,
    lines: mpsc::UnboundedReceiver<Value>,
}

impl Program {
    /// Starts a program of `tests/it/socket_io` with an interpreter and libraries below `target`.
    fn start(interpreter: &str, file: &str, arguments: &[&str]) -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut child = Command::new(interpreter)
            .arg(root.join("tests/it/socket_io").join(file))
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let (to_lines, lines) = mpsc::unbounded_channel();
        std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                let _ = to_lines.send(serde_json::from_str(&line).unwrap());
            }
        });
        Self { child, lines }
    }

    /// Starts the official client for JavaScript.
    pub(super) fn javascript(
        server: &Server,
        conn_id: &str,
        namespace: &str,
        transport: &str,
    ) -> Self {
        let mut options = json!({"auth": {"conn_id": conn_id}});
        if !transport.is_empty() {
            options["transports"] = json!([transport]);
        }
        Self::with_options(&server.address, namespace, &options)
    }

    /// Starts the official client for JavaScript with these options.
    pub(super) fn with_options(address: &str, namespace: &str, options: &Value) -> Self {
        let (modules, options) = (installed("node/node_modules"), options.to_string());
        let arguments = [&modules, address, namespace, &options];
        Self::start("node", "client.mjs", &arguments)
    }

    /// Starts the example page of the first release.
    pub(super) fn seed(server: &Server, username: &str, sig: &str) -> Self {
        let modules = installed("node/node_modules");
        let arguments = [&modules, &server.address, username, sig];
        Self::start("node", "seed.mjs", &arguments)
    }

    /// Sends a line to the program.
    pub(super) fn tell(&mut self, line: &str) {
        let input = self.child.stdin.as_mut().unwrap();
        writeln!(input, "{line}").unwrap();
    }

    /// Starts `python-socketio`.
    pub(super) fn python(address: &str, conn_id: &str, kind: &str, transport: &str) -> Self {
        let mut arguments = vec![kind, address, conn_id];
        arguments.extend(Some(transport).filter(|name| !name.is_empty()));
        Self::start(&installed("python/bin/python"), "client.py", &arguments)
    }

    /// Returns the next line.
    pub(super) async fn line(&mut self) -> Value {
        let line = timeout(TIMEOUT * 3, self.lines.recv()).await;
        line.expect("nothing was printed")
            .expect("the program ended")
    }

    /// Returns the next line with this name. No other lines come before it, except those that tell
    /// of the transport or the namespace.
    pub(super) async fn next(&mut self, name: &str) -> Value {
        loop {
            let line = self.line().await;
            if line[0] == name {
                return line;
            }
            let is_expected = ["open", "upgrade", "connect"].contains(&line[0].as_str().unwrap());
            assert!(is_expected, "{line}");
        }
    }

    /// Returns the numbers of the messages up to `last`, each with whether it came by catch-up.
    pub(super) async fn numbers_to(&mut self, last: u64) -> Vec<(u64, bool)> {
        let mut numbers: Vec<(u64, bool)> = Vec::new();
        while numbers.last().is_none_or(|(number, _)| *number < last) {
            numbers.extend(self.list().await);
        }
        numbers
    }

    /// Returns the numbers of the next `count` messages or more, each with whether it came by
    /// catch-up.
    pub(super) async fn numbers(&mut self, count: u64) -> Vec<(u64, bool)> {
        let mut numbers = Vec::new();
        while (numbers.len() as u64) < count {
            numbers.extend(self.list().await);
        }
        numbers
    }

    async fn list(&mut self) -> Vec<(u64, bool)> {
        let line = self.next("message").await;
        let events = line[1].as_array().unwrap().iter();
        let number = |event: &Value| event["message"]["n"].as_u64().unwrap();
        events
            .map(|event| (number(event), event["catchup"] == true))
            .collect()
    }

    /// Waits until the program has ended by itself.
    pub(super) async fn end(mut self) {
        let ended = tokio::task::spawn_blocking(move || self.child.wait().unwrap());
        let status = timeout(TIMEOUT * 3, ended).await.expect("it goes on");
        assert!(status.unwrap().success());
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // An error means that it has ended.
        let _ = self.child.kill();
    }
}

/// Returns the path of something that the tests install below `target`.
pub(super) fn installed(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("target")
        .join(name);
    assert!(path.exists(), "{name} is missing: run make .node .python");
    path.to_str().unwrap().to_owned()
}
