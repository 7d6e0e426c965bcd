//! The lane and the reader of a node, while connections break and Redis ends and starts.

use std::cell::Cell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use actix::prelude::*;
use bytes::Bytes;
use channelstream_actors::core::cluster::answer::Answer;
use channelstream_actors::core::cluster::call::{Call, FeedId};
use channelstream_actors::store::redis::lane::NotDone;
use channelstream_actors::store::redis::reader::{News, ReaderActor};
use redis::aio::MultiplexedConnection;
use tokio::time::sleep;

use super::node::{CAME, Keeper, Outcomes, TestNode, count, for_time};
use super::server::RedisServer;
use crate::scaled;
use crate::world::channel;

fn beat() -> Call<Bytes> {
    Call::Beat {
        about: Bytes::new(),
    }
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
    let goes_on = Rc::new(Cell::new(true));
    let posts = actix::spawn({
        let (node, goes_on) = (node.clone(), goes_on.clone());
        async move { node.post_while("", move || goes_on.get()).await }
    });
    node.fed_until(|fed, _| fed.len() > 10).await;
    server.signal("STOP");
    let last = actix::spawn({
        let node = node.clone();
        async move { node.make(beat()).await }
    });
    // Calls wait at first. Once the connection counts as broken, they are refused at once.
    let is_refused_at_once = async || {
        let begun = Instant::now();
        let answer = node.make(beat()).await;
        answer == Err(NotDone::Refused) && begun.elapsed() < Duration::from_millis(500)
    };
    while !is_refused_at_once().await {}
    assert!(last.await.unwrap().is_err(), "it is given up");
    server.signal("CONT");
    while node.make(beat()).await.is_err() {
        sleep(Duration::from_millis(5)).await;
    }
    goes_on.set(false);
    let outcomes = posts.await.unwrap();
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
        server.write_at_once().await;
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

#[actix::test]
async fn calls_are_refused_while_the_memory_of_redis_is_full() {
    let server = RedisServer::start();
    let node = TestNode::start(&server).await;
    let mut control = server.connect().await;
    set_memory(&mut control, "1").await;
    let post = Call::Post {
        log: channel(),
        message: "ma message".into(),
        is_for_history: true,
        once: None,
    };
    assert_eq!(node.make(post.clone()).await, Err(NotDone::Refused));
    set_memory(&mut control, "0").await;
    let answer = node.make(post).await;
    assert!(matches!(answer, Ok(Answer::Posted { .. })), "{answer:?}");
    let (fed, terms) = node.fed_until(|fed, _| fed.len() >= 2).await;
    assert_eq!((fed, terms), (vec![CAME.into(), "ma message".into()], 1));
}

async fn set_memory(control: &mut MultiplexedConnection, bytes: &str) {
    let mut command = redis::cmd("CONFIG");
    command.arg("SET").arg("maxmemory").arg(bytes);
    let _: String = command.query_async(control).await.unwrap();
}

#[actix::test]
async fn a_term_begins_when_redis_has_lost_everything_without_an_end() {
    let server = RedisServer::start();
    let node = TestNode::start(&server).await;
    node.fed_until(|fed, _| !fed.is_empty()).await;
    let mut control = server.connect().await;
    let _: String = redis::cmd("FLUSHALL")
        .query_async(&mut control)
        .await
        .unwrap();
    assert_eq!(node.log().await, Vec::<String>::new());
    let post = Call::Post {
        log: channel(),
        message: "ma message".into(),
        is_for_history: true,
        once: None,
    };
    let answer = node.make(post).await;
    assert!(matches!(answer, Ok(Answer::Posted { .. })), "{answer:?}");
    let (fed, terms) = node.fed_until(|fed, _| fed.len() >= 2).await;
    assert_eq!((fed, terms), (vec![CAME.into(), "ma message".into()], 2));
}

#[actix::test]
async fn the_lane_and_the_reader_connect_anew_when_the_reader_makes_no_progress() {
    let server = RedisServer::start();
    let node = TestNode::start(&server).await;
    let post = || async {
        let call = Call::Post {
            log: channel(),
            message: "ma message".into(),
            is_for_history: true,
            once: None,
        };
        match node.make(call).await {
            Ok(Answer::Posted { fed }) => fed,
            answer => panic!("{answer:?}"),
        }
    };
    let mut primary = node.place.primary.subscribe();
    primary.mark_unchanged();
    // As if a reader had read this, and then nothing of what follows.
    node.note_read(post().await).await;
    let last = post().await;
    let anew = tokio::time::timeout(Duration::from_secs(20), primary.changed());
    anew.await.expect("the lane connects anew").unwrap();
    node.note_read(last).await;
    post().await;
}

#[actix::test]
async fn a_reader_says_when_the_feed_was_trimmed_before_it_came() {
    let server = RedisServer::start();
    let node = TestNode::start(&server).await;
    node.post_while("", for_time(Duration::from_millis(100)))
        .await;
    let mut control = server.connect().await;
    let trimmed: u64 = redis::cmd("XTRIM")
        .arg("{cs}f")
        .arg("MAXLEN")
        .arg("10")
        .query_async(&mut control)
        .await
        .unwrap();
    assert!(trimmed > 0);
    let late = Keeper::default();
    let keeper = late.clone().start().recipient();
    ReaderActor::new(node.place.clone(), FeedId::default(), keeper).start();
    while late.0.borrow().len() < 2 {
        sleep(Duration::from_millis(5)).await;
    }
    let news = late.0.borrow();
    assert!(matches!(news[0], News::Missed));
    assert!(matches!(&news[1], News::Entries(run) if run.len() == 10));
}
