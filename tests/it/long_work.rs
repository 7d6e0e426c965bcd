//! Calls that name very many users, keys or channels take no longer than it takes to read the
//! names, and delay nobody.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::client::Backend;
use crate::support::scale::scaled;
use crate::support::server::Server;
use crate::support::watch::Health;
use crate::support::websocket::WebSocket;

/// The number of times that each call is made. The best result counts, since others run on the same
/// machine.
const RUNS: usize = 10;

/// The time beyond which a call is not repeated.
const REPEAT_LIMIT: Duration = Duration::from_secs(4);

/// The longest time that `/health` may take meanwhile, on the same thread, in the best run.
const HEALTH_LIMIT: Duration = Duration::from_millis(50);

/// The factor by which the cost may grow when the number of names doubles.
const GROWTH: f64 = 2.3;

/// The tolerance of a measurement.
const NOISE: Duration = Duration::from_millis(10);

/// Starts a server with one thread, so that whatever blocks it also blocks `/health`.
fn start() -> (Server, Backend) {
    let server = Server::start(&[
        ("workers", "1"),
        ("body-limit", "100000000"),
        ("channels-per-call", "0"),
        ("channels-per-connection", "0"),
        ("recipients-per-message", "0"),
        ("public-keys", "0"),
        ("state-keys", "0"),
        ("state-bytes", "0"),
    ]);
    let backend = Backend::of(&server);
    (server, backend)
}

fn names(count: usize) -> Vec<String> {
    (0..count).map(|index| format!("name-{index}")).collect()
}

/// A call, and the call that undoes it if it could not be repeated otherwise.
struct Call {
    path: &'static str,
    body: Value,
    undo: Option<(&'static str, Value)>,
}

/// The best result of several calls.
#[derive(Clone, Copy)]
struct Best {
    time: Duration,
    cpu: Duration,
    health: Duration,
}

impl Best {
    const NONE: Self = Self {
        time: Duration::MAX,
        cpu: Duration::MAX,
        health: Duration::MAX,
    };
}

impl Call {
    async fn once(&self, backend: &Backend) -> Duration {
        let request = backend
            .request(Method::POST, self.path)
            .body(serde_json::to_vec(&self.body).unwrap());
        let start = Instant::now();
        let response = request.send().await.unwrap();
        let (status, answer) = (response.status(), response.bytes().await.unwrap());
        let time = start.elapsed();
        assert_eq!(
            status,
            200,
            "{}: {}",
            self.path,
            String::from_utf8_lossy(&answer[..answer.len().min(1000)])
        );
        time
    }

    async fn undo(&self, backend: &Backend) {
        if let Some((path, body)) = &self.undo {
            backend.post(path, body.clone()).await;
        }
    }

    /// Makes the call, and records its results if they are the best so far. The processor time is
    /// the mean of `repeats` further calls.
    async fn improve(&self, best: &mut Best, repeats: u32, server: &Server, backend: &Backend) {
        let health = Health::watch(server).await;
        best.time = best.time.min(self.once(backend).await);
        best.health = best.health.min(health.slowest().await);
        self.undo(backend).await;
        if best.time > REPEAT_LIMIT {
            best.cpu = best.time;
            return;
        }
        // The processor time of the calls, without the requests for `/health`.
        let mut cpu = Duration::ZERO;
        for _ in 0..repeats {
            let before = server.cpu();
            self.once(backend).await;
            cpu += server.cpu().saturating_sub(before);
            self.undo(backend).await;
        }
        best.cpu = best.cpu.min(cpu / repeats);
    }
}

/// Returns the best results of two calls, of which the second has twice as much to do. They are
/// made in turn, so that other load on the machine slows both down. The first is measured twice in
/// a row: over a shorter time it would more often find the machine at rest than the second.
async fn best_of(calls: [(&Call, &Server, &Backend); 2]) -> [Best; 2] {
    let mut best = [Best::NONE; 2];
    for _ in 0..RUNS {
        for (((call, server, backend), best), repeats) in calls.iter().zip(&mut best).zip([2, 1]) {
            call.improve(best, repeats, server, backend).await;
        }
        if best.iter().any(|best| best.time > REPEAT_LIMIT) {
            break;
        }
    }
    best
}

/// Compares a call with this many names and one with twice as many.
async fn check(
    server: &Server,
    backend: &Backend,
    limit: Duration,
    count: usize,
    call: impl Fn(Vec<String>) -> Call,
) {
    let (call, larger) = (call(names(count)), call(names(2 * count)));
    let path = call.path;
    let [once, twice] = best_of([(&call, server, backend), (&larger, server, backend)]).await;
    println!(
        "{path} with {count} names: {:?}, {:?} of the processor, /health at most {:?}",
        once.time, once.cpu, once.health
    );
    println!(
        "{path} with {} names: {:?}, {:?} of the processor",
        2 * count,
        twice.time,
        twice.cpu
    );
    assert!(once.time < limit, "{path} took {:?}", once.time);
    assert!(once.health < HEALTH_LIMIT, "/health took {:?}", once.health);
    assert_grows_with(once.cpu, twice.cpu);
}

fn assert_grows_with(once: Duration, twice: Duration) {
    let growth = twice.as_secs_f64() / once.as_secs_f64();
    println!("twice the names cost {growth:.2} as much");
    assert!(twice < once.mul_f64(GROWTH) + NOISE, "{growth:.2}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_for_100_000_users_is_sent_as_fast_as_their_names_are_read() {
    let (server, backend) = start();
    let conn_id = backend.connect("name-77", &[]).await;
    let mut listener = WebSocket::open(&server.address, &conn_id).await.unwrap();
    let limit = scaled(Duration::from_secs(1), Duration::from_millis(300));
    check(&server, &backend, limit, 100_000, |names| {
        let body = json!([{"user": "b", "pm_users": names, "message": {"n": 1}}]);
        Call {
            path: "/message",
            body,
            undo: None,
        }
    })
    .await;
    assert_eq!(listener.event().await["message"]["n"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_excludes_100_000_users_is_sent_as_fast_as_their_names_are_read() {
    let (server, backend) = start();
    let conn_id = backend.connect("alice", &["room"]).await;
    for name in names(200) {
        backend.connect(&name, &["room"]).await;
    }
    let mut listener = WebSocket::open(&server.address, &conn_id).await.unwrap();
    let limit = scaled(Duration::from_secs(1), Duration::from_millis(300));
    check(&server, &backend, limit, 100_000, |names| {
        let body =
            json!([{"user": "b", "channel": "room", "exclude_users": names, "message": {"n": 1}}]);
        Call {
            path: "/message",
            body,
            undo: None,
        }
    })
    .await;
    assert_eq!(listener.event().await["message"]["n"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn info_that_excludes_100_000_channels_is_sent_as_fast_as_their_names_are_read() {
    let (server, backend) = start();
    let configs = names(2000)
        .into_iter()
        .map(|name| (format!("of-{name}"), json!({})));
    backend
        .post("/channel_config", Value::Object(configs.collect()))
        .await;
    let limit = scaled(Duration::from_secs(1), Duration::from_millis(300));
    check(&server, &backend, limit, 100_000, |names| {
        let body = json!({"info": {"exclude_channels": names, "include_history": false}});
        Call {
            path: "/info",
            body,
            undo: None,
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_enters_20_000_channels_as_fast_as_it_enters_them_one_by_one() {
    let (server, backend) = start();
    let limit = scaled(Duration::from_secs(2), Duration::from_secs(1));
    let conn_id = uuid::Uuid::new_v4().to_string();
    check(&server, &backend, limit, 20_000, |names| {
        let body = json!({"username": "alice", "conn_id": conn_id, "channels": names});
        Call {
            path: "/connect",
            body,
            undo: Some(("/disconnect", json!({"conn_id": conn_id}))),
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_with_45_000_public_keys_is_called_as_fast_as_they_are_written() {
    let counts = [45_000, 90_000];
    let servers = [start(), start()];
    for ((_, backend), count) in servers.iter().zip(counts) {
        let state: Value = names(count)
            .into_iter()
            .map(|name| (name, json!(1)))
            .collect::<serde_json::Map<_, _>>()
            .into();
        let connect = json!({
            "username": "alice",
            "channels": ["room"],
            "user_state": state,
            "state_public_keys": names(count),
        });
        let start = Instant::now();
        backend.post("/connect", connect).await;
        println!("/connect with {count} public keys: {:?}", start.elapsed());
    }
    // A later call changes one of the keys. The answer names all of them.
    let later = Call {
        path: "/user_state",
        body: json!({"user": "alice", "user_state": {"name-0": 2}}),
        undo: None,
    };
    let best = best_of(
        servers
            .each_ref()
            .map(|(server, backend)| (&later, server, backend)),
    )
    .await;
    for (best, count) in best.iter().zip(counts) {
        println!(
            "/user_state of a user with {count} public keys: {:?}, {:?} of the processor",
            best.time, best.cpu
        );
        assert!(
            best.time < scaled(Duration::from_millis(150), Duration::from_millis(50)),
            "{:?}",
            best.time
        );
        assert!(best.health < HEALTH_LIMIT, "/health took {:?}", best.health);
    }
    assert_grows_with(best[0].cpu, best[1].cpu);
}
