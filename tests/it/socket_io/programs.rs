//! The official client libraries, each in a program of its own. `make .node .python` installs them.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::TIMEOUT;
use crate::support::client::Backend;
use crate::support::server::Server;

/// A program that prints a line of JSON for each event.
struct Program {
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
    fn javascript(server: &Server, conn_id: &str, namespace: &str) -> Self {
        let modules = installed("node/node_modules");
        let arguments = [&modules, &server.address, conn_id, namespace];
        Self::start("node", "client.mjs", &arguments)
    }

    /// Starts `python-socketio`.
    fn python(server: &Server, conn_id: &str, kind: &str) -> Self {
        let arguments = [kind, &server.address, conn_id];
        Self::start(&installed("python/bin/python"), "client.py", &arguments)
    }

    /// Returns the next line, which must begin with this name.
    async fn next(&mut self, name: &str) -> Value {
        let line = timeout(TIMEOUT * 3, self.lines.recv()).await;
        let line = line
            .expect("nothing was printed")
            .expect("the program ended");
        assert_eq!(line[0], name, "{line}");
        line
    }

    /// Returns the numbers of the messages up to `last`, each with whether it came by catch-up.
    async fn numbers_to(&mut self, last: u64) -> Vec<(u64, bool)> {
        let mut numbers: Vec<(u64, bool)> = Vec::new();
        while numbers.last().is_none_or(|(number, _)| *number < last) {
            let line = self.next("message").await;
            for event in line[1].as_array().unwrap() {
                let number = event["message"]["n"].as_u64().unwrap();
                numbers.push((number, event["catchup"] == true));
            }
        }
        numbers
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
    for namespace in ["", "/stream"] {
        let conn_id = backend.connect("alice", &["room"]).await;
        let mut client = Program::javascript(&server, &conn_id, namespace);
        let introduction = client.next("user_connect").await;
        assert_eq!(introduction[1]["channels"], json!(["room"]));
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
    let mut client = Program::javascript(&server, &unknown, "");
    let refused = client.next("connect_error").await;
    assert_eq!(refused[2], json!({"code": 4004}), "{refused}");
    let conn_id = backend.connect("alice", &["room"]).await;
    let mut older = Program::javascript(&server, &conn_id, "");
    older.next("user_connect").await;
    let mut newer = Program::javascript(&server, &conn_id, "");
    newer.next("user_connect").await;
    assert_eq!(older.next("close").await[1]["code"], 4001);
    let ended = older.next("disconnect").await;
    assert_eq!(ended, json!(["disconnect", "io server disconnect", false]));
    backend.say("room", json!({"n": 1})).await;
    assert_eq!(newer.numbers_to(1).await, [(1, false)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_clients_for_python_hear_messages_and_are_told_that_they_only_listen() {
    let server = Server::start(&[]);
    let backend = Backend::of(&server);
    for kind in ["sync", "async"] {
        let conn_id = backend.connect("alice", &["room"]).await;
        let mut client = Program::python(&server, &conn_id, kind);
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
