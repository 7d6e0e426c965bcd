//! The lane and the reader of a node, while connections break and Redis ends and starts.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::{Duration, Instant};

use actix::prelude::*;
use bytes::Bytes;
use channelstream_actors::core::cluster::call::{Answer, Call, Fed, FeedId, NodeId};
use channelstream_actors::name::{ChannelName, ConnId, UserName};
use channelstream_actors::store::redis::lane::{LaneActor, Make, NotDone};
use channelstream_actors::store::redis::reader::{News, ReaderActor};
use redis::aio::MultiplexedConnection;
use tokio::time::sleep;

use super::server::RedisServer;
use crate::scaled;
use crate::world::channel;

/// The number of callers that post at the same time.
const CALLERS: usize = 8;

/// What happened to each message.
type Outcomes = BTreeMap<String, Result<(), NotDone>>;

/// An actor that keeps what it reads of the feed.
#[derive(Clone, Default)]
struct Keeper(Rc<RefCell<Vec<News>>>);

impl Actor for Keeper {
    type Context = Context<Self>;
}

impl Handler<News> for Keeper {
    type Result = ();

    fn handle(&mut self, news: News, _: &mut Self::Context) {
        self.0.borrow_mut().push(news);
    }
}

/// A node with its lane and its reader, and nothing else.
#[derive(Clone)]
struct TestNode {
    lane: Addr<LaneActor>,
    read: Keeper,
}

impl TestNode {
    /// Starts a node, and makes a channel.
    async fn start(server: &RedisServer) -> Self {
        let lane = LaneActor::new(server.place(), NodeId(1)).start();
        let read = Keeper::default();
        let keeper = read.clone().start().recipient();
        ReaderActor::new(server.place(), FeedId::default(), keeper).start();
        let node = Self { lane, read };
        let connect = Call::Connect {
            conn_id: ConnId::random(),
            user: UserName::new("alice"),
            channels: [channel()].into(),
        };
        while node.make(connect.clone()).await.is_err() {
            sleep(Duration::from_millis(5)).await;
        }
        node
    }

    async fn make(&self, call: Call<Bytes>) -> Result<Answer<Bytes>, NotDone> {
        let is_patient = false;
        self.lane.send(Make { call, is_patient }).await.unwrap()
    }

    /// Posts messages from several callers, as long as `go_on` says so.
    async fn post_while(
        &self,
        prefix: &str,
        go_on: impl Fn() -> bool + Clone + 'static,
    ) -> Outcomes {
        let callers = (0..CALLERS).map(|caller| {
            let (lane, go_on) = (self.lane.clone(), go_on.clone());
            let prefix = prefix.to_owned();
            actix::spawn(async move {
                let mut outcomes = Outcomes::new();
                for number in 0.. {
                    if !go_on() {
                        break;
                    }
                    let text = format!("{prefix}{caller}-{number}");
                    let call = Call::Post {
                        channel: channel(),
                        message: text.clone().into(),
                    };
                    let is_patient = false;
                    let answer = lane.send(Make { call, is_patient }).await.unwrap();
                    if answer.is_err() {
                        sleep(Duration::from_millis(1)).await;
                    }
                    let posted = answer.map(|answer| match answer {
                        Answer::Posted { .. } => {}
                        answer => panic!("{answer:?}"),
                    });
                    outcomes.insert(text, posted);
                }
                outcomes
            })
        });
        let mut all = Outcomes::new();
        for caller in callers.collect::<Vec<_>>() {
            all.append(&mut caller.await.unwrap());
        }
        all
    }

    /// Reads the log, once Redis answers.
    async fn log(&self) -> Vec<String> {
        let channel: ChannelName = channel();
        loop {
            let load = Call::Load {
                channel: channel.clone(),
            };
            if let Ok(Answer::Loaded(loaded)) = self.make(load).await {
                let entries = loaded.entries.iter();
                return entries
                    .map(|it| String::from_utf8(it.to_vec()).unwrap())
                    .collect();
            }
            sleep(Duration::from_millis(5)).await;
        }
    }

    /// Returns the entries of the log that the reader has read, and the number of terms.
    fn fed(&self) -> (Vec<String>, usize) {
        let (mut entries, mut terms) = (Vec::new(), 0);
        for news in self.read.0.borrow().iter() {
            let News::Entries(run) = news else {
                panic!("the reader has missed something")
            };
            for (_, fed) in run {
                match fed.as_ref().unwrap() {
                    Fed::Appended { message, .. } => {
                        entries.push(String::from_utf8(message.to_vec()).unwrap());
                    }
                    Fed::Fenced { .. } => terms += 1,
                    _ => {}
                }
            }
        }
        (entries, terms)
    }

    /// Checks that the log has each message that was accepted once and no message that was refused,
    /// and that the reader reads the same entries in the same order.
    async fn check(&self, outcomes: &Outcomes) {
        let log = self.log().await;
        let mut counts = BTreeMap::new();
        for entry in &log {
            *counts.entry(entry.as_str()).or_insert(0) += 1;
        }
        for (text, outcome) in outcomes {
            let count = counts.get(text.as_str()).copied().unwrap_or(0);
            match outcome {
                Ok(()) => assert_eq!(count, 1, "{text} was accepted"),
                Err(NotDone::Refused) => assert_eq!(count, 0, "{text} was refused"),
                Err(NotDone::Unknown) => assert!(count <= 1, "{text}"),
            }
        }
        let deadline = Instant::now() + Duration::from_secs(20);
        while self.fed().0.len() < log.len() && Instant::now() < deadline {
            sleep(Duration::from_millis(5)).await;
        }
        assert_eq!(self.fed().0, log);
    }
}

fn count(outcomes: &Outcomes, outcome: Result<(), NotDone>) -> usize {
    outcomes.values().filter(|it| **it == outcome).count()
}

fn for_time(duration: Duration) -> impl Fn() -> bool + Clone {
    let end = Instant::now() + duration;
    move || Instant::now() < end
}

#[actix::test]
async fn each_message_is_posted_once_while_connections_are_killed() {
    let server = RedisServer::start();
    let node = TestNode::start(&server).await;
    let mut control = server.connect().await;
    let go_on = for_time(Duration::from_secs(scaled(3, 60)));
    let killer = actix::spawn({
        let go_on = go_on.clone();
        async move {
            let mut killed = 0;
            while go_on() {
                killed += kill_clients(&mut control).await;
                sleep(Duration::from_millis(30)).await;
            }
            killed
        }
    });
    let outcomes = node.post_while("", go_on).await;
    let killed = killer.await.unwrap();
    node.check(&outcomes).await;
    let accepted = count(&outcomes, Ok(()));
    let posted = outcomes.len();
    println!("{killed} connections killed, {accepted} of {posted} messages accepted");
    assert!(killed > 20 && accepted > 100);
    assert_eq!(node.fed().1, 1, "one term");
}

async fn kill_clients(control: &mut MultiplexedConnection) -> u64 {
    let mut command = redis::cmd("CLIENT");
    command.arg("KILL").arg("TYPE").arg("normal");
    command.query_async(control).await.unwrap()
}

#[actix::test]
async fn calls_are_given_up_while_redis_pauses_and_go_on_afterwards() {
    let server = RedisServer::start();
    let node = TestNode::start(&server).await;
    let begun = Instant::now();
    let posts = actix::spawn({
        let node = node.clone();
        async move { node.post_while("", for_time(Duration::from_secs(7))).await }
    });
    sleep(Duration::from_millis(300)).await;
    server.signal("STOP");
    sleep(Duration::from_secs(4)).await;
    let refused_at = Instant::now();
    assert_eq!(
        node.make(Call::Beat).await,
        Err(NotDone::Refused),
        "while the connection is broken, calls are refused"
    );
    assert!(refused_at.elapsed() < Duration::from_millis(500), "at once");
    server.signal("CONT");
    let outcomes = posts.await.unwrap();
    println!("{:.1?}", begun.elapsed());
    node.check(&outcomes).await;
    assert!(count(&outcomes, Err(NotDone::Unknown)) > 0);
    assert_eq!(node.fed().1, 1, "one term");
}

#[actix::test]
async fn nothing_is_lost_when_redis_is_killed_and_starts_from_its_file() {
    let mut server = RedisServer::start();
    let node = TestNode::start(&server).await;
    let mut outcomes = Outcomes::new();
    for round in 1..=scaled(2, 20) {
        let posts = actix::spawn({
            let node = node.clone();
            let prefix = format!("{round}:");
            async move {
                node.post_while(&prefix, for_time(Duration::from_millis(600)))
                    .await
            }
        });
        sleep(Duration::from_millis(200)).await;
        server.kill_and_start();
        outcomes.append(&mut posts.await.unwrap());
    }
    node.check(&outcomes).await;
    assert!(count(&outcomes, Ok(())) > 100);
    assert_eq!(
        node.fed().1,
        1 + scaled(2, 20),
        "each process has its own term"
    );
}
