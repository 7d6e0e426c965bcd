//! Runs the same calls on the model of the scripts and on the scripts themselves, in a real Redis.
//! Both must answer the same, and leave the same feed.

use std::collections::{BTreeMap, BTreeSet};

use channelstream_actors::core::cluster::call::{self, FeedId, NodeId, Read, Record, Term, Turn};
use channelstream_actors::name::{ChannelName, ConnId, UserName};
use channelstream_actors::position::Epoch;
use channelstream_actors::protocol::config::ChannelConfig;
use channelstream_actors::store::redis::decoding;
use channelstream_actors::store::redis::encoding::Sender;
use channelstream_actors::store::redis::scripts::{Script, Scripts, fence};
use redis::Value;
use redis::aio::MultiplexedConnection;
use uuid::Uuid;

use super::convert::{answer_with_numbers, call_with_bytes, fed_with_numbers};
use super::server::RedisServer;
use crate::random::Random;
use crate::redis::{Answer, Call, Numbers, Redis};
use crate::scaled;
use crate::world::{channel, other_channel};

/// The number of calls of a sequence.
const CALLS: usize = 80;

const NODES: u64 = 3;

#[tokio::test]
async fn the_scripts_do_what_their_model_does() {
    let server = RedisServer::start();
    let mut connection = server.connect().await;
    let scripts = Scripts::load(&mut connection).await.unwrap();
    let seed: Option<u64> = std::env::var("SEED").ok().map(|seed| seed.parse().unwrap());
    let mut answers = BTreeSet::new();
    for seed in seed.map_or(0..scaled(300, 10_000), |seed| seed..seed + 1) {
        println!("SEED={seed}");
        let mut pair = Pair::new(seed, connection.clone(), scripts.clone());
        pair.fence().await;
        for _ in 0..CALLS {
            pair.step().await;
        }
        pair.end().await;
        answers.append(&mut pair.answers);
    }
    if seed.is_none() {
        assert_eq!(
            answers.len(),
            12,
            "each kind of answer is given: {answers:?}"
        );
    }
}

/// A model, and the same in Redis.
struct Pair {
    random: Random,
    model: Redis,
    connection: MultiplexedConnection,
    scripts: Scripts,
    keys: String,
    /// The number of the last call of each node.
    numbers: [u64; NODES as usize],
    /// Records that were answered, which are renewed later.
    records: Vec<(ConnId, Record)>,
    posted: u64,
    /// The kinds of answers that were given.
    answers: BTreeSet<String>,
}

impl Pair {
    fn new(seed: u64, connection: MultiplexedConnection, scripts: Scripts) -> Self {
        let mut model = Redis::new(None, false);
        model.process = 1;
        Self {
            random: Random::new(seed),
            model,
            connection,
            scripts,
            keys: format!("{seed}:{{cs}}"),
            numbers: [0; NODES as usize],
            records: Vec::new(),
            posted: 0,
            answers: BTreeSet::new(),
        }
    }

    async fn step(&mut self) {
        match self.random.below(40) {
            0 => {
                self.model.process += 1;
                self.fence().await;
            }
            1 => self.forget().await,
            2 => {
                let term = Term(
                    self.model
                        .term
                        .0
                        .saturating_sub(self.random.below(2) as u64),
                );
                let call = self.any_call();
                self.call(0, self.numbers[0] + 1, term, &call).await;
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

    fn any_call(&mut self) -> Call {
        let random = &mut self.random;
        let conn_id = conn(random.below(4));
        let highest = self.model.numbers.turns;
        let turn = Turn(highest.saturating_sub(random.below(5) as u64));
        let name = if random.below(2) == 0 {
            channel()
        } else {
            other_channel()
        };
        match random.below(19) {
            0..3 => {
                let channels = match random.below(3) {
                    0 => [channel()].into(),
                    1 => [other_channel()].into(),
                    _ => [channel(), other_channel()].into(),
                };
                let user = UserName::new(["a", "bb"][random.below(2)]);
                Call::Connect {
                    conn_id,
                    user,
                    channels,
                }
            }
            3 => Call::Subscribe {
                conn_id,
                channel: name,
            },
            4..7 => Call::Take { conn_id },
            7 | 8 => {
                let read = self.any_read();
                Call::Report {
                    conn_id,
                    turn,
                    read,
                }
            }
            9 => Call::Leave { conn_id, turn },
            10 => {
                let turn = (random.below(2) == 0).then_some(turn);
                Call::End { conn_id, turn }
            }
            11 => self.any_renewal(),
            12 => {
                let node = NodeId(random.below(3) as u64);
                match random.below(6) {
                    0 => Call::Declare { node },
                    1 => Call::Lost,
                    2 => Call::Beat,
                    _ => Call::List { node },
                }
            }
            13 => Call::Load { channel: name },
            14 => Call::Unsubscribe {
                conn_id,
                channel: name,
            },
            15 | 16 => Call::Configure {
                channel: name,
                config: ChannelConfig {
                    notify_presence: random.below(3) > 0,
                    store_history: random.below(3) > 0,
                    history_size: random.below(4) as u64,
                    store_frames: random.below(2) == 0,
                    ..ChannelConfig::default()
                },
                is_for_new: random.below(2) == 0,
            },
            _ => {
                self.posted += 1;
                Call::Post {
                    channel: name,
                    message: self.posted,
                    is_for_history: random.below(4) > 0,
                }
            }
        }
    }

    fn any_read(&mut self) -> Read {
        let mut read = Read::new();
        for name in [channel(), other_channel()] {
            let epochs = self.model.numbers.lives;
            let epoch = epochs.saturating_sub(self.random.below(3) as u64);
            let offset = self.random.below(8) as u64;
            if self.random.below(3) > 0 {
                read.insert(name, (Epoch::from(epoch), offset));
            }
        }
        read
    }

    /// Returns the id of one of the last entries of the feed.
    fn any_entry(&mut self) -> FeedId {
        let back = self.random.below(12);
        let entry = self.model.feed.iter().rev().nth(back);
        entry.map_or_else(FeedId::default, |(id, _)| *id)
    }

    /// Returns the renewal of a record that was answered before, or of a similar one.
    fn any_renewal(&mut self) -> Call {
        if self.records.is_empty() {
            return Call::Beat;
        }
        let index = self.random.below(self.records.len());
        let (conn_id, mut record) = self.records[index].clone();
        record.is_here = self.random.below(2) == 0;
        record.open.retain(|turn, _| *turn == record.turn);
        if self.random.below(2) == 0 {
            record.read.extend(self.any_read());
        }
        let mut left = BTreeMap::new();
        for name in [channel(), other_channel()] {
            if self.random.below(4) == 0 {
                record.read.remove(&name);
                left.insert(name, self.any_entry());
            }
        }
        let heard = self.any_entry();
        Call::Renew {
            conn_id,
            record,
            left,
            heard,
        }
    }

    /// Makes a call to both, and compares the answers.
    async fn call(&mut self, node: usize, number: u64, term: Term, call: &Call) {
        let id = NodeId(node as u64);
        let mut expected = self.model.execute(id, number, term, call);
        let sender = Sender {
            node: id,
            term,
            keys: self.keys.clone(),
        };
        let call = call_with_bytes(call);
        let command = sender.command(&self.scripts, number, &call);
        let value: Value = command.query_async(&mut self.connection).await.unwrap();
        let answer = decoding::answer(&call, &value).unwrap();
        let mut answer = answer_with_numbers(answer);
        if let (Answer::Listed(listed), Answer::Listed(other)) = (&mut answer, &mut expected) {
            listed.sort();
            other.sort();
        }
        assert_eq!(answer, expected, "{call:?}");
        let kind = format!("{answer:?}");
        let kind = kind.split(['(', ' ']).next().unwrap_or_default();
        self.answers.insert(kind.to_owned());
        if let Answer::Connected { record, .. } | Answer::Taken { record, .. } = answer
            && let call::Call::Connect { conn_id, .. } | call::Call::Take { conn_id } = call
        {
            self.records.push((conn_id, record));
        }
        self.compare_feeds().await;
        self.compare_rosters().await;
    }

    /// Begins a term in both.
    async fn fence(&mut self) {
        let known = [self.model.term.0, 0, 0];
        let process = self.model.process.to_string();
        let connection = &mut self.connection;
        let term = fence(connection, &self.keys, &process, known)
            .await
            .unwrap();
        let key = |name: &str| format!("{}{name}", self.keys);
        let mut pipe = redis::pipe();
        pipe.get(key("turns")).get(key("lives"));
        let (turns, lives) = pipe.query_async(connection).await.unwrap();
        // The model has no clock, so it takes the numbers of Redis.
        let ever = Numbers {
            turns,
            lives,
            terms: term - 1,
        };
        assert!(turns > self.model.numbers.turns && lives > self.model.numbers.lives);
        assert_eq!(self.model.fence(Term(known[0]), ever), Term(term));
        let again = fence(connection, &self.keys, &process, known).await;
        assert_eq!(again.unwrap(), term, "it is begun once");
    }

    /// Lets both forget a channel, if nobody is in it.
    async fn forget(&mut self) {
        let name = if self.random.below(2) == 0 {
            channel()
        } else {
            other_channel()
        };
        let may_forget = self.model.may_forget(&name) || !self.model.logs.contains_key(&name);
        let answer = self.send_forget(&name).await;
        assert_eq!(answer, if may_forget { "done" } else { "in_use" });
        if may_forget {
            self.model.forget(&name);
        }
    }

    async fn send_forget(&mut self, channel: &ChannelName) -> String {
        let node = 4;
        let number = self.posted + 1_000_000_000 + self.random.below(1_000_000_000) as u64;
        let mut command = self.scripts.run(Script::Forget, &self.keys);
        command
            .arg(node)
            .arg(number)
            .arg(self.model.term.0)
            .arg(channel.as_str());
        let seen = format!("{}seen", self.keys);
        let mut pipe = redis::pipe();
        pipe.add_command(command).hdel(seen, node);
        let (answer, _): (Vec<String>, u64) = pipe.query_async(&mut self.connection).await.unwrap();
        answer[0].clone()
    }

    async fn compare_feeds(&mut self) {
        let mut command = redis::cmd("XRANGE");
        command.arg(format!("{}f", self.keys)).arg("-").arg("+");
        let entries: Vec<Value> = command.query_async(&mut self.connection).await.unwrap();
        let feed: Vec<_> = entries.iter().map(fed_with_numbers).collect();
        assert_eq!(feed, self.model.feed);
        let last: FeedId = self.model.fed();
        assert_eq!(feed.last().map(|(id, _)| *id), Some(last));
    }

    async fn compare_rosters(&mut self) {
        let mut rosters = BTreeMap::new();
        for name in [channel(), other_channel()] {
            let mut command = redis::cmd("HGETALL");
            command.arg(format!("{}r:{name}", self.keys));
            let users: BTreeMap<String, u32> =
                command.query_async(&mut self.connection).await.unwrap();
            for (user, count) in users {
                rosters.insert((name.clone(), UserName::new(user)), count);
            }
        }
        assert_eq!(rosters, self.model.rosters);
    }

    /// Ends all connections, and forgets all channels. Nothing but counters must be left.
    async fn end(&mut self) {
        let node = 3;
        let mut number = 0;
        for index in 0..4 {
            for call in [
                Call::Take {
                    conn_id: conn(index),
                },
                Call::End {
                    conn_id: conn(index),
                    turn: None,
                },
            ] {
                number += 1;
                self.call(node, number, self.model.term, &call).await;
            }
        }
        for name in [channel(), other_channel()] {
            number += 1;
            let load = Call::Load {
                channel: name.clone(),
            };
            self.call(node, number, self.model.term, &load).await;
            assert_eq!(self.send_forget(&name).await, "done");
        }
        let mut left: Vec<String> = redis::cmd("KEYS")
            .arg(format!("{}*", self.keys))
            .query_async(&mut self.connection)
            .await
            .unwrap();
        left.retain(|key| !key.contains("}e:"));
        let names = left.iter().map(|key| key.rsplit('}').next().unwrap());
        for name in names {
            let counters = ["beats", "f", "gen", "gone", "lives", "seen", "turns"];
            assert!(counters.contains(&name), "{name} is left");
        }
    }
}

fn conn(index: usize) -> ConnId {
    Uuid::from_u128(index as u128 + 1).into()
}
