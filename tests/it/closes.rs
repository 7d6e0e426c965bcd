//! A client 50 ms away closes its transport itself, and comes back with the same `conn_id` while
//! others publish. Nothing is lost, and repeats are marked.

mod page;

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use self::page::{EventsPage, Page, Place, PollPage, WebSocketPage};
use crate::support::client::Backend;
use crate::support::numbered::{ClientRecord, Publishers};
use crate::support::scale::scaled;
use crate::support::server::Server;
use crate::support::slow_proxy::SlowProxy;

/// The delay from the client to the server, and the delay back.
const DELAY: Duration = Duration::from_millis(50);

/// The longest time until messages on their way have arrived.
const TIMEOUT: Duration = Duration::from_secs(20);

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_closes_its_websocket_and_returns_loses_nothing() {
    close_repeatedly::<WebSocketPage>().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_drops_its_event_stream_and_returns_loses_nothing() {
    close_repeatedly::<EventsPage>().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_drops_its_polls_and_returns_loses_nothing() {
    close_repeatedly::<PollPage>().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_was_quiet_before_it_closed_its_websocket_gets_nothing_twice() {
    close_when_quiet::<WebSocketPage>().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_was_quiet_before_it_dropped_its_event_stream_gets_nothing_twice() {
    close_when_quiet::<EventsPage>().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_was_quiet_before_it_dropped_its_poll_gets_nothing_twice() {
    close_when_quiet::<PollPage>().await;
}

/// Starts a server, and returns it with a backend beside it and the place of a distant client who
/// listens to `room`.
async fn start_with_distant_client() -> (Server, Backend, Place) {
    // Messages are already published when a first poll arrives. The poll gets at most this many of
    // them.
    let server = Server::start(&[("channel-frames", "10000")]);
    let backend = Backend::of(&server);
    let proxy = SlowProxy::to(&server.address, DELAY).await;
    let conn_id = backend.connect("alice", &["room"]).await;
    (
        server,
        backend,
        Place {
            address: proxy.address,
            conn_id,
        },
    )
}

/// Closes ten times while 2,000 messages a second are published. In the long form this runs ten
/// times.
async fn close_repeatedly<P: Page>() {
    for _ in 0..scaled(1, 10) {
        close_ten_times::<P>().await;
    }
}

async fn close_ten_times<P: Page>() {
    let (closes, between) = (10, 400);
    let (_server, backend, place) = start_with_distant_client().await;
    let mut page = P::open(&place).await;
    let publishers = Publishers::start(&backend, "room", 4, 2000);
    let mut record = ClientRecord::default();
    for close in 0..closes {
        let enough = record.read + between;
        while record.read < enough {
            record.note_all(&read_in_time(&mut page).await);
        }
        page = tokio::time::timeout(TIMEOUT, page.come_back(&place, close))
            .await
            .expect("the page cannot come back");
    }
    let sent = publishers.stop().await;
    while !record.is_complete() {
        record.note_all(&read_in_time(&mut page).await);
    }
    let (name, lost) = (P::NAME, record.lost(sent));
    let ClientRecord {
        repeated,
        doubled,
        disordered,
        gaps,
        ..
    } = record;
    println!(
        "{name}, {closes} closes: {lost} of {sent} lost, {gaps} gaps, \
         {repeated} repeated, {doubled} doubled, {disordered} late"
    );
    assert_eq!(
        (lost, gaps, doubled, disordered),
        (0, 0, 0, 0),
        "lost, gaps, doubled without a mark, out of order"
    );
}

async fn read_in_time(page: &mut impl Page) -> Vec<Value> {
    tokio::time::timeout(TIMEOUT, page.read())
        .await
        .expect("nothing more comes")
}

/// Closes after 300 ms in which nothing was sent.
async fn close_when_quiet<P: Page>() {
    let rounds = scaled(6, 60);
    let (_server, backend, place) = start_with_distant_client().await;
    let mut page = P::open(&place).await;
    let (mut number, mut round, mut twice) = (0, 0, 0);
    while round < rounds {
        number += 1;
        backend.say("room", json!({"n": number})).await;
        twice += read_up_to(&mut page, number).await;
        let was_steady = listen_quietly(&mut page, round).await;
        page = page.come_back(&place, 0).await;
        number += 1;
        backend.say("room", json!({"n": number})).await;
        let again = read_up_to(&mut page, number).await;
        // If the machine stood still meanwhile, the server may have had no time to ask what was
        // read.
        if was_steady {
            round += 1;
            twice += again;
        }
    }
    println!(
        "{}, {rounds} closes after 300 ms without a message: {twice} messages came twice",
        P::NAME
    );
    assert_eq!(twice, 0);
}

/// Reads until this number has arrived. Returns the number of other messages that came with it.
async fn read_up_to(page: &mut impl Page, last: u64) -> usize {
    let mut numbers = Vec::new();
    while numbers.last() != Some(&last) {
        numbers.extend(
            read_in_time(page)
                .await
                .iter()
                .filter_map(|event| event["message"]["n"].as_u64()),
        );
    }
    numbers.len() - 1
}

/// Listens for 300 ms without messages. Returns whether this machine kept its timers meanwhile.
async fn listen_quietly(page: &mut impl Page, way: usize) -> bool {
    let watch = async {
        let mut longest = Duration::ZERO;
        for _ in 0..30 {
            let start = Instant::now();
            tokio::time::sleep(Duration::from_millis(10)).await;
            longest = longest.max(start.elapsed());
        }
        longest
    };
    let (events, longest) = tokio::join!(page.listen_for(Duration::from_millis(300), way), watch);
    assert_eq!(events, Vec::<Value>::new());
    longest < Duration::from_millis(40)
}
