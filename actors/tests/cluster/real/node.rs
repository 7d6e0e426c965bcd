//! A node with its lane and its reader, and nothing else.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::{Duration, Instant};

use actix::prelude::*;
use bytes::Bytes;
use channelstream_actors::core::cluster::answer::Answer;
use channelstream_actors::core::cluster::call::{Call, FeedId, NodeId};
use channelstream_actors::core::cluster::fed::Fed;
use channelstream_actors::name::{ConnId, UserName};
use channelstream_actors::protocol::config::ChannelConfig;
use channelstream_actors::store::redis::lane::{LaneActor, Make, NotDone, NoteFeed, Noted};
use channelstream_actors::store::redis::link::Place;
use channelstream_actors::store::redis::reader::{News, ReaderActor};
use tokio::time::sleep;

use super::server::RedisServer;
use crate::world::channel;

/// The number of callers that post at the same time.
const CALLERS: usize = 8;

/// The event that tells that the user of the node has come.
pub(crate) const CAME: &str = r#"+{"user":"alice","state":null}"#;

/// What happened to each message.
pub(crate) type Outcomes = BTreeMap<String, Result<(), NotDone>>;

/// An actor that keeps what it reads of the feed.
#[derive(Clone, Default)]
pub(crate) struct Keeper(pub(crate) Rc<RefCell<Vec<News>>>);

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
pub(crate) struct TestNode {
    lane: Addr<LaneActor>,
    read: Keeper,
    pub(crate) place: Place,
}

impl TestNode {
    /// Starts a node, and makes a channel.
    pub(crate) async fn start(server: &RedisServer) -> Self {
        let place = server.place();
        let lane = LaneActor::new(place.clone(), NodeId(1)).start();
        let read = Keeper::default();
        let keeper = read.clone().start().recipient();
        ReaderActor::new(place.clone(), FeedId::default(), keeper).start();
        let node = Self { lane, read, place };
        let configure = Call::Configure {
            log: channel(),
            config: ChannelConfig {
                notify_presence: true,
                ..ChannelConfig::default()
            },
            is_for_new: true,
        };
        while node.make(configure.clone()).await.is_err() {
            sleep(Duration::from_millis(5)).await;
        }
        let connect = Call::Connect {
            conn_id: ConnId::random(),
            user: UserName::new("alice"),
            logs: [channel()].into(),
        };
        let answer = node.make(connect).await;
        assert!(matches!(answer, Ok(Answer::Connected { .. })), "{answer:?}");
        node
    }

    pub(crate) async fn make(&self, call: Call<Bytes>) -> Result<Answer<Bytes>, NotDone> {
        let is_patient = false;
        self.lane.send(Make { call, is_patient }).await.unwrap()
    }

    /// Tells the lane that the feed was read up to an entry.
    pub(crate) async fn note_read(&self, id: FeedId) {
        let noted = NoteFeed(vec![Noted::Read(id)]);
        self.lane.send(noted).await.unwrap();
    }

    /// Posts messages from several callers, as long as `go_on` says so.
    pub(crate) async fn post_while(
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
                    let text = format!("m{prefix}{caller}-{number}");
                    let call = Call::Post {
                        log: channel(),
                        message: text.clone().into(),
                        is_for_history: true,
                        once: None,
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
    pub(crate) async fn log(&self) -> Vec<String> {
        loop {
            let load = Call::Load { log: channel() };
            if let Ok(Answer::Loaded(loaded)) = self.make(load).await {
                let entries = loaded.entries.iter();
                return entries
                    .map(|it| String::from_utf8(it.content.to_vec()).unwrap())
                    .collect();
            }
            sleep(Duration::from_millis(5)).await;
        }
    }

    /// Returns the entries of the log that the reader has read, and the number of terms.
    pub(crate) fn fed(&self) -> (Vec<String>, usize) {
        let (mut entries, mut terms) = (Vec::new(), 0);
        for news in self.read.0.borrow().iter() {
            let News::Entries(run) = news else {
                panic!("the reader has missed something")
            };
            for (_, fed) in run {
                match fed.as_ref().unwrap() {
                    Fed::Appended { item, .. } => {
                        entries.push(String::from_utf8(item.content.to_vec()).unwrap());
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
    pub(crate) async fn check(&self, outcomes: &Outcomes) {
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
        let (fed, _) = self.fed_until(|fed, _| fed.len() >= log.len()).await;
        assert_eq!(fed, log);
    }

    /// Waits until the reader has read such entries in so many terms, and returns them.
    pub(crate) async fn fed_until(
        &self,
        is_enough: impl Fn(&[String], usize) -> bool,
    ) -> (Vec<String>, usize) {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let (fed, terms) = self.fed();
            if is_enough(&fed, terms) || Instant::now() >= deadline {
                return (fed, terms);
            }
            sleep(Duration::from_millis(5)).await;
        }
    }
}

pub(crate) fn count(outcomes: &Outcomes, outcome: Result<(), NotDone>) -> usize {
    outcomes.values().filter(|it| **it == outcome).count()
}

pub(crate) fn for_time(duration: Duration) -> impl Fn() -> bool + Clone {
    let end = Instant::now() + duration;
    move || Instant::now() < end
}
