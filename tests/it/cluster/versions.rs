//! Something in Redis that only a later version knows.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use super::Cluster;
use super::client::{Returning, one_at_each_node};
use crate::support::redis::Redis;
use crate::support::server::command;

/// The beginning of all keys.
const KEYS: &str = "cs1:{cs}";

/// The time within which an event comes.
const WITHIN: Duration = Duration::from_secs(20);

/// Appends an entry to a log as the scripts do.
const APPEND: &str = "
    local root, name = KEYS[1], ARGV[1]
    local key = root .. 'c:' .. name
    local offset = string.format('%d', redis.call('HINCRBY', key, 'end', 1))
    local item = offset .. ' ' .. redis.call('TIME')[1] .. '000 10 ' .. ARGV[2]
    redis.call('RPUSH', root .. 'l:' .. name, item)
    redis.call('HINCRBY', key, 'bytes', #item)
    local term, epoch = redis.call('HGET', root .. 'gen', 'term'), redis.call('HGET', key, 'epoch')
    return redis.call('XADD', root .. 'f', term .. '-*', 'A', name, 'p', epoch, 'e', item)";

/// Appends an entry to the feed: a kind, what it is about, a name and a value.
const FEED: &str = "
    local term = redis.call('HGET', KEYS[1] .. 'gen', 'term')
    return redis.call('XADD', KEYS[1] .. 'f', term .. '-*', ARGV[1], ARGV[2], 't', ARGV[3])";

/// Runs a script in Redis.
fn run(cluster: &Cluster, script: &str, arguments: &[&str]) {
    let command = [&["eval", script, "1", KEYS][..], arguments].concat();
    let answer = cluster.redis.command(&command);
    assert!(answer.contains('-'), "{answer}");
}

/// Starts two nodes, and a client at each of them, which has got a message.
async fn start() -> (Cluster, Vec<Returning>) {
    let cluster = Cluster::start(2, &[]);
    let mut clients = one_at_each_node(&cluster).await;
    say(&cluster, &mut clients, "before").await;
    (cluster, clients)
}

/// Posts a message, and waits until all clients have got it.
async fn say(cluster: &Cluster, clients: &mut [Returning], text: &str) {
    cluster.backend(0).say("room", json!({"text": text})).await;
    for client in clients {
        let has_come =
            |events: &[Value]| events.iter().any(|event| event["message"]["text"] == text);
        client.wait_for(WITHIN, has_come).await;
    }
}

/// Returns what a client has got in short: the type of an event, or the text of a message.
fn short(event: &Value) -> String {
    let text = event["message"]["text"].as_str();
    text.or(event["type"].as_str()).unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_entry_of_a_log_that_a_node_cannot_read_is_told_as_a_gap() {
    let (cluster, mut clients) = start().await;
    run(&cluster, APPEND, &["#room", "z{\"new\":1}"]);
    say(&cluster, &mut clients, "after").await;
    say(&cluster, &mut clients, "last").await;
    for client in clients {
        let events = client.stop().await;
        let come: Vec<_> = events.iter().map(short).collect();
        assert_eq!(come, ["before", "catchup:gap", "after", "last"]);
    }
    cluster.nodes[0].log_line("this version cannot read");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_node_goes_on_behind_entries_of_the_feed_that_it_cannot_read() {
    let (cluster, mut clients) = start().await;
    run(&cluster, FEED, &["Z", "something", "new"]);
    run(&cluster, FEED, &["E", "another form of ids", "new"]);
    run(&cluster, FEED, &["M", "#room", "another form of members"]);
    say(&cluster, &mut clients, "after").await;
    for client in clients {
        let events = client.stop().await;
        let come: Vec<_> = events.iter().map(short).collect();
        assert_eq!(come, ["before", "after"]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_state_that_a_node_cannot_read_is_not_overwritten() {
    let (cluster, clients) = start().await;
    let (key, newer) = (format!("{KEYS}u:alice"), "{\"new\":1}");
    cluster.redis.command(&["hset", &key, "s", newer]);
    let backend = cluster.backend(1);
    let body = json!({"user": "alice", "user_state": {"color": "red"}});
    let answer = backend.send(Method::POST, "/user_state", &body).await;
    assert_eq!(answer.status(), 503);
    let body = json!({"username": "alice", "channels": ["room"], "state": {"color": "red"}});
    let answer = backend.send(Method::POST, "/connect", &body).await;
    assert_eq!(answer.status(), 503);
    assert_eq!(cluster.redis.command(&["hget", &key, "s"]).trim(), newer);
    for client in clients {
        client.stop().await;
    }
}

#[test]
fn a_node_does_not_start_beside_keys_of_another_layout() {
    let redis = Redis::start();
    redis.command(&["hset", &format!("{KEYS}gen"), "layout", "2"]);
    let url = format!("redis://{}", redis.address());
    let flags = ["--port", "0", "--store", "redis", "--redis-urls", &url];
    let (code, output) = command(&flags, &[]);
    assert_eq!(code, Some(1), "{output}");
    let reason = format!("the keys that begin with {KEYS} belong to another version");
    assert!(output.contains(&reason), "{output}");
    // Nodes of both layouts may share a Redis.
    redis.node(&[("redis-prefix", "other")]);
}
