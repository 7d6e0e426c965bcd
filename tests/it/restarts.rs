//! Restarts that nobody notices. 250 clients on three transports listen, and 20 publishers send
//! 20,000 messages, while the server, which keeps its state in a file, is stopped and started five
//! times, or killed and started.

mod clients;
mod record;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::task::spawn_blocking;

use self::clients::{Client, Transport};
use self::record::{ClientRecord, Publisher};
use crate::support::client::Backend;
use crate::support::folder::Folder;
use crate::support::scale::scaled;
use crate::support::server::Server;

const CHANNELS: usize = 10;
const RESTARTS: usize = 5;

/// The age at which an answered message must be kept when the server is killed.
const FLUSHED: Duration = Duration::from_millis(100);

/// The ways in which the server ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Stop {
    /// An orderly stop by SIGTERM.
    InOrder,
    /// An immediate end by SIGKILL.
    Killed,
}

/// The record of a run: what was done, and what each client and publisher saw.
struct Run {
    seen: Vec<ClientRecord>,
    publishers: Vec<Publisher>,
    /// The period of each stop, from the signal until the server had ended.
    stops: Vec<(Instant, Instant)>,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn messages_are_complete_and_in_order_after_restarts_and_nobody_has_parted() {
    let run = run(Stop::InOrder).await;
    for (client, seen) in run.seen.iter().enumerate() {
        assert_eq!(seen.faults, Vec::<String>::new(), "client {client}");
        assert_eq!(
            (
                seen.gaps,
                seen.repeats,
                seen.unmarked.len(),
                seen.presence.as_slice()
            ),
            (0, 0, 0, [].as_slice()),
            "client {client}"
        );
        for publisher in &run.publishers {
            let missing = seen.missing_of(publisher);
            assert_eq!(missing, Vec::<usize>::new(), "client {client}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn messages_answered_a_moment_before_a_kill_are_kept_and_gaps_report_the_others() {
    let run = run(Stop::Killed).await;
    let was_at_risk = |answered: Instant| {
        let mut stops = run.stops.iter();
        stops.any(|(told, ended)| answered + FLUSHED >= *told && answered <= *ended)
    };
    let (mut missing, mut repeats) = (0, 0);
    for (client, seen) in run.seen.iter().enumerate() {
        assert_eq!(seen.faults, Vec::<String>::new(), "client {client}");
        assert_eq!(seen.presence, Vec::<String>::new(), "client {client}");
        assert!(
            (1..=RESTARTS).contains(&seen.gaps),
            "client {client}: {} gaps",
            seen.gaps
        );
        for publisher in &run.publishers {
            for number in seen.missing_of(publisher) {
                missing += 1;
                let answered = publisher.answered_at(seen.channel, number);
                assert!(
                    was_at_risk(answered),
                    "client {client} misses {number} of publisher {}, \
                     which was answered {:?} before a kill",
                    publisher.index,
                    run.stops
                        .iter()
                        .map(|(told, _)| told.checked_duration_since(answered))
                        .collect::<Vec<_>>()
                );
            }
        }
        for (publisher, number) in &seen.unmarked {
            let publisher = &run.publishers[*publisher];
            assert!(
                publisher.was_repeated(seen.channel, *number),
                "client {client}: {number} again"
            );
        }
        repeats += seen.repeats;
    }
    println!("missing, and reported by a gap: {missing}; repeated with a mark: {repeats}");
}

async fn run(stop: Stop) -> Run {
    let clients = scaled(100, 250);
    let (publishers, messages) = (scaled(10, 20), 1000);
    let folder = Folder::new();
    let path = folder.path("store.sqlite");
    let flags = [
        ("store", "file"),
        ("store-path", path.as_str()),
        ("close-grace", "3"),
    ];
    let mut server = Server::start(&flags);
    let backend = Backend::of(&server);
    let is_over = Arc::new(AtomicBool::new(false));
    let mut listening = Vec::new();
    for index in 0..clients {
        let channel = index % CHANNELS;
        let name = format!("channel-{channel}");
        let conn_id = backend.connect(&format!("user-{index}"), &[&name]).await;
        let transport = match index % 5 {
            0 => Transport::EventStream,
            1 | 2 => Transport::LongPoll,
            _ => Transport::Websocket,
        };
        listening.push((conn_id, channel, transport));
    }
    // From now on, joins and parts cause events.
    for channel in 0..CHANNELS {
        let config = json!({"notify_presence": true, "notify_state": true});
        let name = format!("channel-{channel}");
        backend.post("/channel_config", json!({name: config})).await;
    }
    let clients: Vec<_> = listening
        .into_iter()
        .map(|(conn_id, channel, transport)| {
            let client = Client::new(server.address.clone(), conn_id, channel, transport);
            tokio::spawn(client.listen(is_over.clone()))
        })
        .collect();
    let publishing: Vec<_> = (0..publishers)
        .map(|index| tokio::spawn(Publisher::new(index).publish(backend.clone(), messages)))
        .collect();
    let is_published = || publishing.iter().all(tokio::task::JoinHandle::is_finished);
    let mut stops = Vec::new();
    for _ in 0..RESTARTS {
        tokio::time::sleep(Duration::from_millis(700)).await;
        assert!(
            !is_published(),
            "all messages were published before the last restart"
        );
        let told = Instant::now();
        server = spawn_blocking(move || {
            match stop {
                Stop::InOrder => assert!(server.terminate().success()),
                Stop::Killed => server.kill(),
            }
            server
        })
        .await
        .unwrap();
        stops.push((told, Instant::now()));
        server = spawn_blocking(move || server.start_again()).await.unwrap();
    }
    let mut published = Vec::new();
    for publisher in publishing {
        published.push(publisher.await.unwrap());
    }
    // A last message ends the wait of each client.
    for channel in 0..CHANNELS {
        backend
            .say(&format!("channel-{channel}"), json!({"end": true}))
            .await;
    }
    let mut seen = Vec::new();
    for (index, client) in clients.into_iter().enumerate() {
        let client = tokio::time::timeout(Duration::from_secs(60), client);
        seen.push(
            client
                .await
                .unwrap_or_else(|_| panic!("client {index} did not receive all messages"))
                .unwrap(),
        );
    }
    is_over.store(true, Relaxed);
    Run {
        seen,
        publishers: published,
        stops,
    }
}
