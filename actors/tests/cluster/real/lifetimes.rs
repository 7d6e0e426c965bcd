//! What Redis forgets by itself after some time.

use std::time::Duration;

use bytes::Bytes;
use channelstream_actors::core::cluster::answer::{Answer, Loaded};
use channelstream_actors::core::cluster::call::{Call, FeedId};
use channelstream_actors::name::{ConnId, LogName, UserName};
use channelstream_actors::store::redis::encoding::Limits;
use tokio::time::sleep;

use super::caller::Caller;
use super::server::RedisServer;
use crate::world::channel;

fn post(log: &LogName) -> Call<Bytes> {
    Call::Post {
        log: log.clone(),
        message: "ma message".into(),
        is_for_history: true,
        once: None,
    }
}

async fn load(node: &mut Caller) -> Loaded<Bytes> {
    match node.call(Call::Load { log: channel() }).await {
        Answer::Loaded(loaded) => loaded,
        answer => panic!("{answer:?}"),
    }
}

async fn names(node: &mut Caller) -> Vec<LogName> {
    match node.call(Call::Names { cursor: 0 }).await {
        Answer::Names { names, .. } => names,
        answer => panic!("{answer:?}"),
    }
}

/// Waits until Redis has no logs.
async fn until_all_is_forgotten(node: &mut Caller) {
    for _ in 0..1000 {
        if names(node).await.is_empty() {
            return;
        }
        sleep(Duration::from_millis(10)).await;
    }
    panic!("a log is not forgotten");
}

#[tokio::test]
async fn channels_and_users_without_connections_are_forgotten() {
    let server = RedisServer::start();
    let lifetime = Duration::from_millis(100);
    let limits = Limits {
        channel_lifetime: lifetime,
        user_lifetime: lifetime,
        ..Limits::default()
    };
    let mut node = Caller::start(&server, limits).await;
    let (conn_id, user) = (ConnId::random(), UserName::new("alice"));
    let private = LogName::from(user.clone());
    let set = Call::SetUser {
        user: user.clone(),
        seen: 0,
        state: "{}".into(),
        changed: None,
    };
    assert_eq!(node.call(set).await, Answer::Done);
    let connect = Call::Connect {
        conn_id,
        user: user.clone(),
        logs: [channel(), private.clone()].into(),
    };
    node.call(connect).await;
    sleep(lifetime * 3).await;
    for log in [channel(), private.clone()] {
        let answer = node.call(post(&log)).await;
        assert!(matches!(answer, Answer::Posted { .. }), "{answer:?}");
    }
    let look_up = Call::LookUpUser { user };
    let answer = node.call(look_up.clone()).await;
    assert!(matches!(answer, Answer::User(_)), "{answer:?}");
    assert_eq!(names(&mut node).await.len(), 2);
    let turn = None;
    node.call(Call::End { conn_id, turn }).await;
    until_all_is_forgotten(&mut node).await;
    assert_eq!(node.call(post(&channel())).await, Answer::Done);
    assert_eq!(node.call(post(&private)).await, Answer::Done);
    assert_eq!(node.call(look_up).await, Answer::Unknown);
    let mut left: Vec<String> = redis::cmd("KEYS")
        .arg("*")
        .query_async(&mut node.connection)
        .await
        .unwrap();
    left.sort();
    let counters = ["beats", "f", "gen", "lives", "seen", "turns", "versions"];
    let mut expected: Vec<_> = counters.map(|name| format!("{{cs}}{name}")).to_vec();
    expected.push(format!("{{cs}}e:{conn_id}"));
    expected.sort();
    assert_eq!(left, expected);
}

#[tokio::test]
async fn only_the_latest_entries_stay_when_all_are_old() {
    let server = RedisServer::start();
    let limits = Limits {
        log_age: Duration::from_millis(50),
        channel_frames: 4,
        ..Limits::default()
    };
    let age = limits.log_age;
    let mut node = Caller::start(&server, limits).await;
    load(&mut node).await;
    for _ in 0..31 {
        node.call(post(&channel())).await;
    }
    assert!(load(&mut node).await.log.start <= 16 - 4);
    sleep(age * 2).await;
    node.call(post(&channel())).await;
    let loaded = load(&mut node).await;
    assert_eq!((loaded.log.start, loaded.log.end), (28, 32));
    let offsets = loaded.entries.iter().map(|item| item.offset);
    assert_eq!(offsets.collect::<Vec<_>>(), [29, 30, 31, 32]);
    let at = loaded.entries.iter().map(|item| item.at);
    assert!(at.is_sorted() && loaded.last_active == loaded.entries[3].at);
}

#[tokio::test]
async fn a_log_that_became_far_too_long_is_cut_in_steps() {
    let server = RedisServer::start();
    let mut node = Caller::start(&server, Limits::default()).await;
    load(&mut node).await;
    for _ in 0..99 {
        node.call(post(&channel())).await;
    }
    let limits = Limits {
        log_length: 10,
        ..Limits::default()
    };
    node.limit(&limits).await;
    for (end, start) in [(100, 32), (101, 64), (102, 92), (103, 93)] {
        node.call(post(&channel())).await;
        let log = load(&mut node).await.log;
        assert_eq!((log.start, log.end), (start, end));
    }
}

#[tokio::test]
async fn a_beat_drops_the_oldest_entries_of_a_feed_that_takes_too_much_memory() {
    let server = RedisServer::start();
    let limits = Limits {
        feed_bytes: 50_000,
        ..Limits::default()
    };
    let mut node = Caller::start(&server, limits).await;
    load(&mut node).await;
    for _ in 0..1000 {
        node.call(post(&channel())).await;
    }
    let mut connection = node.connection.clone();
    let mut size = async || -> usize {
        let mut usage = redis::cmd("MEMORY");
        usage.arg("USAGE").arg("{cs}f").arg("SAMPLES").arg(0);
        usage.query_async(&mut connection).await.unwrap()
    };
    assert!(size().await > 60_000, "it takes too much");
    let end = load(&mut node).await.fed;
    let about = Bytes::from("a node");
    let answer = node.call(Call::Beat { about }).await;
    assert!(matches!(answer, Answer::Beats(_)), "{answer:?}");
    let size = size().await;
    assert!((30_000..60_000).contains(&size), "{size}");
    assert_eq!(load(&mut node).await.fed, end, "the latest entries stay");
}

#[tokio::test]
async fn a_log_that_a_renewal_makes_in_vain_is_forgotten() {
    let server = RedisServer::start();
    let lifetime = Duration::from_millis(50);
    let limits = Limits {
        channel_lifetime: lifetime,
        ..Limits::default()
    };
    let mut node = Caller::start(&server, limits).await;
    let (conn_id, log) = (ConnId::random(), channel());
    let connect = Call::Connect {
        conn_id,
        user: UserName::new("alice"),
        logs: [log.clone()].into(),
    };
    let Answer::Connected { record, fed } = node.call(connect).await else {
        panic!("not connected")
    };
    assert!(fed > FeedId::default());
    let leave = Call::Unsubscribe {
        conn_id,
        log: log.clone(),
    };
    node.call(leave).await;
    assert_eq!(node.call(Call::Forget { log }).await, Answer::Done);
    let renew = Call::Renew {
        conn_id,
        record,
        left: [].into(),
        heard: fed,
    };
    let Answer::Renewed { read, .. } = node.call(renew).await else {
        panic!("not renewed")
    };
    assert!(read.is_empty(), "it has left the channel");
    until_all_is_forgotten(&mut node).await;
}
