//! The official client libraries, each in a program of its own. `make .node .python` installs them.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

use super::TIMEOUT;
use crate::support::client::Backend;
use crate::support::server::Server;

/// A program that prints a line of JSON for each event.
struct Program {
    child: Child,
    lines: mpsc::UnboundedReceiver<Value>,
    /// Whether it has told that it goes on by a websocket.
    has_upgraded: bool,
}

impl Program {
    /// Starts a program of `tests/it/socket_io` with an interpreter and libraries below `target`.
    fn start(interpreter: &str, file: &str, arguments: &[&str]) -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut child = Command::new(interpreter)
            .arg(root.join("tests/it/socket_io").join(file))
            .args(arguments)
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
        Self {
            child,
            lines,
            has_upgraded: false,
        }
    }

    /// Starts the official client for JavaScript.
    fn javascript(server: &Server, conn_id: &str, namespace: &str, transport: &str) -> Self {
        let modules = installed("node/node_modules");
        let arguments = [&modules, &server.address, conn_id, namespace, transport];
        Self::start("node", "client.mjs", &arguments)
    }

    /// Starts `python-socketio`.
    fn python(server: &Server, conn_id: &str, kind: &str, transport: &str) -> Self {
        let mut arguments = vec![kind, &server.address, conn_id];
        arguments.extend(Some(transport).filter(|name| !name.is_empty()));
        Self::start(&installed("python/bin/python"), "client.py", &arguments)
    }

    /// Returns the next line with this name. No other lines come before it, except those that tell
    /// the transport.
    async fn next(&mut self, name: &str) -> Value {
        loop {
            let line = timeout(TIMEOUT * 3, self.lines.recv()).await;
            let line = line
                .expect("nothing was printed")
                .expect("the program ended");
            if line[0] == name {
                return line;
            }
            assert!(line[0] == "open" || line[0] == "upgrade", "{line}");
            self.has_upgraded |= line[0] == "upgrade";
        }
    }

    /// Waits until the client for JavaScript goes on by a websocket.
    async fn wait_for_upgrade(&mut self) {
        if !self.has_upgraded {
            self.next("upgrade").await;
        }
    }

    /// Returns the numbers of the messages up to `last`, each with whether it came by catch-up.
    async fn numbers_to(&mut self, last: u64) -> Vec<(u64, bool)> {
        let mut numbers: Vec<(u64, bool)> = Vec::new();
        while numbers.last().is_none_or(|(number, _)| *number < last) {
            numbers.extend(self.list().await);
        }
        numbers
    }

    /// Returns the numbers of the next `count` messages or more, each with whether it came by
    /// catch-up.
    async fn numbers(&mut self, count: u64) -> Vec<(u64, bool)> {
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
    async fn end(mut self) {
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
fn installed(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("target")
        .join(name);
    assert!(path.exists(), "{name} is missing: run make .node .python");
    path.to_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_official_client_loses_nothing_when_it_drops_and_stays_away_when_it_is_told_to() {
    let server = Server::start(&[]);
    let backend = Backend::of(&server);
    for (namespace, transport) in [
        ("", "websocket"),
        ("/stream", "websocket"),
        ("", "polling"),
        ("/stream", ""),
    ] {
        let conn_id = backend.connect("alice", &["room"]).await;
        let mut client = Program::javascript(&server, &conn_id, namespace, transport);
        let introduction = client.next("user_connect").await;
        assert_eq!(introduction[1]["channels"], json!(["room"]));
        if transport.is_empty() {
            // What is published during the change is marked as catch-up.
            client.wait_for_upgrade().await;
        }
        for n in 1..=3 {
            backend.say("room", json!({"n": n, "drop": n == 3})).await;
        }
        let first = client.numbers_to(3).await;
        assert_eq!(first, [(1, false), (2, false), (3, false)]);
        let dropped = client.next("disconnect").await;
        assert_eq!(dropped[2], true, "{dropped}");
        for n in 4..=6 {
            backend.say("room", json!({"n": n})).await;
        }
        client.next("user_connect").await;
        let rest = client.numbers_to(6).await;
        let new: Vec<u64> = rest.iter().map(|(n, _)| *n).filter(|n| *n > 3).collect();
        assert_eq!(new, [4, 5, 6], "{rest:?}");
        let is_marked = |(n, is_catchup): &(u64, bool)| *n > 3 || *is_catchup;
        assert!(rest.iter().all(is_marked), "{rest:?}");
        backend
            .post("/disconnect", json!({"conn_id": conn_id}))
            .await;
        assert_eq!(client.next("close").await[1]["code"], 1000);
        let ended = client.next("disconnect").await;
        assert_eq!(ended, json!(["disconnect", "io server disconnect", false]));
        client.end().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_official_client_is_told_of_an_unknown_connection_and_two_of_them_do_not_fight() {
    let server = Server::start(&[]);
    let backend = Backend::of(&server);
    let unknown = uuid::Uuid::new_v4().to_string();
    let mut client = Program::javascript(&server, &unknown, "", "");
    let refused = client.next("connect_error").await;
    assert_eq!(refused[2], json!({"code": 4004}), "{refused}");
    for transport in ["websocket", "polling"] {
        let conn_id = backend.connect("alice", &["room"]).await;
        let mut older = Program::javascript(&server, &conn_id, "", transport);
        older.next("user_connect").await;
        let mut newer = Program::javascript(&server, &conn_id, "", transport);
        newer.next("user_connect").await;
        assert_eq!(older.next("close").await[1]["code"], 4001);
        let ended = older.next("disconnect").await;
        assert_eq!(ended, json!(["disconnect", "io server disconnect", false]));
        backend.say("room", json!({"n": 1})).await;
        assert_eq!(newer.numbers_to(1).await, [(1, false)]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_clients_for_python_hear_messages_and_are_told_that_they_only_listen() {
    let server = Server::start(&[]);
    let backend = Backend::of(&server);
    for (kind, transport) in [
        ("sync", "websocket"),
        ("async", "websocket"),
        ("sync", "polling"),
        ("async", "polling"),
        ("sync", ""),
        ("async", ""),
    ] {
        let conn_id = backend.connect("alice", &["room"]).await;
        let mut client = Program::python(&server, &conn_id, kind, transport);
        assert_eq!(client.next("user_connect").await[1]["username"], "alice");
        backend.say("room", json!({"n": 1})).await;
        assert_eq!(client.numbers_to(1).await, [(1, false)]);
        backend.say("room", json!({"n": 2, "last": true})).await;
        assert_eq!(client.numbers_to(2).await, [(2, false)]);
        let answer = client.next("answer").await;
        let error = json!({"error": "listen only: post through your application"});
        assert_eq!(answer[1], error);
        client.end().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_or_repeated_while_a_client_goes_on_by_a_websocket() {
    const MESSAGES: u64 = 600;
    let server = Server::start(&[]);
    let backend = Backend::of(&server);
    for kind in ["javascript", "sync", "async"] {
        let conn_id = backend.connect("alice", &["room"]).await;
        let mut client = match kind {
            "javascript" => Program::javascript(&server, &conn_id, "", ""),
            kind => Program::python(&server, &conn_id, kind, ""),
        };
        client.next("user_connect").await;
        // The client has connected by polling, and upgrades while messages come.
        for n in 1..=MESSAGES {
            backend.say("room", json!({"n": n})).await;
            sleep(Duration::from_millis(1)).await;
        }
        let mut numbers = client.numbers(MESSAGES).await;
        if kind == "sync" {
            // It handles each event in a thread of its own.
            numbers.sort_unstable();
        }
        let numbers: Vec<u64> = numbers.iter().map(|(number, _)| *number).collect();
        assert_eq!(numbers, (1..=MESSAGES).collect::<Vec<u64>>(), "{kind}");
        let metrics = backend
            .request(Method::GET, "/metrics")
            .send()
            .await
            .unwrap();
        let metrics = metrics.text().await.unwrap();
        let listening = r#"channelstream_transports{transport="socketio"} 1"#;
        assert!(metrics.contains(listening), "{kind}: {metrics}");
        backend
            .post("/disconnect", json!({"conn_id": conn_id}))
            .await;
    }
}
