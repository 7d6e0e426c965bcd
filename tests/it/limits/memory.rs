//! A caller with the secret fills everything that can be filled. The server refuses what does not
//! fit, stays within `memory_limit`, and soon accepts messages again.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use futures_util::future::join_all;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::sleep;

use crate::support::client::Backend;
use crate::support::scale::scaled;
use crate::support::server::{Server, resident};
use crate::support::signing::{now, sign};

const MB: u64 = 1 << 20;

/// The number of calls of a kind that are under way at the same time.
const CALLERS: u64 = 8;

/// Returns the memory that the server may count, in bytes.
fn limit() -> u64 {
    scaled(128, 256) * MB
}

/// Returns the memory that may be resident, in kilobytes: one and a half times the limit. The short
/// form allows 48 MB more for the program and for the calls under way, which do not shrink with the
/// limit.
fn max_resident() -> u64 {
    limit() / 1024 * 3 / 2 + scaled(48, 0) * 1024
}

struct Attack {
    backend: Backend,
    address: String,
    server: u32,
    /// The largest resident size that was seen, in kilobytes.
    most: AtomicU64,
}

impl Attack {
    /// Starts a server with these and more settings. It runs until it is dropped.
    fn start(flags: &[(&str, &str)]) -> (Server, Arc<Self>) {
        let limit = limit().to_string();
        let server = Server::start(&[&[("memory-limit", limit.as_str())], flags].concat());
        let attack = Self {
            backend: Backend::of(&server),
            address: server.address.clone(),
            server: server.id(),
            most: AtomicU64::new(0),
        };
        (server, Arc::new(attack))
    }

    /// Records how much memory is resident, and checks that the server was not killed.
    fn record_resident(&self) {
        self.most.fetch_max(resident(self.server), Relaxed);
    }

    /// Makes a call. Returns whether it was refused for lack of room.
    async fn is_refused(&self, path: &str, body: &Value) -> bool {
        let response = self.backend.send(Method::POST, path, body).await;
        self.record_resident();
        match response.status() {
            StatusCode::OK => false,
            StatusCode::SERVICE_UNAVAILABLE => {
                let text = response.text().await.unwrap();
                assert!(text.contains("memory_limit"), "{path}: {text}");
                true
            }
            status => panic!("{path}: {status} {}", response.text().await.unwrap()),
        }
    }

    /// Makes calls of a kind, each with its own number, until `refusals` of them were refused or
    /// `most` were made. Returns the number of refused calls.
    async fn fill(
        self: &Arc<Self>,
        path: &'static str,
        most: u64,
        refusals: u64,
        body: fn(u64) -> Value,
    ) -> u64 {
        let kinds = Arc::new(AtomicU64::new(1));
        self.fill_together(path, most, (refusals, kinds), body)
            .await
    }

    /// Makes calls of a kind until each kind was refused `refusals` times, or `most` calls of this
    /// kind were made. A kind that ends before the others leaves them memory, so that they would
    /// not be refused any more.
    async fn fill_together(
        self: &Arc<Self>,
        path: &'static str,
        most: u64,
        (refusals, kinds): (u64, Arc<AtomicU64>),
        body: fn(u64) -> Value,
    ) -> u64 {
        let (next, refused) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        let caller = |_| {
            let (attack, next, refused) = (self.clone(), next.clone(), refused.clone());
            let kinds = kinds.clone();
            tokio::spawn(async move {
                while kinds.load(Relaxed) > 0 {
                    let number = next.fetch_add(1, Relaxed);
                    if number >= most {
                        break;
                    }
                    if attack.is_refused(path, &body(number)).await {
                        if refused.fetch_add(1, Relaxed) + 1 == refusals {
                            kinds.fetch_sub(1, Relaxed);
                        }
                        // The server makes room meanwhile.
                        sleep(Duration::from_millis(50)).await;
                    }
                }
            })
        };
        let callers: Vec<_> = (0..CALLERS).map(caller).collect();
        for caller in callers {
            caller.await.expect("a call failed");
        }
        let refused = refused.load(Relaxed);
        println!(
            "{path}: {} calls, {refused} refused, {} MB were resident at most",
            next.load(Relaxed).min(most),
            self.most.load(Relaxed) / 1024
        );
        refused
    }

    /// Creates channels that keep the last messages. `store_history` turns their histories on.
    async fn create_channels(&self, name: &str, count: usize, store_history: bool) {
        let config = |index| {
            let config = json!({"store_history": store_history, "history_size": 10_000});
            (format!("{name}-{index}"), config)
        };
        let configs = Value::Object((0..count).map(config).collect());
        self.backend.post("/channel_config", configs).await;
    }

    /// Publishes until a message is accepted. Returns the time that this took.
    async fn publish(&self) -> Duration {
        let begun_at = Instant::now();
        let message = json!([{"user": "a", "channel": "after", "message": {"hello": true}}]);
        while self.is_refused("/message", &message).await {
            sleep(Duration::from_millis(20)).await;
        }
        begun_at.elapsed()
    }

    async fn assert_resumed(&self) {
        let took = self.publish().await;
        assert!(
            took < Duration::from_secs(5),
            "messages were refused for {took:?}"
        );
    }

    fn assert_bounded(&self) {
        let most = self.most.load(Relaxed);
        println!("{} MB were resident at most", most / 1024);
        assert!(most <= max_resident(), "{} MB", most / 1024);
    }
}

fn text(bytes: usize) -> String {
    "x".repeat(bytes)
}

#[tokio::test(flavor = "multi_thread")]
async fn filling_logs_and_histories_is_refused_and_messages_are_soon_accepted_again() {
    let (_server, attack) = Attack::start(&[("max-channels", "0")]);
    let enough = limit() / 1000;
    attack.create_channels("kept", 200, true).await;
    attack.create_channels("small", 50, false).await;
    // Fills histories and logs with large messages.
    let refused = attack.fill("/message", enough, 100, |number| {
        let channel = format!("kept-{}", number % 200);
        json!([{"user": "a", "channel": channel, "message": {"x": text(50_000)}}])
    });
    assert!(refused.await > 0);
    attack.assert_resumed().await;
    // Small messages, each of which takes much more memory than its text.
    let refused = attack.fill("/message", enough, 100, |number| {
        let channel = format!("small-{}", number % 50);
        let one = json!({"user": "a", "channel": channel, "message": {}});
        Value::Array(vec![one; 1000])
    });
    assert!(refused.await > 0);
    attack.assert_resumed().await;
    attack.assert_bounded();
}

#[tokio::test(flavor = "multi_thread")]
async fn filling_states_connections_and_channels_is_refused_and_messages_are_accepted() {
    let (_server, attack) = Attack::start(&[("max-channels", "0")]);
    let enough = limit() / 1000;
    attack.create_channels("log", 50, false).await;
    let refused = attack.fill("/connect", enough, 20, |number| {
        let state: serde_json::Map<_, _> = (0..100)
            .map(|key| (format!("key-{key}"), text(200).into()))
            .collect();
        let keys: Vec<_> = state.keys().cloned().collect();
        let name = format!("user-{number}");
        json!({"username": name, "user_state": state, "state_public_keys": keys})
    });
    assert!(refused.await > 0);
    let refused = attack.fill("/connect", enough, 20, |number| {
        let names = (0..100).map(|index| format!("room-{number}-{index}"));
        json!({"username": "alice", "channels": names.collect::<Vec<_>>()})
    });
    assert!(refused.await > 0);
    // There is room for messages beside the lasting state.
    attack.assert_resumed().await;
    let refused = attack.fill("/message", enough, 100, |number| {
        let channel = format!("log-{}", number % 50);
        json!([{"user": "a", "channel": channel, "message": {"x": text(20_000)}}])
    });
    assert!(refused.await > 0);
    attack.assert_resumed().await;
    attack.assert_bounded();
}

#[tokio::test(flavor = "multi_thread")]
async fn filling_the_server_with_connections_and_channels_is_refused() {
    let (_server, attack) = Attack::start(&[("max-channels", "0")]);
    let enough = limit() / 1000;
    let refused = attack.fill("/connect", enough, 20, |number| {
        let names = (0..100).map(|index| format!("room-{number}-{index}"));
        json!({"username": format!("user-{number}"), "channels": names.collect::<Vec<_>>()})
    });
    assert!(refused.await > 0);
    attack.assert_resumed().await;
    attack.assert_bounded();
}

#[tokio::test(flavor = "multi_thread")]
async fn filling_everything_at_once_is_refused_and_messages_are_soon_accepted_again() {
    let (_server, attack) = Attack::start(&[("max-channels", "0")]);
    attack.create_channels("kept", 100, true).await;
    attack.create_channels("small", 100, false).await;
    let users: Vec<_> = (0..50).map(|index| format!("user-{index}")).collect();
    for user in &users {
        attack.backend.connect(user, &[]).await;
    }
    let refusals = scaled(100, 400);
    let goal = (refusals, Arc::new(AtomicU64::new(5)));
    let large = attack.fill_together("/message", u64::MAX, goal.clone(), |number| {
        let channel = format!("kept-{}", number % 100);
        json!([{"user": "a", "channel": channel, "message": {"x": text(200_000)}}])
    });
    let small = attack.fill_together("/message", u64::MAX, goal.clone(), |number| {
        let channel = format!("small-{}", number % 100);
        let one = json!({"user": "a", "channel": channel, "message": {}});
        Value::Array(vec![one; 10_000])
    });
    let private = attack.fill_together("/message", u64::MAX, goal.clone(), |number| {
        let users: Vec<_> = (0..5000)
            .map(|index| format!("user-{}", index * (number % 3 + 1)))
            .collect();
        json!([{"user": "a", "pm_users": users, "message": {"x": text(1000)}}])
    });
    let states = attack.fill_together(
        "/connect",
        u64::MAX,
        goal.clone(),
        |number| json!({"username": format!("new-{number}"), "user_state": {"x": text(60_000)}}),
    );
    let channels = attack.fill_together("/connect", u64::MAX, goal, |number| {
        let names = (0..10_000).map(|index| format!("room-{number}-{index}"));
        json!({
            "username": "user-0",
            "channels": names.collect::<Vec<_>>(),
            "info": {"include_users": false, "include_history": false}
        })
    });
    let infos = attack.fill("/info", scaled(20, 200), u64::MAX, |_| json!({"info": {}}));
    let all = [
        large.boxed(),
        small.boxed(),
        private.boxed(),
        states.boxed(),
        channels.boxed(),
        infos.boxed(),
    ];
    let refused = join_all(all).await;
    println!("{refused:?}");
    assert!(refused.iter().take(5).all(|refused| *refused >= refusals));
    attack.assert_resumed().await;
    attack.assert_bounded();
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_do_not_read_large_answers_are_refused() {
    let (_server, attack) = Attack::start(&[]);
    attack.create_channels("kept", 1, true).await;
    // Makes a history of 6 MB.
    let refused = attack.fill(
        "/message",
        60,
        1,
        |_| json!([{"user": "a", "channel": "kept-0", "message": {"x": text(100_000)}}]),
    );
    assert_eq!(refused.await, 0);
    let body = r#"{"info": {"channels": ["kept-0"]}}"#;
    let request = format!(
        "POST /info HTTP/1.1\r\nHost: x\r\nX-Channelstream-Secret: {}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        sign("secret", "/info", now()),
        body.len()
    );
    let mut sockets = Vec::new();
    for _ in 0..limit() / MB {
        let mut socket = TcpStream::connect(&attack.address).await.unwrap();
        socket.write_all(request.as_bytes()).await.unwrap();
        sockets.push(socket);
        attack.record_resident();
    }
    let deadline = Instant::now() + Duration::from_secs(20);
    let info = serde_json::from_str(body).unwrap();
    while !attack.is_refused("/info", &info).await {
        assert!(Instant::now() < deadline, "no answer was refused");
    }
    // Requests and answers that pass leave room for messages.
    attack.assert_resumed().await;
    drop(sockets);
    while attack.is_refused("/info", &info).await {
        assert!(Instant::now() < deadline, "answers are refused for ever");
        sleep(Duration::from_millis(20)).await;
    }
    attack.assert_bounded();
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_do_not_end_large_bodies_are_refused() {
    let (_server, attack) = Attack::start(&[("body-limit", "10000000"), ("body-rate", "0")]);
    let request = format!(
        "POST /message HTTP/1.1\r\nHost: x\r\nX-Channelstream-Secret: {}\r\n\
         Content-Type: application/json\r\nContent-Length: 9000000\r\n\r\n[",
        sign("secret", "/message", now()),
    );
    let mut sockets = Vec::new();
    for _ in 0..limit() / MB {
        let mut socket = TcpStream::connect(&attack.address).await.unwrap();
        socket.write_all(request.as_bytes()).await.unwrap();
        // The server does not read the rest of a refused body.
        let part = vec![b' '; 2 << 20];
        tokio::time::timeout(Duration::from_secs(1), socket.write_all(&part))
            .await
            .ok();
        sockets.push(socket);
        attack.record_resident();
    }
    attack.assert_resumed().await;
    let metrics = attack.backend.request(Method::GET, "/metrics").send().await;
    let metrics = metrics.unwrap().text().await.unwrap();
    let refusals = metrics.lines().find_map(|line| {
        line.strip_prefix("channelstream_limit_refusals_total{limit=\"memory_limit\"} ")
    });
    assert!(refusals.is_some_and(|count| count != "0"), "{metrics}");
    attack.assert_bounded();
}
