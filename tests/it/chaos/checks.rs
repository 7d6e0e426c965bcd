//! Checks of what the server holds when the faults are over, and when everybody has left.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use tokio::net::TcpStream;

use super::faulty_server::FaultyServer;
use super::world::Plan;
use crate::metrics::reading::Metrics;
use crate::support::agreement::wait_for_agreement;
use crate::support::client::Backend;
use crate::support::eventually;
use crate::support::server::Server;

/// The longest time that unused state may stay: `gc_conns_after` and the sweeps, and some more for
/// a busy machine.
const TIMEOUT: Duration = Duration::from_secs(30);

/// The number of additional descriptors that may be open, for the requests that check the server.
const EXTRA_DESCRIPTORS: u64 = 5;

/// The number of additional kilobytes that the server may keep when all clients have left: the
/// reserve of its allocator, and the answers to calls with an `Idempotency-Key`.
const EXTRA_MEMORY: u64 = 24 << 10;

/// The additional kilobytes for each client. Memory that was allocated for all clients at once
/// stays with the process, for later clients.
const EXTRA_MEMORY_PER_CLIENT: u64 = 64;

/// The resources that the server uses.
#[derive(Debug)]
pub(super) struct Resources {
    /// The resident memory in kilobytes.
    memory: u64,
    descriptors: u64,
}

impl Resources {
    /// Returns the resources that the server uses after it has answered something.
    pub(super) async fn of(server: &Server, backend: &Backend) -> Self {
        Metrics::read(backend).await;
        Self {
            memory: server.memory(),
            descriptors: server.descriptors(),
        }
    }
}

/// Waits until rosters and actors are exactly those of the clients.
pub(super) async fn wait_for_all_clients(backend: &Backend, plan: &Plan) {
    let members = (0..plan.clients).map(|client| {
        let channels = plan.channels_of(client).into_iter();
        (Plan::user(client), channels.collect::<BTreeSet<_>>())
    });
    let members: Vec<_> = members.collect();
    wait_for_agreement(backend, members.iter().map(|(user, rooms)| (user, rooms))).await;
    let users = plan.clients.div_ceil(2) as f64;
    let of_kind = |kind: usize| (plan.clients + 2 - kind) / 3;
    wait_for(
        backend,
        &[
            (
                r#"channelstream_actors{kind="channel"}"#,
                plan.channels as f64,
            ),
            (r#"channelstream_actors{kind="user"}"#, users),
            (
                r#"channelstream_actors{kind="connection"}"#,
                plan.clients as f64,
            ),
            ("channelstream_users_online", users),
            (
                r#"channelstream_transports{transport="websocket"}"#,
                of_kind(0) as f64,
            ),
            (
                r#"channelstream_transports{transport="sse"}"#,
                of_kind(1) as f64,
            ),
        ],
    )
    .await;
    let now = Metrics::read(backend).await;
    assert!(now.get("channelstream_takeovers_total") > 0.0);
}

/// Waits until nothing of the former clients is left, in memory and in the file. `abandoned` are
/// the sockets of clients that have vanished.
pub(super) async fn wait_until_empty(
    faulty_server: FaultyServer,
    backend: &Backend,
    abandoned: Vec<TcpStream>,
    (before, plan): (&Resources, &Plan),
) -> FaultyServer {
    const EMPTY: [(&str, f64); 10] = [
        (r#"channelstream_actors{kind="channel"}"#, 0.0),
        (r#"channelstream_actors{kind="user"}"#, 0.0),
        (r#"channelstream_actors{kind="connection"}"#, 0.0),
        (r#"channelstream_transports{transport="websocket"}"#, 0.0),
        (r#"channelstream_transports{transport="sse"}"#, 0.0),
        (r#"channelstream_transports{transport="long_poll"}"#, 0.0),
        ("channelstream_users_online", 0.0),
        ("channelstream_log_bytes", 0.0),
        ("channelstream_history_bytes", 0.0),
        ("channelstream_pending_calls", 0.0),
    ];
    wait_for(backend, &EMPTY).await;
    // A socket that stays open after the answer of a poll may be used again for 75 seconds.
    drop(abandoned);
    eventually("all sockets are closed", async || {
        faulty_server.server.descriptors() <= before.descriptors + EXTRA_DESCRIPTORS
    })
    .await;
    let after = Resources::of(&faulty_server.server, backend).await;
    println!("before: {before:?}, when all have left: {after:?}");
    assert!(
        after.memory
            <= before.memory + EXTRA_MEMORY + EXTRA_MEMORY_PER_CLIENT * plan.clients as u64,
        "before: {before:?}, when all have left: {after:?}"
    );
    let faulty_server = faulty_server.restart_from_file().await;
    wait_for(backend, &EMPTY).await;
    faulty_server
}

/// Waits until the server reports these numbers.
async fn wait_for(backend: &Backend, expected: &[(&str, f64)]) {
    let start = Instant::now();
    loop {
        let now = Metrics::read(backend).await;
        let is_wrong = |(name, value): &&(&str, f64)| now.find(name) != Some(*value);
        let wrong: Vec<_> = expected.iter().filter(is_wrong).collect();
        if wrong.is_empty() {
            return;
        }
        let found: Vec<_> = wrong.iter().map(|(name, _)| now.find(name)).collect();
        assert!(
            start.elapsed() < TIMEOUT,
            "the server reports {found:?} instead of {wrong:?}"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
