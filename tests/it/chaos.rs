//! Everything that can go wrong happens at once. Clients are killed, stalled, half-open and
//! doubled, guests vanish, and bad signatures flood in. The server, which keeps its state in a
//! file, is reloaded, stopped and killed. Afterwards nothing is lost, and nothing is left.
//!
//! `FAULTS_SEED=n` repeats the actions of clients, guests and publishers. Their timing depends on
//! the machine.

mod checks;
mod client;
mod faulty_server;
mod http;
mod listener;
mod publisher;
mod record;
mod strangers;
mod world;

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use self::checks::Resources;
use self::client::Client;
use self::faulty_server::{FaultyServer, Kill};
use self::listener::{Kind, Place};
use self::record::{Accepted, ClientRecord};
use self::world::{Plan, World};
use crate::support::client::Backend;
use crate::support::random::Random;
use crate::support::scale::scaled;

/// Returns the age at which an answered message must be kept with `store_sync = "interval"` when
/// the server is killed. With 2,000 clients on a small machine, the thread that writes waits for
/// its turn.
fn flushed() -> Duration {
    Duration::from_millis(scaled(100, 300))
}

/// The longest time that the last messages may take to reach every client.
const TIMEOUT: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn accepted_messages_survive_all_faults_if_the_store_always_syncs() {
    let run = run("always").await;
    for (client, seen) in run.seen.iter().enumerate() {
        assert!(
            seen.missing.is_empty(),
            "client {client}: {:?} were accepted and are gone",
            seen.missing
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn only_messages_accepted_just_before_a_kill_are_lost_and_reported_as_gaps() {
    let run = run("interval").await;
    for (client, seen) in run.seen.iter().enumerate() {
        for missing in &seen.missing {
            let (answered, _) = run.accepted.answered(&missing.message);
            // An answer may be read just after the kill of the server that sent it.
            let kills = run.kills.iter();
            let kill = kills.min_by_key(|kill| kill.distance(answered)).unwrap();
            let away = kill.distance(answered);
            assert!(
                away <= flushed(),
                "client {client}: {missing:?} was answered {away:?} from a kill"
            );
            assert!(
                seen.got_gap(missing, kill.sent),
                "client {client} got no gap for {missing:?}, only at {:?}; killed at {kill:?}",
                seen.gaps_of(missing)
            );
        }
    }
}

/// The record of a run: what was done, and what the clients saw.
struct Run {
    accepted: Accepted,
    seen: Vec<ClientRecord>,
    kills: Vec<Kill>,
}

/// Lets all faults happen, and checks everything that does not depend on how the store syncs.
async fn run(sync: &str) -> Run {
    let plan = Plan::new();
    println!("{sync}: FAULTS_SEED={} {plan:?}", plan.seed);
    let world = Arc::new(World::new(plan.clone()));
    let mut faulty_server = FaultyServer::start(sync);
    let address = faulty_server.server.address.clone();
    let backend = Backend::at(&address);
    let before = Resources::of(&faulty_server.server, &backend).await;
    let clients = connect_clients(&world, &backend, &address).await;
    let clients: Vec<_> = clients
        .into_iter()
        .map(|client| tokio::spawn(client.run()))
        .collect();
    let every = Duration::from_millis(scaled(60, 500));
    let publishers: Vec<_> = (0..plan.publishers)
        .map(|it| publisher::publish(world.clone(), backend.clone(), it, every))
        .map(tokio::spawn)
        .collect();
    let forgers: Vec<_> = (0..plan.forgers as u64)
        .map(|forger| strangers::forge(world.clone(), backend.clone(), forger))
        .map(tokio::spawn)
        .collect();
    faulty_server = faulty_server.run_until_last_stop(plan.rounds).await;
    let guests: Vec<_> = (0..plan.guests)
        .map(|guest| strangers::visit(world.clone(), backend.clone(), address.clone(), guest))
        .map(tokio::spawn)
        .collect();
    faulty_server = faulty_server.run_to_end().await;
    world.end_faults();
    let mut accepted = Accepted::default();
    for publisher in publishers {
        accepted.add(publisher.await.unwrap());
    }
    join_all(forgers).await;
    let mut abandoned: Vec<TcpStream> = join_all(guests).await.into_iter().flatten().collect();
    for place in plan.places() {
        publisher::end(&backend, &place).await;
    }
    let start = Instant::now();
    while world.done.load(Relaxed) < plan.clients && start.elapsed() < TIMEOUT {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let is_done = world.done.load(Relaxed) == plan.clients;
    // Clients that have found an error are reported below. They may have no connection any more.
    if is_done && world.failed.load(Relaxed) == 0 {
        checks::wait_for_all_clients(&backend, &plan).await;
    }
    world.stop_clients();
    let mut seen = Vec::new();
    for (client, sockets) in join_all(clients).await {
        seen.push(client);
        abandoned.extend(sockets);
    }
    report(&world, &accepted, &mut seen, &faulty_server);
    // Connections that the calls of this test kept open are closed with the backend.
    drop(backend);
    let backend = Backend::at(&address);
    let faulty_server =
        checks::wait_until_empty(faulty_server, &backend, abandoned, (&before, &plan)).await;
    check_faults(&world, &faulty_server);
    Run {
        accepted,
        seen,
        kills: faulty_server.kills,
    }
}

async fn join_all<T>(tasks: Vec<JoinHandle<T>>) -> Vec<T> {
    let mut ends = Vec::new();
    for task in tasks {
        ends.push(task.await.unwrap());
    }
    ends
}

/// Connects the clients.
async fn connect_clients(world: &Arc<World>, backend: &Backend, address: &str) -> Vec<Client> {
    let plan = &world.plan;
    let mut clients = Vec::new();
    for index in 0..plan.clients {
        let (user, channels) = (Plan::user(index), plan.channels_of(index));
        let names: Vec<_> = channels.iter().map(String::as_str).collect();
        let place = Place {
            address: address.to_owned(),
            conn_id: backend.connect(&user, &names).await,
            kind: [Kind::Websocket, Kind::EventStream, Kind::LongPoll][index % 3],
            position: String::new(),
            is_narrow: index % 4 == 0,
        };
        clients.push(Client {
            world: world.clone(),
            backend: backend.clone(),
            place,
            seen: ClientRecord::new(&user, &channels),
            random: Random::new(plan.seed ^ index as u64),
            abandoned: Vec::new(),
        });
    }
    clients
}

/// Prints the results, and checks what each client has read.
fn report(
    world: &World,
    accepted: &Accepted,
    seen: &mut [ClientRecord],
    faulty_server: &FaultyServer,
) {
    seen.iter_mut().for_each(|seen| seen.close(accepted));
    let sum = |count: fn(&ClientRecord) -> usize| seen.iter().map(count).sum::<usize>();
    println!(
        "accepted {}, repeats {}, gaps {}, missing {}, too slow {}, delivered and lost {}",
        accepted.count(),
        sum(|seen| seen.repeats),
        sum(ClientRecord::gaps),
        sum(|seen| seen.missing.len()),
        world.tally.too_slow.load(Relaxed),
        sum(|seen| seen.unmarked.len()),
    );
    println!(
        "{:?}, forgeries {}, guests {}, {faulty_server:?}",
        world.tally.faults(),
        world.tally.forgeries.load(Relaxed),
        world.tally.vanished.load(Relaxed),
    );
    let faults: Vec<_> = seen
        .iter()
        .enumerate()
        .filter(|(_, seen)| !seen.faults.is_empty())
        .map(|(client, seen)| format!("client {client}: {:#?}", seen.faults))
        .collect();
    assert!(
        faults.is_empty(),
        "{} clients: {}",
        faults.len(),
        faults[..faults.len().min(5)].join("\n")
    );
    for (client, seen) in seen.iter().enumerate() {
        for message in &seen.unmarked {
            // This message was delivered, then lost with the server before its caller was answered,
            // and then published again.
            let (_, was_repeated) = accepted.answered(message);
            assert!(
                was_repeated,
                "client {client} got {message:?} twice without a mark"
            );
        }
    }
}

/// Checks that every fault has really happened.
fn check_faults(world: &World, faulty_server: &FaultyServer) {
    let least = world.plan.clients / 15;
    for (fault, count) in world.tally.faults() {
        assert!(count >= least, "{fault} happened {count} times only");
    }
    let rounds = world.plan.rounds;
    assert_eq!(faulty_server.kills.len(), rounds);
    assert_eq!(
        (faulty_server.stops, faulty_server.reloads),
        (rounds, 2 * rounds)
    );
    let (forgeries, guests) = (&world.tally.forgeries, &world.tally.vanished);
    assert!(forgeries.load(Relaxed) >= 100);
    assert!(guests.load(Relaxed) >= world.plan.guests);
}
