//! Runs the same calls on the model of the scripts and on the scripts themselves, in a real Redis.
//! Both must answer the same, and leave the same feed.

use std::collections::BTreeSet;

use channelstream_actors::core::cluster::call::{self, FeedId, NodeId, Record, Term};
use channelstream_actors::name::{ConnId, UserName};
use channelstream_actors::store::redis::decoding;
use channelstream_actors::store::redis::encoding::{Limits, Sender};
use channelstream_actors::store::redis::scripts::{Scripts, fence};
use redis::Value;
use redis::aio::MultiplexedConnection;

use super::any::{CONNECTIONS, USERS, all_logs, any_limits, conn};
use super::compare::kind;
use super::convert::{answer_with_numbers, call_with_bytes};
use super::server::RedisServer;
use crate::random::Random;
use crate::redis::{Answer, Call, Numbers, Redis};
use crate::scaled;

/// The number of calls of a sequence.
const CALLS: usize = 80;

const NODES: u64 = 3;

/// The numbers of kinds of answers, of entries of the feed, and of events.
const ANSWERS: usize = 20;
const ENTRIES: usize = 14;
const EVENTS: usize = 4;

#[tokio::test]
async fn the_scripts_do_what_their_model_does() {
    let server = RedisServer::start();
    let connection = server.connect().await;
    let seed: Option<u64> = std::env::var("SEED").ok().map(|seed| seed.parse().unwrap());
    let mut happened = BTreeSet::new();
    for seed in seed.map_or(0..scaled(300, 10_000), |seed| seed..seed + 1) {
        println!("SEED={seed}");
        let mut pair = Pair::new(seed, connection.clone()).await;
        pair.fence().await;
        for _ in 0..CALLS {
            pair.step().await;
        }
        pair.end().await;
        happened.append(&mut pair.happened);
    }
    if seed.is_none() {
        let kinds = ANSWERS + ENTRIES + EVENTS;
        assert_eq!(happened.len(), kinds, "each happens: {happened:#?}");
    }
}

/// Loads the scripts with other limits. Redis would keep all the former ones.
async fn load(connection: &mut MultiplexedConnection, limits: &Limits) -> Scripts {
    let flush = redis::cmd("SCRIPT").arg("FLUSH").to_owned();
    flush.exec_async(connection).await.unwrap();
    Scripts::load(connection, limits).await.unwrap()
}

/// A model, and the same in Redis.
pub(crate) struct Pair {
    pub(crate) random: Random,
    pub(crate) model: Redis,
    pub(crate) connection: MultiplexedConnection,
    scripts: Scripts,
    pub(crate) keys: String,
    /// The number of the last call of each node.
    numbers: [u64; NODES as usize],
    /// Records that were answered, which are renewed later.
    pub(crate) records: Vec<(ConnId, Record)>,
    pub(crate) posted: u64,
    /// The last entry of the feed that was compared, and the number of such entries.
    pub(crate) compared: (FeedId, usize),
    /// The kinds of answers, of entries and of events that there were.
    pub(crate) happened: BTreeSet<String>,
}

impl Pair {
    async fn new(seed: u64, mut connection: MultiplexedConnection) -> Self {
        let mut random = Random::new(seed);
        let limits = any_limits(&mut random);
        let scripts = load(&mut connection, &limits).await;
        let mut model = Redis::new(None, false);
        model.process = 1;
        model.limits = Some(limits);
        Self {
            random,
            model,
            connection,
            scripts,
            keys: format!("{seed}:{{cs}}"),
            numbers: [0; NODES as usize],
            records: Vec::new(),
            posted: 0,
            compared: Default::default(),
            happened: BTreeSet::new(),
        }
    }

    async fn step(&mut self) {
        match self.random.below(40) {
            0 => {
                self.model.process += 1;
                self.fence().await;
            }
            1 => {
                let term = Term(
                    self.model
                        .term
                        .0
                        .saturating_sub(self.random.below(2) as u64),
                );
                let call = self.any_call();
                self.call(0, self.numbers[0] + 1, term, &call).await;
            }
            2 => {
                let limits = any_limits(&mut self.random);
                self.scripts = load(&mut self.connection, &limits).await;
                self.model.limits = Some(limits);
            }
            3 => {
                // A call is sent again.
                let call = self.any_call();
                let node = self.random.below(3);
                self.call(node, self.numbers[node], self.model.term, &call)
                    .await;
            }
            _ => {
                let call = self.any_call();
                let node = self.random.below(3);
                self.numbers[node] += 1;
                self.call(node, self.numbers[node], self.model.term, &call)
                    .await;
            }
        }
    }

    /// Makes a call to both, and compares the answers.
    async fn call(&mut self, node: usize, number: u64, term: Term, call: &Call) {
        let id = NodeId(node as u64);
        let expected = self.model.execute(id, number, term, call);
        let sender = Sender {
            node: id,
            term,
            keys: self.keys.clone(),
        };
        let call = call_with_bytes(call);
        let command = sender.command(&self.scripts, number, &call);
        let value: Value = command.query_async(&mut self.connection).await.unwrap();
        let answer = decoding::answer(&call, &value).unwrap();
        let answer = answer_with_numbers(answer);
        assert_eq!(answer, expected, "{call:?}");
        self.happened.insert(format!("answer {}", kind(&answer)));
        if let Answer::Connected { record, .. } | Answer::Taken { record, .. } = answer
            && let call::Call::Connect { conn_id, .. } | call::Call::Take { conn_id, .. } = call
        {
            self.records.push((conn_id, record));
        }
        self.compare_feeds().await;
        self.compare_keys().await;
    }

    /// Begins a term in both.
    async fn fence(&mut self) {
        let known = [self.model.term.0, 0, 0, 0];
        let process = self.model.process.to_string();
        let connection = &mut self.connection;
        let term = fence(connection, &self.keys, &process, known)
            .await
            .unwrap();
        let key = |name: &str| format!("{}{name}", self.keys);
        let mut pipe = redis::pipe();
        pipe.get(key("turns")).get(key("lives"));
        pipe.get(key("versions"));
        let (turns, lives, versions) = pipe.query_async(connection).await.unwrap();
        // The model has no clock, so it takes the numbers of Redis.
        let ever = Numbers {
            turns,
            lives,
            terms: term - 1,
            versions,
        };
        let before = self.model.numbers;
        assert!(turns > before.turns && lives > before.lives && versions > before.versions);
        assert_eq!(self.model.fence(Term(known[0]), ever), Term(term));
        let again = fence(connection, &self.keys, &process, known).await;
        assert_eq!(again.unwrap(), term, "it is begun once");
    }

    /// Ends all connections, and forgets all logs. Nothing but counters must be left.
    async fn end(&mut self) {
        let mut calls = vec![Call::Names { cursor: 0 }];
        for conn_id in (0..CONNECTIONS).map(conn) {
            let turn = None;
            calls.extend([
                Call::Take {
                    conn_id,
                    polls: false,
                    continuity: None,
                    session: None,
                },
                Call::End { conn_id, turn },
            ]);
        }
        for log in all_logs() {
            calls.extend([Call::Load { log: log.clone() }, Call::Forget { log }]);
        }
        for user in USERS.map(UserName::new) {
            calls.push(Call::LookUpUser { user });
        }
        for (number, call) in (1..).zip(&calls) {
            self.call(NODES as usize, number, self.model.term, call)
                .await;
        }
        let mut left: Vec<String> = redis::cmd("KEYS")
            .arg(format!("{}*", self.keys))
            .query_async(&mut self.connection)
            .await
            .unwrap();
        let expires = ["}e:", "}x:", "}i:", "}k:", "}p:", "}w:"];
        left.retain(|key| !expires.iter().any(|kind| key.contains(kind)));
        let names = left.iter().map(|key| key.rsplit('}').next().unwrap());
        for name in names {
            let counters = [
                "about", "away", "beats", "f", "gen", "lives", "seen", "turns", "versions",
            ];
            assert!(counters.contains(&name), "{name} is left");
        }
    }
}
