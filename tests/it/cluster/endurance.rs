//! Nodes are killed and paused, one after the other, while callers post and clients listen.
//! `SEED=n` repeats a run, and `ATTACK=long` takes ten minutes.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::sleep;

use super::client::Returning;
use super::load::{doubled, missing};
use super::publisher::Publisher;
use super::{Cluster, PARTED_WITHIN, presence};
use crate::support::client::Backend;
use crate::support::eventually;
use crate::support::random::Random;
use crate::support::scale::scaled;
use crate::support::websocket::WebSocket;

/// The number of clients that always come back.
fn staying_count() -> usize {
    scaled(20, 200)
}

/// The number of clients of a killed node that do not come back, in each round.
fn leaving_count() -> usize {
    scaled(10, 20)
}

/// The time for which a node stands still: it is declared dead meanwhile.
const PAUSE: Duration = Duration::from_secs(20);

/// The time within which everything comes to rest after a fault.
const REST: Duration = Duration::from_secs(30);

/// The names of the users whose clients always come back, with the user who watches.
fn staying() -> BTreeSet<String> {
    let names = (0..staying_count()).map(|index| format!("stays{index}"));
    names.chain(["watcher".to_owned()]).collect()
}

/// Returns the users in the lobby, as a node answers them; none if it does not answer now.
async fn listed(backend: &Backend) -> BTreeSet<String> {
    let body = json!({"info": {"channels": ["lobby"], "include_history": false}});
    let answer = backend.send(Method::POST, "/info", &body).await;
    if answer.status() != 200 {
        return BTreeSet::new();
    }
    let info: Value = answer.json().await.unwrap();
    let users = info["channels"]["lobby"]["users"].as_array().cloned();
    let name = |user: Value| user.as_str().unwrap().to_owned();
    users.unwrap_or_default().into_iter().map(name).collect()
}

/// A cluster under load.
struct World {
    cluster: Cluster,
    random: Random,
    watcher: Returning,
    clients: Vec<Returning>,
    publishers: Vec<Publisher>,
    marks: usize,
}

impl World {
    async fn start(seed: u64) -> Self {
        let cluster = Cluster::start(3, &[]);
        let mut clients = Vec::new();
        for name in staying() {
            let index = clients.len();
            let backend = cluster.backend(index % 3);
            let conn_id = backend.connect(&name, &["room", "lobby"]).await;
            let seed = seed + index as u64;
            clients.push(Returning::start(cluster.addresses(), conn_id, seed));
        }
        // It is the last one by its name.
        let watcher = clients.pop().unwrap();
        let configured = json!({"lobby": presence()});
        cluster.backend(0).post("/channel_config", configured).await;
        let backends = || (0..3).map(|node| cluster.backend(node)).collect();
        let publishers = (1..=4).map(|number| Publisher::start(backends(), number, seed));
        Self {
            publishers: publishers.collect(),
            cluster,
            random: Random::new(seed),
            watcher,
            clients,
            marks: 0,
        }
    }

    fn any_node(&mut self) -> usize {
        self.random.below(3) as usize
    }

    /// Posts a message to the lobby at a node, and waits until the user who watches has got it.
    /// Returns the number of events that have come up to then.
    async fn mark(&mut self, node: usize) -> usize {
        self.marks += 1;
        let mark = json!({"mark": self.marks});
        let backend = self.cluster.backend(node);
        eventually("a message is accepted", async || {
            let answer = backend.try_to_say("lobby", mark.clone()).await;
            answer.status() == 200
        })
        .await;
        let is_mark = |event: &Value| event["message"] == mark;
        let has_come = |events: &[Value]| events.iter().any(is_mark);
        self.watcher.wait_for(REST, has_come).await;
        let events = self.watcher.events();
        events.iter().position(is_mark).unwrap() + 1
    }

    /// Waits until exactly those users are present on all nodes whose clients always come back.
    async fn rest(&mut self) {
        let begun = Instant::now();
        for node in 0..3 {
            let backend = self.cluster.backend(node);
            loop {
                let found = listed(&backend).await;
                if found == staying() {
                    break;
                }
                let differing: Vec<_> = found.symmetric_difference(&staying()).cloned().collect();
                assert!(begun.elapsed() < REST, "node {node}: {differing:?}");
                sleep(Duration::from_millis(50)).await;
            }
        }
    }

    /// Kills a node. Some of its clients do not come back, and all others must not be told to have
    /// left.
    async fn kill(&mut self, round: usize) {
        let node = self.any_node();
        let other = (node + 1) % 3;
        println!("round {round}: node {node} is killed");
        let begin = self.mark(other).await;
        let (mut leaving, mut sockets) = (BTreeMap::new(), Vec::new());
        for index in 0..leaving_count() {
            let name = format!("leaves{round}-{index}");
            let backend = self.cluster.backend(other);
            let conn_id = backend.connect(&name, &["lobby"]).await;
            let address = &self.cluster.nodes[node].address;
            sockets.push(WebSocket::open(address, &conn_id).await.unwrap());
            leaving.insert(name, [1, 1]);
        }
        self.cluster.nodes[node].kill();
        let killed = Instant::now();
        drop(sockets);
        let have_parted = |events: &[Value]| {
            let counts = changes(events, begin);
            leaving.keys().all(|name| counts.get(name) == Some(&[1, 1]))
        };
        self.watcher.wait_for(PARTED_WITHIN, have_parted).await;
        println!("their users have left after {:.1?}", killed.elapsed());
        self.cluster.nodes[node].restart();
        let end = self.mark(other).await;
        let events = self.watcher.events();
        assert_eq!(changes(&events[..end], begin), leaving);
        self.rest().await;
        self.nobody_has_missed_anything().await;
    }

    /// Lets a node stand still for so long that it is declared dead.
    async fn pause(&mut self, round: usize) {
        let node = self.any_node();
        println!("round {round}: node {node} stands still");
        self.cluster.nodes[node].pause();
        sleep(PAUSE).await;
        self.cluster.nodes[node].go_on();
        self.rest().await;
        self.nobody_has_missed_anything().await;
    }

    /// Waits until each client has got a message of each channel that was posted now, and so all
    /// that comes before. None may have been told of a gap.
    async fn nobody_has_missed_anything(&mut self) {
        self.marks += 1;
        let mark = json!({"mark": self.marks});
        let backend = self.cluster.backend(0);
        for channel in ["room", "lobby"] {
            eventually("a message is accepted", async || {
                let answer = backend.try_to_say(channel, mark.clone()).await;
                answer.status() == 200
            })
            .await;
        }
        for (index, client) in self.clients.iter_mut().enumerate() {
            let has_come = |events: &[Value]| {
                let of = |channel: &str| {
                    let is_it = |it: &Value| it["channel"] == channel && it["message"] == mark;
                    events.iter().any(is_it)
                };
                of("room") && of("lobby")
            };
            client.wait_for(REST, has_come).await;
            assert_eq!(client.count("catchup:gap"), 0, "client {index}");
        }
    }

    /// Stops everything. Each client must have got each message, and none twice without a mark.
    async fn stop(mut self) {
        let mut accepted = Vec::new();
        for publisher in std::mem::take(&mut self.publishers) {
            accepted.extend(publisher.stop().await);
        }
        self.nobody_has_missed_anything().await;
        let mut repeats = 0;
        for mut client in self.clients {
            let has_all = |events: &[Value]| missing(events, &accepted).is_empty();
            client.wait_for(REST, has_all).await;
            let events = client.stop().await;
            repeats += repeats_in(&events);
            let doubled = doubled(&events);
            assert!(doubled.is_empty(), "{doubled:?} came twice without a mark");
        }
        self.watcher.stop().await;
        println!("{} messages were accepted", accepted.len());
        println!("clients got {repeats} events again");
    }
}

/// Returns how many events came again.
fn repeats_in(events: &[Value]) -> usize {
    let mut seen = BTreeSet::new();
    let ids = events.iter().filter_map(|event| event["uuid"].as_str());
    ids.filter(|id| !seen.insert(*id)).count()
}

/// Returns how often each user has come and gone from the event with this index on. An event that
/// comes again counts when it came first.
fn changes(events: &[Value], begin: usize) -> BTreeMap<String, [usize; 2]> {
    let (mut seen, mut counts) = (BTreeSet::new(), BTreeMap::new());
    let events = events.iter().enumerate();
    for (index, event) in events.filter(|(_, event)| event["type"] == "presence") {
        if seen.insert(event["uuid"].as_str().unwrap()) && index >= begin {
            let user = event["user"].as_str().unwrap().to_owned();
            let [joined, parted] = counts.entry(user).or_insert([0, 0]);
            match event["message"]["action"].as_str().unwrap() {
                "joined" => *joined += 1,
                _ => *parted += 1,
            }
        }
    }
    counts
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nodes_that_are_killed_and_paused_lose_nothing() {
    let given = std::env::var("SEED").ok().map(|seed| seed.parse().unwrap());
    let seed = given.unwrap_or_else(|| u64::from(std::process::id()));
    println!("SEED={seed}");
    let begun = Instant::now();
    let mut world = World::start(seed).await;
    world.rest().await;
    let mut round = 0;
    while round == 0 || begun.elapsed() < Duration::from_secs(scaled(1, 600)) {
        world.kill(round).await;
        world.pause(round).await;
        round += 1;
    }
    println!("{round} nodes were killed, and {round} were paused");
    world.stop().await;
}
