//! Tests of pages without the browser client: a `WebSocket` that the page opens again when it was
//! closed, and an `EventSource`.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::AsyncReadExt;

use super::{Stop, start, start_again, stop};
use crate::support::application::Application;
use crate::support::browser::{Browser, Window};
use crate::support::client::Backend;
use crate::support::eventually;
use crate::support::folder::Folder;
use crate::support::raw_socket::silent_websocket;

/// The number of published messages: a third before, some during and the rest after the restart.
const MESSAGES: usize = 300;

/// The common part of both pages: they collect the events, and show the messages.
const PAGE: &str = "<!doctype html><html lang=en><meta charset=utf-8><link rel=icon href=data:,>
    <style>
        body { font: 0.8rem/1.25 sans-serif; margin: 1rem }
        ol { columns: 10; padding-left: 2.5rem }
    </style>
    <title>TITLE</title><h1>TITLE</h1><ol id=log></ol>
    <script>
        const events = [];
        const codes = [];
        function take({ data }) {
            for (const event of JSON.parse(data)) {
                events.push(event);
                const item = document.createElement('li');
                item.textContent = event.message?.number ?? event.type;
                log.append(item);
            }
        }
        SCRIPT
    </script>";

fn page(title: &str, script: &str) -> String {
    PAGE.replace("TITLE", title).replace("SCRIPT", script)
}

fn websocket_page(address: &str, conn_id: &str) -> String {
    let script = format!(
        "function listen() {{
             const socket = new WebSocket('ws://{address}/ws?conn_id={conn_id}');
             socket.onmessage = take;
             socket.onclose = ({{ code }}) => {{
                 codes.push(code);
                 setTimeout(listen, 100);
             }};
         }}
         listen();"
    );
    page("A plain WebSocket", &script)
}

fn event_source_page(address: &str, conn_id: &str) -> String {
    let script = format!(
        "const source = new EventSource('http://{address}/sse?conn_id={conn_id}');
         source.onmessage = take;"
    );
    page("A plain EventSource", &script)
}

/// The progress of the publisher.
#[derive(Default)]
struct Progress {
    answered: AtomicUsize,
    /// The number of failed attempts.
    failed: AtomicUsize,
}

/// Publishes messages one after the other, and repeats each until it is answered. Returns the
/// numbers of the repeated messages.
async fn publish(backend: Backend, progress: Arc<Progress>) -> HashSet<usize> {
    let mut repeated = HashSet::new();
    for number in 0..MESSAGES {
        while !is_answered(&backend, number).await {
            repeated.insert(number);
            progress.failed.fetch_add(1, Relaxed);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        progress.answered.fetch_add(1, Relaxed);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    repeated
}

async fn is_answered(backend: &Backend, number: usize) -> bool {
    let message = json!({"number": number});
    let call = backend
        .request(Method::POST, "/message")
        .header("Idempotency-Key", format!("message-{number}"))
        .json(&json!([{"user": "backend", "channel": "news", "message": message}]));
    match call.send().await {
        Ok(answer) if answer.status() == 200 => true,
        Ok(answer) => {
            assert_eq!(answer.status(), 503);
            false
        }
        // The server is not running.
        Err(_) => false,
    }
}

/// The events that a page has received.
#[derive(Debug, Default)]
struct ReceivedEvents {
    /// The numbers of the messages that came for the first time, in their order.
    numbers: Vec<usize>,
    /// The numbers of the repeated messages that were marked.
    marked_repeats: Vec<usize>,
    /// The numbers of the repeated messages that were not marked.
    unmarked_repeats: Vec<usize>,
    /// All events other than messages.
    others: Vec<Value>,
}

impl ReceivedEvents {
    /// Waits until the last message has arrived.
    async fn wait_for_all(window: &Window) -> Self {
        eventually("the last message is heard", async || {
            let last = "return events.some(({ message }) => message?.number === LAST)";
            window
                .run(&last.replace("LAST", &(MESSAGES - 1).to_string()))
                .await
                == true
        })
        .await;
        let mut got = Self::default();
        for event in window.run("return events").await.as_array().unwrap() {
            got.note(event);
        }
        got
    }

    fn note(&mut self, event: &Value) {
        let Some(number) = event["message"]["number"].as_u64() else {
            self.others.push(event.clone());
            return;
        };
        let number = usize::try_from(number).unwrap();
        if !self.numbers.contains(&number) {
            self.numbers.push(number);
        } else if event["catchup"] == true {
            self.marked_repeats.push(number);
        } else {
            self.unmarked_repeats.push(number);
        }
    }
}

/// Publishes while the server ends in this way and starts again. Returns the events of the page
/// with the websocket and of the one with the event source, and the numbers of the messages that
/// were published again.
async fn publish_over_restart(
    end: Stop,
    flags: &[(&str, &str)],
) -> ([ReceivedEvents; 2], HashSet<usize>) {
    let folder = Folder::new();
    let server = start(&folder, flags);
    let (browser, backend) = (Browser::start().await, Backend::of(&server));
    let name = |page: &str, moment: &str| format!("restart-{page}-{end:?}-{moment}").to_lowercase();
    let mut windows = Vec::new();
    for (kind, make) in [
        ("websocket", websocket_page as fn(&str, &str) -> String),
        ("eventsource", event_source_page),
    ] {
        let conn_id = backend.connect(kind, &["news"]).await;
        let page = make(&server.address, &conn_id);
        let application = Application::passing_on(&page, &server).await;
        windows.push((kind, browser.open(&application.address, "/").await));
    }
    // From now on, joins and parts cause events.
    backend
        .post(
            "/channel_config",
            json!({"news": {"notify_presence": true}}),
        )
        .await;
    let progress = Arc::new(Progress::default());
    let publishing = tokio::spawn(publish(backend, progress.clone()));
    eventually("a third is published", async || {
        progress.answered.load(Relaxed) >= MESSAGES / 3
    })
    .await;
    for (kind, window) in &windows {
        window.screenshot(&name(kind, "before")).await;
    }
    let server = stop(server, end).await;
    let failed = progress.failed.load(Relaxed);
    eventually("an attempt to publish fails", async || {
        progress.failed.load(Relaxed) > failed
    })
    .await;
    assert!(
        !publishing.is_finished(),
        "all messages were published too early"
    );
    let _server = start_again(server).await;
    let repeated = publishing.await.unwrap();
    let mut got = Vec::new();
    for (kind, window) in &windows {
        got.push(ReceivedEvents::wait_for_all(window).await);
        window.screenshot(&name(kind, "after")).await;
    }
    let codes = windows[0].1.run("return codes").await;
    // The page may have tried again before the server had ended, or while none was running.
    let is_restart = |code: &Value| *code == 1012 || *code == 1006;
    assert!(codes.as_array().unwrap().iter().all(is_restart), "{codes}");
    (got.try_into().unwrap(), repeated)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn plain_pages_miss_nothing_and_get_nothing_twice_when_the_server_is_stopped_and_started() {
    let all: Vec<_> = (0..MESSAGES).collect();
    let (got, _) = publish_over_restart(Stop::InOrder, &[]).await;
    for got in got {
        assert_eq!(got.numbers, all);
        let repeats = [got.marked_repeats, got.unmarked_repeats].concat();
        assert_eq!(repeats, Vec::<usize>::new());
        assert_eq!(got.others, Vec::<Value>::new());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn plain_pages_have_all_that_was_answered_when_the_server_is_killed_and_started() {
    let all: Vec<_> = (0..MESSAGES).collect();
    // An answered message is on the disk.
    let (got, repeated) = publish_over_restart(Stop::Killed, &[("store-sync", "always")]).await;
    for got in got {
        assert_eq!(got.numbers, all);
        println!("repeated with a mark: {}", got.marked_repeats.len());
        // A message that a page received before it was on the disk is published again.
        let again = &got.unmarked_repeats;
        assert!(
            again.iter().all(|number| repeated.contains(number)),
            "{again:?}"
        );
        // Nobody has parted. A page that received such a message gets a gap for its loss.
        let is_gap = |event: &Value| event["type"] == "catchup:gap";
        assert!(got.others.iter().all(is_gap), "{:?}", got.others);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_plain_event_source_survives_a_stop_that_takes_longer_than_its_pause() {
    let folder = Folder::new();
    let mut server = start(&folder, &[("close-grace", "3")]);
    let (browser, backend) = (Browser::start().await, Backend::of(&server));
    let conn_id = backend.connect("alice", &["news"]).await;
    let page = event_source_page(&server.address, &conn_id);
    let application = Application::passing_on(&page, &server).await;
    let window = browser.open(&application.address, "/").await;
    backend.say("news", json!({"number": 0})).await;
    window.wait_for_text("#log", "0").await;
    // This client does not answer the close: the server waits for it, while the page comes back
    // after a second.
    let deaf = backend.connect("bob", &[]).await;
    let mut deaf = silent_websocket(&server, &deaf).await;
    assert_eq!(deaf.read_u8().await.unwrap(), b'H');
    server.begin_stop();
    assert!(server.end().await.success());
    let _server = start_again(server).await;
    backend.say("news", json!({"number": MESSAGES - 1})).await;
    assert_eq!(
        ReceivedEvents::wait_for_all(&window).await.numbers,
        [0, MESSAGES - 1]
    );
}
