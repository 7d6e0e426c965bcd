//! Official clients whose connections are cut, and which come back by themselves.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::program::Program;
use crate::support::client::Backend;
use crate::support::folder::Folder;
use crate::support::numbered::{ClientRecord, LAST, Publishers};
use crate::support::server::Server;
use crate::support::slow_proxy::SlowProxy;

/// Waits until the client has connected, and returns whether it says that it has missed nothing.
async fn recovered(client: &mut Program) -> bool {
    loop {
        let line = client.line().await;
        if line[0] == "connect" {
            return line[1].as_bool().unwrap();
        }
    }
}

/// Returns the events of the next list.
async fn list(client: &mut Program) -> Vec<Value> {
    loop {
        let line = client.line().await;
        if line[0] == "message" {
            return line[1].as_array().unwrap().clone();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_official_client_knows_each_time_whether_it_has_missed_something() {
    // Of each kind, for each of the two transports.
    const TIMES: u64 = 50;
    let server = Server::start(&[("log-length", "5"), ("channel-frames", "5")]);
    let backend = Backend::of(&server);
    let mut clients = JoinSet::new();
    for transport in ["websocket", "polling"] {
        let (backend, address) = (backend.clone(), server.address.clone());
        clients.spawn(async move {
            let conn_id = backend.connect("alice", &[transport]).await;
            let options = json!({
                "auth": {"conn_id": conn_id, "offsets": 1}, "transports": [transport],
            });
            let mut client = Program::with_options(&address, "", &options);
            assert!(!recovered(&mut client).await, "{transport}");
            client.next("user_connect").await;
            let (mut n, mut counts) = (0, [0, 0]);
            for time in 0..2 * TIMES {
                client.tell("drop");
                while client.line().await[0] != "disconnect" {}
                let has_gap = time % 2 == 1;
                let published = if has_gap { 12 } else { 2 };
                for _ in 0..published {
                    n += 1;
                    backend.say(transport, json!({"n": n})).await;
                }
                client.tell("return");
                let is_recovered = recovered(&mut client).await;
                assert_eq!(is_recovered, !has_gap, "{transport}, time {time}");
                counts[usize::from(is_recovered)] += 1;
                let mut events = Vec::new();
                while events
                    .last()
                    .is_none_or(|event: &Value| event["message"]["n"] != n)
                {
                    events.extend(list(&mut client).await);
                }
                assert_eq!(events[0]["type"] == "catchup:gap", has_gap, "{events:?}");
                let numbers = events
                    .iter()
                    .filter_map(|event| event["message"]["n"].as_u64());
                let first = n + 1 - published.min(5);
                assert_eq!(numbers.collect::<Vec<_>>(), (first..=n).collect::<Vec<_>>());
            }
            assert_eq!(counts, [TIMES, TIMES]);
        });
    }
    while let Some(client) = clients.join_next().await {
        client.unwrap();
    }
}

/// The clients of a test, each with its connection and what it must not do.
struct Kind {
    name: &'static str,
    transport: &'static str,
    has_offsets: bool,
}

const KINDS: [Kind; 7] = [
    Kind::new("javascript", "", true),
    Kind::new("javascript", "polling", true),
    Kind::new("javascript", "websocket", true),
    Kind::new("javascript", "", false),
    Kind::new("sync", "", false),
    Kind::new("async", "", false),
    Kind::new("async", "websocket", false),
];

impl Kind {
    const fn new(name: &'static str, transport: &'static str, has_offsets: bool) -> Self {
        Self {
            name,
            transport,
            has_offsets,
        }
    }

    fn start(&self, address: &str, conn_id: &str) -> Program {
        if self.name != "javascript" {
            return Program::python(address, conn_id, self.name, self.transport);
        }
        let mut options = json!({"auth": {"conn_id": conn_id}});
        if self.has_offsets {
            options["auth"]["offsets"] = json!(1);
        }
        if !self.transport.is_empty() {
            options["transports"] = json!([self.transport]);
        }
        Program::with_options(address, "", &options)
    }

    /// Reads until the last message.
    async fn read(&self, client: &mut Program) -> ClientRecord {
        let mut record = ClientRecord::default();
        while !record.is_complete() {
            record.note_all(&list(client).await);
        }
        record
    }

    /// Checks what a client has read of `sent` messages.
    fn check(&self, record: &ClientRecord, sent: u64) {
        let Self {
            name, transport, ..
        } = self;
        let kind = format!("{name} {transport:?}: {record:?}");
        assert_eq!((record.lost(sent), record.gaps), (0, 0), "{kind}");
        if self.has_offsets {
            assert_eq!(record.repeated, 0, "{kind}");
        }
        // The synchronous client for Python handles each event in a thread of its own.
        if *name != "sync" {
            assert_eq!((record.doubled, record.disordered), (0, 0), "{kind}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_when_connections_over_a_long_distance_are_cut() {
    let server = Server::start(&[]);
    let backend = Backend::of(&server);
    let proxy = SlowProxy::to(&server.address, Duration::from_millis(50)).await;
    let mut clients = JoinSet::new();
    for kind in &KINDS {
        let conn_id = backend.connect("alice", &["room"]).await;
        let mut client = kind.start(&proxy.address, &conn_id);
        while client.line().await[0] != "user_connect" {}
        clients.spawn(async move { (kind, kind.read(&mut client).await) });
    }
    let publishers = Publishers::start(&backend, "room", 2, 200);
    for _ in 0..6 {
        sleep(Duration::from_millis(1500)).await;
        proxy.cut();
    }
    let sent = publishers.stop().await;
    while let Some(read) = clients.join_next().await {
        let (kind, record) = read.unwrap();
        kind.check(&record, sent);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_go_on_after_a_restart_of_the_server() {
    let folder = Folder::new();
    let path = folder.path("store.sqlite");
    let mut server = Server::start(&[("store", "file"), ("store-path", path.as_str())]);
    let backend = Backend::of(&server);
    let mut clients = Vec::new();
    for kind in &KINDS {
        let conn_id = backend.connect("alice", &["room"]).await;
        let mut client = kind.start(&server.address, &conn_id);
        while client.line().await[0] != "user_connect" {}
        clients.push((kind, client));
    }
    let message = |number: u64| json!({"publisher": 1, "number": number});
    for number in 1..=20 {
        backend.say("room", message(number)).await;
    }
    server.begin_stop();
    server.end().await;
    let _server = server.start_again();
    for number in 21..=40 {
        backend.say("room", message(number)).await;
    }
    backend
        .say("room", json!({"publisher": LAST, "number": 1}))
        .await;
    for (kind, client) in &mut clients {
        let record = kind.read(client).await;
        kind.check(&record, 40);
    }
}
